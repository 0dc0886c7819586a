#include "worker/upkeep/PeriodicThread.h"

#include <algorithm>
#include <utility>

#include <Poco/Logger.h>

#include "core/Guarded.h"
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

std::size_t PeriodicThread::add(Visit visit, std::chrono::milliseconds interval, Time due) {
    const std::lock_guard lock(mutex_);
    stops_.push_back({std::move(visit), interval, due});
    woken_ = true;
    changed_.notify_all();
    return stops_.size() - 1;
}

void PeriodicThread::visitNow(std::size_t number) {
    const std::lock_guard lock(mutex_);
    stops_[number].due = clock_.monotonic();
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
        for (std::size_t i = 0; i < stops_.size() && !stopping_; ++i) {
            Stop& stop = stops_[i];
            if (const Time due = stop.due; clock_.monotonic() >= due) {
                lock.unlock();
                const Time next = visit(stop);
                lock.lock();
                // Else somebody asked for it meanwhile.
                if (stop.due == due) {
                    stop.due = next;
                }
            }
            wake = std::min(wake, stop.due);
        }
        changed_.wait_until(lock, wake, [this] { return stopping_ || woken_; });
        woken_ = false;
    }
}

PeriodicThread::Time PeriodicThread::visit(const Stop& stop) {
    const Time next = clock_.monotonic() + stop.interval;
    try {
        return stop.visit(*redis_);
    } catch (const RedisIoException&) {
        return std::max(redis_->nextAttempt(), clock_.monotonic() + kShortestPause);
    } catch (const Poco::Exception& error) {
        Poco::Logger::get("worker").error(name_ + ": " + error.message());
    } catch (const std::exception& error) {
        Poco::Logger::get("worker").error(name_ + ": " + error.what());
    }
    return next;
}

}  // namespace drover
