#include "queues/StreamThread.h"

#include <pthread.h>
#include <utility>

namespace drover::api {

std::shared_ptr<void> StreamThread::Inbox::admit(const std::shared_ptr<Inbox>& inbox) {
    const std::lock_guard lock(inbox->mutex_);
    if (inbox->bodies_ >= inbox->mostBodies_) {
        return nullptr;
    }
    ++inbox->bodies_;
    return {inbox.get(), [inbox](Inbox*) {
                const std::lock_guard end(inbox->mutex_);
                --inbox->bodies_;
            }};
}

void StreamThread::Inbox::post(std::function<void()> work) {
    {
        const std::lock_guard lock(mutex_);
        if (closed_) {
            return;
        }
        work_.push_back(std::move(work));
    }
    posted_.notify_one();
}

void StreamThread::Inbox::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        posted_.wait(lock, [this] { return closed_ || !work_.empty(); });
        if (closed_) {
            return;
        }
        std::function<void()> work = std::move(work_.front());
        work_.pop_front();
        lock.unlock();
        work();
        work = nullptr;  // It may hold the last pointer to a body, which is counted under the lock.
        lock.lock();
    }
}

void StreamThread::Inbox::close() {
    std::deque<std::function<void()>> dropped;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        dropped.swap(work_);
    }
    posted_.notify_one();
}

StreamThread::StreamThread(std::size_t mostBodies)
    : inbox_(std::make_shared<Inbox>(mostBodies)), thread_([inbox = inbox_] { inbox->run(); }) {
    pthread_setname_np(thread_.native_handle(), "open bodies");
}

StreamThread::~StreamThread() {
    inbox_->close();
    thread_.join();
}

}  // namespace drover::api
