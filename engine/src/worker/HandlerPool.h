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

/// How the handlers of a queue run.
struct HandlerLimits {
    int threads = 1;     ///< Per handler; at least one is started.
    int batchSize = 64;  ///< Most jobs that one thread runs at once.
    std::chrono::milliseconds timeout{
        0};  ///< Per job, before its cancel token reads Timeout; 0: none.

    friend bool operator==(const HandlerLimits& a, const HandlerLimits& b) {
        return a.threads == b.threads && a.batchSize == b.batchSize && a.timeout == b.timeout;
    }
};

/// Runs the jobs of one handler in one queue on threads of its own, each with an instance of the handler.
///
/// A batch has the waiting jobs, up to `batchSize`; a job that stalled or failed before runs alone. Finished batches go to
/// the inbox.
/// Threads: submit() and popUnstarted() from the claim loop; the rest from any.
class HandlerPool {
public:
    using Time = JobRun::Time;

    /// `inbox` must outlive this object.
    HandlerPool(std::shared_ptr<HandlerType> type,
                const HandlerLimits& limits,
                OutcomeInbox& inbox);
    /// Joins the threads. Drops jobs that have not begun: the worker pops them before.
    ~HandlerPool();
    HandlerPool(const HandlerPool&) = delete;
    HandlerPool& operator=(const HandlerPool&) = delete;

    /// Starts the threads and waits until each has its instance; does nothing if they run already. Throws PluginException
    /// if the plugin refuses one.
    void start();
    /// Lets the threads end, each after its present batch; each wakes the inbox then. No job may be submitted any more.
    void retire();
    /// Returns true if all threads have ended and every outcome lies in the inbox.
    [[nodiscard]] bool retired() const { return ended_ == threadCount_; }

    void submit(std::vector<std::shared_ptr<JobRun>> runs);
    /// Returns the jobs that no thread has begun, and forgets them.
    std::vector<std::shared_ptr<JobRun>> popUnstarted();
    /// Returns when the oldest job was claimed that no thread has begun; Time::max() if there is none.
    [[nodiscard]] Time oldestUnstarted() const;

    /// Returns true while a handler is at work.
    [[nodiscard]] bool busy() const { return atWork_ > 0; }

    [[nodiscard]] const HandlerType& type() const { return *type_; }
    /// Returns how many jobs can run at once.
    [[nodiscard]] int slots() const { return threadCount_ * batchSize_; }
    struct Load {
        int ready;      ///< How many jobs the idle threads would begin at once.
        int unstarted;  ///< How many jobs wait for a thread.
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
