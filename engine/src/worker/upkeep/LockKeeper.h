#pragma once

#include <chrono>
#include <memory>

#include "core/Clock.h"
#include "queue/QueueBackend.h"
#include "worker/HeldJobs.h"
#include "worker/upkeep/PeriodicThread.h"

namespace drover {

/// Renews the locks of all jobs that this process holds, one call per queue, from the claim until the outcome is told:
/// also while draining.
///
/// Renews at half the lock duration: one lost round trip then still leaves time before a job counts as stalled. A lock
/// that is gone sets the job's cancel token, and so does somebody's wish to cancel the job, which the renewal reads; a
/// renewal that Redis refuses or does not answer is tried again and loses nothing.
/// Threads: one of its own; the public methods from any.
class LockKeeper {
public:
    LockKeeper(std::unique_ptr<RedisClient> redis, const Clock& clock);

    /// Both references must live until stop().
    void watch(const QueueBackend& backend, HeldJobs& held, std::chrono::milliseconds lockDuration);
    void start() { rounds_.start(); }
    void stop() { rounds_.stop(); }

private:
    const Clock& clock_;
    PeriodicThread rounds_;
};

}  // namespace drover
