#include "worker/upkeep/PeriodicThread.h"

#include <algorithm>
#include <utility>

#include "core/Guarded.h"
#include "core/Log.h"
#include "drover/Exceptions.h"

namespace drover {

namespace {

/// Bounds what a forgotten wake-up could cost.
constexpr std::chrono::seconds kLongestWait{1};
constexpr std::chrono::milliseconds kShortestPause{10};

}  // namespace

PeriodicThread::PeriodicThread(std::string name,
                               std::unique_ptr<RedisClient> redis,
                               const Clock& clock)
    : name_(std::move(name)), redis_(std::move(redis)), clock_(clock) {}

PeriodicThread::~PeriodicThread() {
    stop();
}

std::size_t PeriodicThread::add(Work work,
                                std::chrono::milliseconds interval,
                                Time due,
                                std::shared_ptr<RedisClient> redis) {
    const std::lock_guard lock(mutex_);
    if (!redis) {
        redis = redis_;
    }
    tasks_.push_back({std::move(work), interval, due, std::move(redis)});
    woken_ = true;
    changed_.notify_all();
    return tasks_.size() - 1;
}

void PeriodicThread::runNow(std::size_t number) {
    const std::lock_guard lock(mutex_);
    tasks_[number].due = clock_.monotonic();
    woken_ = true;
    changed_.notify_all();
}

void PeriodicThread::start() {
    thread_ = std::thread([this] {
        while (!runGuarded(name_.c_str(), [this] { loop(); })) {
        }
    });
}

void PeriodicThread::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

bool PeriodicThread::stopping() const {
    const std::lock_guard lock(mutex_);
    return stopping_;
}

void PeriodicThread::loop() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        Time wake = clock_.monotonic() + kLongestWait;
        for (std::size_t i = 0; i < tasks_.size() && !stopping_; ++i) {
            Task& task = tasks_[i];
            if (const Time due = task.due; clock_.monotonic() >= due) {
                lock.unlock();
                const Time next = run(task);
                lock.lock();
                // Else runNow() has made the task due meanwhile.
                if (task.due == due) {
                    task.due = next;
                }
            }
            wake = std::min(wake, task.due);
        }
        changed_.wait_until(lock, wake, [this] { return stopping_ || woken_; });
        woken_ = false;
    }
}

PeriodicThread::Time PeriodicThread::run(const Task& task) {
    const Time next = clock_.monotonic() + task.interval;
    try {
        return task.work(*task.redis);
    } catch (const RedisIoException&) {
        return std::max(task.redis->nextAttempt(), clock_.monotonic() + kShortestPause);
    } catch (const Poco::Exception& error) {
        Log("worker").error(name_ + ": " + error.message());
    } catch (const std::exception& error) {
        Log("worker").error(name_ + ": " + error.what());
    }
    return next;
}

}  // namespace drover
