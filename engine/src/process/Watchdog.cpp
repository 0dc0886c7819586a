#include "process/Watchdog.h"

#include <utility>

#include <Poco/Logger.h>

#include "core/Guarded.h"

namespace drover {

Watchdog::Watchdog(const ServiceManager& manager, std::function<std::string()> standstill)
    : manager_(manager), standstill_(std::move(standstill)) {
    if (const auto interval = manager_.watchdog()) {
        thread_ = std::thread([this, pause = *interval / 4] { run(pause); });
    }
}

Watchdog::~Watchdog() {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void Watchdog::run(std::chrono::microseconds pause) {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!stopping_) {
        lock.unlock();
        // A check that throws is logged, and leaves the watchdog hungry.
        (void)runGuarded("watchdog", [this] { look(); });
        lock.lock();
        wake_.wait_for(lock, pause, [this] { return stopping_; });
    }
}

void Watchdog::look() {
    const std::string reason = standstill_();
    if (reason.empty()) {
        manager_.feedWatchdog();
    } else if (reason != lastReason_) {
        Poco::Logger::get("engine").error("the watchdog of the service manager is not fed: " +
                                          reason);
    }
    lastReason_ = reason;
}

}  // namespace drover
