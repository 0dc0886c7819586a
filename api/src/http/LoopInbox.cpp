#include "http/LoopInbox.h"

#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

#include <Poco/Exception.h>

#include "http/StreamState.h"

namespace drover::api {

LoopInbox::LoopInbox() : eventFd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (eventFd_ < 0) {
        throw Poco::IOException("eventfd: no descriptor");
    }
}

LoopInbox::~LoopInbox() {
    ::close(eventFd_);
}

void LoopInbox::post(LoopMessage message) {
    std::unique_lock lock(mutex_);
    if (closed_) {
        lock.unlock();
        return drop(message);
    }
    messages_.push_back(std::move(message));
    if (!std::exchange(awake_, true)) {
        lock.unlock();
        wake();
    }
}

void LoopInbox::drop(const LoopMessage& message) {
    if (message.stream) {
        message.stream->close();
    }
}

void LoopInbox::wake() {
    const std::uint64_t one = 1;
    (void)!write(eventFd_, &one, sizeof(one));
}

bool LoopInbox::rest() {
    const std::lock_guard lock(mutex_);
    awake_ = !messages_.empty();
    return !awake_;
}

void LoopInbox::rise(bool signalled) {
    if (signalled) {
        std::uint64_t ignored = 0;
        (void)!read(eventFd_, &ignored, sizeof(ignored));
    }
    const std::lock_guard lock(mutex_);
    awake_ = true;
}

std::vector<LoopMessage> LoopInbox::popAll() {
    const std::lock_guard lock(mutex_);
    return std::exchange(messages_, {});
}

void LoopInbox::close() {
    std::vector<LoopMessage> dropped;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        dropped.swap(messages_);
    }
    for (const LoopMessage& message : dropped) {
        drop(message);
    }
}

}  // namespace drover::api
