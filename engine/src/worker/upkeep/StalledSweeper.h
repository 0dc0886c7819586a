#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "core/Clock.h"
#include "queue/QueueBackend.h"
#include "redis/ServerTime.h"
#include "worker/ProblemLog.h"
#include "worker/upkeep/LostJobs.h"
#include "worker/upkeep/PeriodicThread.h"

namespace drover {

/// Looks for active jobs whose lock expired, in every queue that this process works, at the moment when the queue's last
/// check (anybody's) expires. In chunks: one sweep over thousands of jobs would hold up Redis for everybody.
/// Looks also for jobs that are in no state (LostJobsSearch), one process of Drover at a time: in each queue once in
/// `lostInterval`; in one that 5.x clients share, who lose jobs, once in `interval` and when the queue is seen resumed.
/// Threads: one of its own; the public methods from any.
class StalledSweeper {
public:
    StalledSweeper(std::unique_ptr<RedisClient> redis, const Clock& clock);

    /// `backend` must live until stop().
    void watch(const QueueBackend& backend,
               std::chrono::milliseconds interval,
               int maxStalledCount,
               std::chrono::milliseconds lostInterval = std::chrono::minutes(10));
    /// Somebody has resumed a queue that 5.x clients share: what they lost of it is looked for now.
    void resumed(const QueueBackend& backend);
    void start() { rounds_.start(); }
    void stop() { rounds_.stop(); }

private:
    struct Watched {
        Watched(const QueueBackend& queue,
                std::chrono::milliseconds every,
                int most,
                std::chrono::milliseconds lostEvery)
            : backend(queue), interval(every), maxStalledCount(most), lostInterval(lostEvery) {}

        const QueueBackend& backend;
        const std::chrono::milliseconds interval;
        const int maxStalledCount;
        const std::chrono::milliseconds lostInterval;
        std::optional<LostJobsSearch> search;  ///< Under way.
        std::size_t round = 0;
        std::atomic<bool> lookForLost{false};  ///< Before the interval is over.
    };

    /// Returns when this queue's next check is due.
    PeriodicThread::Time sweep(RedisClient& redis, Watched& watched);
    /// Goes on with the search for lost jobs, or begins one that is due. Returns whether it is under way.
    bool lookForLost(RedisClient& redis, Watched& watched, bool shared);

    const RedisClock clock_;
    ProblemLog problems_;  ///< Of the thread.
    std::mutex mutex_;
    std::deque<Watched> watched_;  ///< Only ever added to: references stay valid.
    PeriodicThread rounds_;        ///< Ends before what its thread looks at.
};

}  // namespace drover
