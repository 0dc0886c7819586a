#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/HandlerType.h"
#include "worker/JobRun.h"
#include "worker/OutcomeInbox.h"

namespace drover {

/// The threads of one handler in one queue: each has an instance of its own and runs jobs in batches.
///
/// A batch holds what is there, up to `batchSize`; a job that stalled or failed before runs alone. Finished runs go to
/// the inbox, each with its outcome or without one.
/// Threads: submit() and takeUnstarted() from the claim loop; the rest from any.
class HandlerPool {
public:
    using Time = JobRun::Time;

    /// `timeout`: how long a job may take before its cancel token says so; 0: no limit.
    HandlerPool(std::shared_ptr<HandlerType> type,
                int threads,
                int batchSize,
                std::chrono::milliseconds timeout,
                OutcomeInbox& inbox);
    /// Joins the threads; what was not begun is dropped (the worker took it back before).
    ~HandlerPool();
    HandlerPool(const HandlerPool&) = delete;
    HandlerPool& operator=(const HandlerPool&) = delete;

    /// Starts the threads and waits until each has its instance; nothing if they run already. Throws PluginException if
    /// the plugin refuses one.
    void start();
    /// Lets the threads end, each after the batch that it has; they wake the inbox. Nothing may be submitted any more.
    void retire();
    /// Whether all threads have ended and every outcome lies in the inbox.
    [[nodiscard]] bool retired() const { return ended_ == threadCount_; }

    void submit(std::vector<std::shared_ptr<JobRun>> runs);
    /// Takes back what no thread has begun.
    std::vector<std::shared_ptr<JobRun>> takeUnstarted();
    /// When the oldest job was claimed that no thread has begun; Time::max() if there is none.
    [[nodiscard]] Time oldestUnstarted() const;

    /// Whether a handler is at work just now.
    [[nodiscard]] bool busy() const { return atWork_ > 0; }

    [[nodiscard]] const HandlerType& type() const { return *type_; }
    /// How many jobs can run at once.
    [[nodiscard]] int slots() const { return threadCount_ * batchSize_; }
    /// How many jobs the idle threads would begin at once, and how many wait for a thread.
    struct Load {
        int ready, unstarted;
    };
    [[nodiscard]] Load load() const;

private:
    void run();
    std::vector<std::shared_ptr<JobRun>> nextBatch();
    void process(HandlerInstance& instance,
                 const std::vector<std::shared_ptr<JobRun>>& batch) const;

    const std::shared_ptr<HandlerType> type_;
    const int threadCount_;
    const int batchSize_;
    const std::chrono::milliseconds timeout_;
    OutcomeInbox& inbox_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::shared_ptr<JobRun>> waiting_;
    int ready_ = 0;
    std::exception_ptr refused_;
    bool stopping_ = false;
    std::atomic<int> atWork_{0};
    std::atomic<int> ended_{0};
    std::vector<std::thread> threads_;
};

}  // namespace drover
