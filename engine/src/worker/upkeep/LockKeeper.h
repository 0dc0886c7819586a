#pragma once

#include <chrono>
#include <memory>

#include "core/Clock.h"
#include "queue/QueueContext.h"
#include "redis/RedisClient.h"
#include "worker/HeldJobs.h"
#include "worker/upkeep/PeriodicThread.h"

namespace drover {

/// Renews the locks of all jobs that this process holds, one call per queue, from the claim until Redis has the outcome:
/// also while draining.
///
/// Renews at half the lock duration by default: one lost round trip then still leaves time before a job counts as stalled.
/// A lock that is gone sets the job's cancel token, and so does a request to cancel the job, which the renewal reads. A renewal
/// that Redis refuses or does not answer is tried again and loses nothing.
/// Threads: one of its own; the public methods from any.
class LockKeeper {
public:
    LockKeeper(std::unique_ptr<RedisClient> redis, const Clock& clock);

    /// Renews the locks of `held` every `interval`. Both references must live until stop(). `redis`: a client of the queue's own,
    /// since a cluster has queues at several nodes.
    void watch(const QueueContext& queue,
               HeldJobs& held,
               std::chrono::milliseconds lockDuration,
               std::chrono::milliseconds interval,
               std::shared_ptr<RedisClient> redis = nullptr);
    void start() { thread_.start(); }
    void stop() { thread_.stop(); }

private:
    const Clock& clock_;
    PeriodicThread thread_;
};

}  // namespace drover
