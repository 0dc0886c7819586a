#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "drover/Bullmq5.h"
#include "drover/Export.h"

namespace drover {

class Redis;

/// At most `max` jobs begin within `duration`, counted by all workers of the queue together.
struct RateLimit {
    int max = 1;
    std::chrono::milliseconds duration{1000};
};

/// Decides how one queue is worked, by every client, on the connections of the handle.
///
/// Each method throws RedisIoException (or a child) when Redis is away; the change may have been made.
/// Threads: every method may be called from any thread.
class DROVER_API QueueControl {
public:
    struct Settings {
        std::string prefix = "bull";
        std::string name;  ///< Not empty, no ':'.
        Bullmq5 bullmq5 = Bullmq5::Auto;
    };

    /// Throws Poco::InvalidArgumentException for a bad name.
    QueueControl(const Redis& redis, const Settings& settings);
    ~QueueControl();
    QueueControl(const QueueControl&) = delete;
    QueueControl& operator=(const QueueControl&) = delete;

    /// Keeps workers from claiming jobs until resume(). Running jobs go on, and producers add. Event `paused`, each time.
    void pause();
    void resume();

    /// Bounds how many jobs of the queue may be active at once, in all workers together. A worker checks it when it claims:
    /// if more jobs are active already, they go on. Throws Poco::InvalidArgumentException below 1.
    void setGlobalConcurrency(int jobs);
    void removeGlobalConcurrency();

    /// Goes before the `max` of a worker's own limit; the worker's own duration goes before this one.
    /// Throws Poco::InvalidArgumentException for a max or a duration below 1.
    void setGlobalRateLimit(const RateLimit& limit);
    void removeGlobalRateLimit();
    /// Lets no job begin for this long in workers that have a limit, their own or the queue's. Workers without one go on.
    /// Throws Poco::InvalidArgumentException below 1 ms.
    void rateLimit(std::chrono::milliseconds duration);
    /// Ends the window: jobs may begin at once.
    void removeRateLimitKey();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace drover
