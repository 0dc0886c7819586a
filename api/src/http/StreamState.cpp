#include "http/StreamState.h"

namespace drover::api {

StreamState::Admission StreamState::admit(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    if (closed_) {
        return Admission::Closed;
    }
    if (waiting_ > 0 && waiting_ + bytes > cap_) {
        refused_ = bytes;
        return Admission::Full;
    }
    waiting_ += bytes;
    return Admission::Yes;
}

void StreamState::count(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    waiting_ += bytes;
}

void StreamState::sent(std::size_t bytes) {
    std::function<void()> callback;
    {
        const std::lock_guard lock(mutex_);
        waiting_ -= bytes;
        if (writable()) {
            callback = std::exchange(callback_, nullptr);
        }
    }
    if (callback) {
        callback();
    }
}

void StreamState::close() {
    std::function<void()> callback;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        callback = std::exchange(callback_, nullptr);
    }
    if (callback) {
        callback();
    }
}

bool StreamState::open() const {
    const std::lock_guard lock(mutex_);
    return !closed_;
}

void StreamState::whenWritable(std::function<void()> callback) {
    {
        const std::lock_guard lock(mutex_);
        if (!writable()) {
            callback_ = std::move(callback);
            return;
        }
    }
    callback();
}

}  // namespace drover::api
