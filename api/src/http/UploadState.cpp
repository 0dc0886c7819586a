#include "http/UploadState.h"

#include <utility>

namespace drover::api {

bool UploadState::wantsBytes() {
    const std::lock_guard lock(mutex_);
    paused_ = end_ == End::Open && bytes_.size() >= cap_;
    return end_ == End::Open && !paused_;
}

void UploadState::append(std::string bytes) {
    std::unique_lock lock(mutex_);
    if (bytes_.empty()) {
        bytes_ = std::move(bytes);
    } else {
        bytes_.append(bytes);
    }
    changed(std::move(lock));
}

void UploadState::end() {
    std::unique_lock lock(mutex_);
    end_ = End::Whole;
    changed(std::move(lock));
}

void UploadState::fail(Upload::Problem problem, Rest rest) {
    std::unique_lock lock(mutex_);
    if (end_ != End::Open) {
        return;
    }
    end_ = End::Broken;
    problem_ = std::move(problem);
    if (rest == Rest::IsDropped) {
        bytes_.clear();
    }
    changed(std::move(lock));
}

Upload::Arrival UploadState::read(std::string& bytes, bool& hasRoom) {
    const std::lock_guard lock(mutex_);
    if (!bytes_.empty()) {
        bytes.append(std::exchange(bytes_, {}));
        hasRoom = std::exchange(paused_, false);
        return Upload::Arrival::Some;
    }
    switch (end_) {
        case End::Open:
            return Upload::Arrival::Later;
        case End::Whole:
            return Upload::Arrival::End;
        case End::Broken:
            return Upload::Arrival::Broken;
    }
    return Upload::Arrival::Broken;
}

Upload::Problem UploadState::problem() const {
    const std::lock_guard lock(mutex_);
    return problem_;
}

void UploadState::whenReadable(std::function<void()> callback) {
    std::unique_lock lock(mutex_);
    callback_ = std::move(callback);
    changed(std::move(lock));
}

/// Calls the callback back if it is due, without the lock.
void UploadState::changed(std::unique_lock<std::mutex> lock) {
    std::function<void()> callback;
    if (readable()) {
        callback = std::exchange(callback_, nullptr);
    }
    lock.unlock();
    if (callback) {
        callback();
    }
}

}  // namespace drover::api
