#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "process/ServiceManager.h"

namespace drover {

/// Feeds the watchdog of the service manager, four times within its interval, as long as every part of the process makes
/// progress. A part that stands still, or a check that does not return, leaves it hungry: the manager then starts the
/// process anew. An outage of a server is not a standstill. Starts nothing if the manager has no watchdog.
/// Owns its thread; the destructor ends it.
class Watchdog {
public:
    /// `standstill` returns the parts that stand still, for the log; empty: none. Called on the thread.
    Watchdog(const ServiceManager& manager, std::function<std::string()> standstill);
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

private:
    void run(std::chrono::microseconds pause);
    /// Feeds, or logs why not.
    void look();

    const ServiceManager& manager_;
    const std::function<std::string()> standstill_;
    std::string lastReason_;  ///< Used by the thread alone.
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace drover
