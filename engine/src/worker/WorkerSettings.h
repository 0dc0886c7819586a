#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "queue/QueueBackend.h"

namespace drover {

/// How one queue is worked in this process. Source: queue.<alias>.*, worker.defaults.* and the plugin's own suggestions.
struct WorkerSettings {
    std::string prefix = "bull";
    std::string queue;       ///< Name on the wire.
    std::string workerName;  ///< Shown by dashboards and stored in `pb`; empty: none.
    int concurrency = 256;   ///< Most jobs that this process holds active in the queue.
    int threads = 1;         ///< Per handler.
    int batchSize = 64;      ///< Most jobs that one thread takes at once.
    std::chrono::milliseconds lockDuration{10000};
    std::chrono::milliseconds stalledInterval{5000};
    std::chrono::milliseconds lostJobsInterval{600000};
    int maxStalledCount = 1;
    std::chrono::milliseconds unstartedMax{
        500};  ///< A claimed job that has not begun by then is handed back.
    std::int64_t maxBytes =
        64 << 20;  ///< Of claimed jobs that this process holds; one job more is held at most.
    std::chrono::milliseconds timeout{
        0};  ///< A handler's soft limit per job: then the cancel token is set. 0: none.
    std::chrono::milliseconds drainDelay{5000};  ///< Longest block when nothing is known to come.
    Bullmq5 bullmq5 = Bullmq5::Auto;
    WorkerLimiter limiter;
    /// The longest trust in a limiter's own word: it may be lifted sooner. BullMQ: maximumRateLimitDelay.
    std::chrono::milliseconds maximumRateLimitDelay{30000};
    int metricsPoints = 0;       ///< Minutes of metrics that finishes keep; 0: none are counted.
    int maxStartedAttempts = 0;  ///< A job that was started more often fails unrun; 0: no limit.
    KeepJobs keepCompleted;      ///< For jobs without a rule of their own.
    KeepJobs keepFailed;
};

}  // namespace drover
