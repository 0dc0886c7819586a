#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "core/Clock.h"
#include "drover/Metrics.h"
#include "queue/QueueContext.h"
#include "redis/RedisClient.h"
#include "worker/ProblemLog.h"
#include "worker/upkeep/LostJobs.h"
#include "worker/upkeep/PeriodicThread.h"

namespace drover {

/// Puts active jobs whose lock expired back to wait, in every queue that this process works, at the moment when the queue's
/// last check (of any worker) expires. In chunks: one sweep over thousands of jobs would hold up every client of Redis.
///
/// Searches also for jobs that are in no state (LostJobsSearch), one process of Drover at a time: each queue once in
/// `lostInterval`. A queue that 5.x clients share, which lose jobs, is searched once in `interval` and when it is
/// resumed. Threads: one of its own; the public methods from any.
class StalledSweeper {
public:
    StalledSweeper(std::unique_ptr<RedisClient> redis, const Clock& clock);

    /// `queue` must live until stop(). `redis`: a client of the queue's own, since a cluster has queues at several nodes.
    void watch(const QueueContext& queue,
               std::chrono::milliseconds interval,
               int maxStalledCount,
               std::chrono::milliseconds lostInterval = std::chrono::minutes(10),
               std::shared_ptr<RedisClient> redis = nullptr);
    /// Searches a queue that 5.x clients share, and that a client has resumed, for jobs that they lost: now.
    void onResumed(const QueueContext& queue);
    /// Adds how many jobs went back, by queue.
    void measure(Metrics& metrics) const;
    void start() { thread_.start(); }
    void stop() { thread_.stop(); }

private:
    struct Watched {
        Watched(const QueueContext& ofQueue,
                std::chrono::milliseconds every,
                int most,
                std::chrono::milliseconds lostEvery)
            : queue(ofQueue), interval(every), maxStalledCount(most), lostInterval(lostEvery) {}

        const QueueContext& queue;
        const std::chrono::milliseconds interval;
        const int maxStalledCount;
        const std::chrono::milliseconds lostInterval;
        std::optional<LostJobsSearch> search;  ///< Under way.
        std::size_t task = 0;
        std::atomic<bool> searchNow{false};  ///< Before the interval is over.
        std::atomic<std::uint64_t> stalled{0};
        std::atomic<std::uint64_t> rescued{0};
    };

    /// Returns when this queue's next check is due.
    PeriodicThread::Time sweep(RedisClient& redis, Watched& watched);
    /// Goes on with the search for lost jobs, or begins a search that is due. Returns whether it is still under way.
    bool searchLost(RedisClient& redis, Watched& watched, bool shared);

    const Clock& clock_;
    ProblemLog problems_;  ///< The thread's only.
    mutable std::mutex mutex_;
    std::deque<Watched> watched_;  ///< Only ever added to: references stay valid.
    PeriodicThread thread_;        ///< Ends before the members that its tasks use.
};

}  // namespace drover
