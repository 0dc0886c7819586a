#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>

#include "core/Clock.h"
#include "queue/QueueBackend.h"
#include "worker/QueueRounds.h"

namespace drover {

/// Looks for active jobs whose lock expired, in every queue that this process works, at the moment when the queue's last
/// check (anybody's) expires. In chunks: one sweep over thousands of jobs would hold up Redis for everybody.
/// In a queue shared with 5.x clients also for jobs that these lost: one process of ours once in the interval, and each
/// that sees the queue resumed.
/// Threads: one of its own; the public methods from any.
class StalledSweeper {
public:
    StalledSweeper(std::unique_ptr<RedisClient> redis, const Clock& clock);

    /// `backend` must live until stop().
    void watch(const QueueBackend& backend,
               std::chrono::milliseconds interval,
               int maxStalledCount);
    /// Somebody has resumed a queue that 5.x clients share: what they lost of it is looked for now.
    void resumed(const QueueBackend& backend);
    void start() { rounds_.start(); }
    void stop() { rounds_.stop(); }

private:
    struct Watched {
        Watched(const QueueBackend& queue, std::chrono::milliseconds every, int most)
            : backend(queue), interval(every), maxStalledCount(most) {}

        const QueueBackend& backend;
        const std::chrono::milliseconds interval;
        const int maxStalledCount;
        std::size_t round = 0;
        std::atomic<bool> lookForLost{false};  ///< Before the interval is over.
    };

    /// Returns when this queue's next check is due.
    QueueRounds::Time sweep(RedisClient& redis, Watched& watched);
    /// Of a queue that 5.x clients share: what they lost.
    void rescueLost(RedisClient& redis, const QueueBackend& backend);

    const Clock& clock_;
    std::mutex mutex_;
    std::deque<Watched> watched_;  ///< Only ever added to: references stay valid.
    QueueRounds rounds_;           ///< Ends before what its thread looks at.
};

}  // namespace drover
