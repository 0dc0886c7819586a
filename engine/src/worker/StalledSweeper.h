#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/Clock.h"
#include "queue/QueueBackend.h"

namespace drover {

/// Looks for active jobs whose lock expired, in every queue that this process works, at the moment when the queue's last
/// check (anybody's) expires. In chunks: one sweep over thousands of jobs would hold up Redis for everybody.
/// In a queue shared with 5.x clients also for jobs that these lost: one process of ours once in the interval, and each
/// that sees the queue resumed.
/// Threads: one of its own; the public methods from any.
class StalledSweeper {
public:
    StalledSweeper(std::unique_ptr<RedisClient> redis, const Clock& clock);
    ~StalledSweeper();
    StalledSweeper(const StalledSweeper&) = delete;
    StalledSweeper& operator=(const StalledSweeper&) = delete;

    /// `backend` must live until stop().
    void watch(const QueueBackend& backend,
               std::chrono::milliseconds interval,
               int maxStalledCount);
    /// Somebody has resumed a queue that 5.x clients share: what they lost of it is looked for now.
    void resumed(const QueueBackend& backend);
    void start();
    void stop();

private:
    struct Watched {
        const QueueBackend* backend;
        std::chrono::milliseconds interval;
        int maxStalledCount;
        Clock::Monotonic due;
        bool resumed = false;  ///< Since the last look.
    };

    void loop();
    /// Returns when this queue's next check is due.
    Clock::Monotonic sweep(const Watched& watched);
    /// Of a queue that 5.x clients share: what they lost.
    void rescueLost(const QueueBackend& backend);

    const std::unique_ptr<RedisClient> redis_;
    const Clock& clock_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Watched> watched_;
    bool woken_ = false;  ///< Something is due sooner than it was.
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace drover
