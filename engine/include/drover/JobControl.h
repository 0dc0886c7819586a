#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "drover/Bullmq5.h"
#include "drover/ErrorCode.h"
#include "drover/Export.h"
#include "drover/Job.h"

namespace drover {

class Redis;

/// Changes single jobs of one queue, on the connections of the handle.
///
/// Each change is one atomic script, unless its comment names a bound. Each method throws:
/// - JobStateException, with the code, if there is no such job or it is in another state: nothing has changed.
/// - Poco::InvalidArgumentException for a bad value: it names the value and the right ones. Nothing was sent.
/// - RedisIoException (or a child) when Redis is away; the change may have been made.
/// - ScriptException if a key of the queue has another type.
/// Source: BullMQ's `Job` and `Queue`, docs/wire-format.md#changes. Threads: every method may be called from any thread.
class DROVER_API JobControl {
public:
    struct Settings {
        std::string prefix = "bull";
        std::string name;  ///< Not empty, no ':'.
        Bullmq5 bullmq5 = Bullmq5::Auto;
    };

    /// Throws Poco::InvalidArgumentException for a bad name.
    JobControl(const Redis& redis, const Settings& settings);
    ~JobControl();
    JobControl(const JobControl&) = delete;
    JobControl& operator=(const JobControl&) = delete;

    /// Lets a delayed job run now, behind the other jobs of its priority.
    void promote(const std::string& id);
    /// Delays a delayed job until `delay` from now; 0: it is due at once. Not negative.
    void changeDelay(const std::string& id, std::chrono::milliseconds delay);
    /// Changes the priority, [0, 2097151]. A job that waits gets its new place at once: behind the other jobs of that
    /// priority, before them if `lifo`. In any other state the priority counts from its next wait on.
    void changePriority(const std::string& id, int priority, bool lifo = false);
    /// Delays an active job until `dueMs` (since the epoch) without counting an attempt, for the holder of its lock `token`.
    void moveToDelayed(const std::string& id, std::int64_t dueMs, const std::string& token);

    struct Retry {
        JobState from = JobState::Failed;  ///< The state that it is in: Failed or Completed.
        bool resetAttemptsMade = false;
        bool resetAttemptsStarted = false;
    };
    /// Makes a finished job run again, with its priority and its option lifo. A child that its parent counted as ended is one
    /// that the parent waits for again; the parent's state stays. Stack traces, progress and logs stay.
    void retry(const std::string& id, const Retry& options);
    void retry(const std::string& id) { retry(id, Retry{}); }

    /// Replaces the data (JSON).
    void updateData(const std::string& id, const std::string& json);
    /// Stores the progress (JSON). Event `progress`.
    void updateProgress(const std::string& id, const std::string& json);
    /// Appends a row to the job's log; the newest `mostRows` stay, 0: all. Returns how many there are now.
    std::int64_t addLog(const std::string& id, const std::string& row, std::int64_t mostRows = 0);
    /// Removes the rows of the log but the newest `mostRows`. Not an error for a job without log.
    void clearLogs(const std::string& id, std::int64_t mostRows = 0);

    /// Removes a job with its keys, and all jobs below it if `withChildren`. Its parent no longer waits for it. Returns false if a
    /// worker holds one of the jobs; true also if there is no such job. Event `removed` per job.
    /// Several calls remove a tree of more than some hundred jobs, leaves first: if a worker claims one of them in between,
    /// the result is false and a part is gone. Throws JobStateException (-8) for the next job of a scheduler.
    bool remove(const std::string& id, bool withChildren = true);
    /// Removes the children that have not ended, with what is pending below them, some hundred per call. A child that a
    /// worker holds stays, and one that failed, each with the jobs below it. Returns how many jobs were removed.
    std::size_t removeUnprocessedChildren(const std::string& id);
    /// Ends that its parent waits for the job; a parent that waits for nothing else runs. Returns false if none waits for it.
    bool removeChildDependency(const std::string& id);

    /// Requests that the worker which holds an active job sets its cancel token, with a reason for its handler. A worker of Drover
    /// receives it at once, or when it renews the lock; the outcome that its handler then returns counts. A worker of BullMQ
    /// ignores it.
    void cancel(const std::string& id, const std::string& reason = "");

    /// Returns the id of the job that owns a deduplication id; std::nullopt: none does.
    [[nodiscard]] std::optional<std::string> deduplicationJobId(const std::string& deduplicationId);
    /// Lets the next add with this deduplication id count. Returns false if no job owns it.
    bool removeDeduplicationKey(const std::string& deduplicationId);
    /// Does so for the deduplication id of a job, if the job owns it. Returns false if it owns none.
    bool removeDeduplicationKeyOf(const std::string& id);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace drover
