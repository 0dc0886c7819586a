#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/Clock.h"
#include "queue/QueueBackend.h"
#include "worker/HeldJobs.h"

namespace drover {

/// Renews the locks of all jobs that this process holds, one call per queue, from the claim until the outcome is told:
/// also while draining.
///
/// Renews at half the lock duration: one lost round trip then still leaves time before a job counts as stalled. A lock
/// that is gone sets the job's cancel token, and so does somebody's wish to cancel the job, which the renewal reads; a
/// renewal that Redis refuses or does not answer is tried again and loses nothing.
/// Threads: one of its own; watch() and stop() from any.
class LockKeeper {
public:
    LockKeeper(std::unique_ptr<RedisClient> redis, const Clock& clock);
    ~LockKeeper();
    LockKeeper(const LockKeeper&) = delete;
    LockKeeper& operator=(const LockKeeper&) = delete;

    /// Both references must live until stop().
    void watch(const QueueBackend& backend, HeldJobs& held, std::chrono::milliseconds lockDuration);
    void start();
    void stop();

private:
    struct Watched {
        const QueueBackend* backend;
        HeldJobs* held;
        std::chrono::milliseconds lockDuration;
        Clock::Monotonic due;
    };

    void loop();
    void renew(const Watched& watched);

    const std::unique_ptr<RedisClient> redis_;
    const Clock& clock_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Watched> watched_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace drover
