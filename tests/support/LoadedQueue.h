#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "core/Clock.h"
#include "drover/Redis.h"
#include "redis/RedisShared.h"
#include "support/FakeHandler.h"
#include "support/WholeQueue.h"
#include "worker/Worker.h"
#include "worker/upkeep/LockKeeper.h"
#include "worker/upkeep/StalledSweeper.h"

namespace drover::test {

/// A queue under load while its Redis changes: a thread adds jobs, a worker completes them, and each is accounted for.
class LoadedQueue {
public:
    LoadedQueue(const Redis::Settings& server, const std::string& prefix, const std::string& name);
    ~LoadedQueue();
    LoadedQueue(const LoadedQueue&) = delete;
    LoadedQueue& operator=(const LoadedQueue&) = delete;

    /// Adds five jobs each 5 ms, or less often, until stopAdding().
    void startAdding();
    void stopAdding();
    /// Makes the worker claim nothing.
    void pauseWorker() { worker_->quiet(true); }
    void resumeWorker() { worker_->quiet(false); }

    /// Return how many jobs were acknowledged, had an unknown result, and ended.
    [[nodiscard]] std::size_t added() const;
    [[nodiscard]] std::size_t unknown() const { return unknown_; }
    [[nodiscard]] std::size_t ended() const;
    /// Returns true while Redis refuses a client of the queue.
    [[nodiscard]] bool refused() const { return options_.refusal->active(); }
    using Time = std::chrono::steady_clock::time_point;
    /// The longest time without the begin of a job.
    struct Pause {
        Time from, until;
    };
    /// Returns the longest pause since a moment, of those that began until another one; it may last still.
    [[nodiscard]] Pause longestPause(Time since, Time lastBegin) const;

    /// Wait until so many jobs were acknowledged, or have ended, and until none is left to do. Throw
    /// std::runtime_error after kPatience.
    void untilAdded(std::size_t count) const;
    void untilEnded(std::size_t count) const;
    void untilAllEnded() const;

    /// The ends of the acknowledged jobs.
    struct Account {
        std::size_t lost =
            0;  ///< Redis has no trace, and no handler ran: an asynchronous replica never got them.
        std::size_t repeated =
            0;  ///< Ran more than once: their ends were lost with the old master.
        std::string
            problems;  ///< Jobs with more than one attempt, in no state, or failed; empty: none.
    };
    [[nodiscard]] Account account() const;
    /// Forgets the jobs so far, for a queue that is removed. Only without the thread that adds.
    void forget();
    /// Fails the test unless each acknowledged job ended at its first attempt, once, or was lost by Redis itself.
    void assertEachEndedOnce() const;

private:
    void add();
    void until(const std::string& what, const std::function<bool()>& condition) const;

    const Redis redis_;
    const RedisOptions options_;
    const SystemClock clock_;
    std::unique_ptr<WholeQueue> queue_;
    std::unique_ptr<Worker> worker_;
    std::unique_ptr<LockKeeper> keeper_;
    std::unique_ptr<StalledSweeper> sweeper_;

    mutable std::mutex mutex_;
    std::size_t made_ = 0;  ///< The data of the newest job.
    std::map<std::string, std::string>
        added_;                        ///< Ids by the data of jobs: ids may be given again.
    std::map<std::string, int> runs_;  ///< By the data.
    std::atomic<std::size_t> unknown_{0};
    std::deque<Time> begins_;  ///< When batches began.
    std::atomic<bool> adding_{false};
    std::thread thread_;
};

}  // namespace drover::test
