#include "LongWork.h"

#include <string>
#include <utility>

#include <Poco/Logger.h>

#include "drover/Thrown.h"

namespace drover::admin {

namespace {

void runLogged(const std::function<void()>& work) {
    try {
        work();
    } catch (...) {
        Poco::Logger::get("admin").error("a request threw: " + thrownText());
    }
}

}  // namespace

LongWork::LongWork(std::size_t threads, std::size_t mostWaiting) : mostWaiting_(mostWaiting) {
    for (std::size_t i = 0; i < threads; ++i) {
        threads_.emplace_back([this] { loop(); });
    }
}

LongWork::~LongWork() {
    stop();
}

bool LongWork::run(std::function<void()> work) {
    {
        const std::lock_guard lock(mutex_);
        if (stopping_ || waiting_.size() >= mostWaiting_) {
            return false;
        }
        waiting_.push_back(std::move(work));
    }
    changed_.notify_one();
    return true;
}

void LongWork::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) {
        if (thread.joinable()) {
            thread.join();
        }
    }
}

void LongWork::loop() {
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
        if (waiting_.empty()) {
            return;
        }
        const std::function<void()> work = std::move(waiting_.front());
        waiting_.pop_front();
        lock.unlock();
        runLogged(work);
        lock.lock();
    }
}

}  // namespace drover::admin
