#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drover/Bullmq5.h"
#include "drover/Export.h"
#include "drover/Job.h"

namespace drover {

class Redis;

/// Works on all jobs of one queue that are in a state, on the connections of the handle.
///
/// Redis does nothing else during a call of a script, so each method makes as many short calls as it needs; other clients act in
/// between. A method that ended early, for an error or by its progress, goes on when it is called again. Jobs that cannot be
/// handled, for a key of another type, are logged and stay.
///
/// Each method throws Poco::InvalidArgumentException for a bad value (it names the value and the right ones; nothing was
/// sent), RedisIoException (or a child) when Redis is away, and ScriptException if a key of the queue has another type.
/// Source: BullMQ's `Queue`, docs/wire-format.md#maintenance. Threads: every method may be called from any thread.
class DROVER_API QueueMaintenance {
public:
    struct Settings {
        std::string prefix = "bull";
        std::string name;  ///< Not empty, no ':'.
        Bullmq5 bullmq5 = Bullmq5::Auto;
    };

    /// How a method divides its work.
    struct Calls {
        std::size_t jobs =
            500;  ///< Jobs in one call, [1, 10000]. Redis stands still for some µs each.
        /// Called after each call with the number of jobs so far. Returns false to end the work.
        std::function<bool(std::size_t jobs)> onProgress;
    };

    /// Throws Poco::InvalidArgumentException for a bad name.
    QueueMaintenance(const Redis& redis, const Settings& settings);
    ~QueueMaintenance();
    QueueMaintenance(const QueueMaintenance&) = delete;
    QueueMaintenance& operator=(const QueueMaintenance&) = delete;

    /// Makes all finished jobs of a state (Failed or Completed) run again that ended by `untilMs` (since the epoch; absent: by
    /// now), whatever their priority. Children are pending for their parents again. Returns how many.
    std::size_t retryJobs(JobState from, std::optional<std::int64_t> untilMs, const Calls& calls);
    std::size_t retryJobs(JobState from = JobState::Failed) {
        return retryJobs(from, std::nullopt, Calls());
    }
    /// Lets all delayed jobs run now, whatever their priority. Returns how many.
    std::size_t promoteJobs(const Calls& calls);
    std::size_t promoteJobs() { return promoteJobs(Calls()); }

    struct Clean {
        JobState state = JobState::Completed;  ///< Any but WaitingChildren and Unknown.
        /// The least time since a finished job ended, or since any other one last began or else was added.
        std::chrono::milliseconds grace{0};
        std::size_t limit = 0;  ///< Most jobs to remove, the oldest first; 0: all.
    };
    /// Removes jobs, but for the next jobs of schedulers and active jobs that a worker holds. A parent that then waits for nothing
    /// else is removed if it is in this queue, else it runs. Event `cleaned` per call. Returns the ids.
    std::vector<std::string> clean(const Clean& options, const Calls& calls);
    std::vector<std::string> clean(const Clean& options) { return clean(options, Calls()); }
    /// Removes all jobs that wait, and those that are delayed if `delayed`, as clean() does but without event. Jobs that are
    /// added meanwhile may stay. Returns how many.
    std::size_t drain(bool delayed, const Calls& calls);
    std::size_t drain(bool delayed = false) { return drain(delayed, Calls()); }

    /// Pauses the queue, and removes it with all that it has in Redis. Throws JobStateException if a job is active, unless
    /// `force`, or if the queue was resumed meanwhile: it then stays paused, or with a part of its jobs. Returns how many jobs
    /// were removed. Jobs of other queues that waited for them run.
    std::size_t obliterate(bool force, const Calls& calls);
    std::size_t obliterate(bool force = false) { return obliterate(force, Calls()); }

    /// Trims the stream of events to about this many, not less. Returns how many are gone.
    std::int64_t trimEvents(std::int64_t length);

    /// Removes jobs that are in no state, and keys of jobs that are gone, if the job is older than `minAge`. A younger job may
    /// be lost, and a worker's search for lost jobs lets it run. Returns how many.
    std::size_t removeOrphanedJobs(std::chrono::milliseconds minAge, const Calls& calls);
    std::size_t removeOrphanedJobs(std::chrono::milliseconds minAge = std::chrono::hours(1)) {
        return removeOrphanedJobs(minAge, Calls());
    }

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace drover
