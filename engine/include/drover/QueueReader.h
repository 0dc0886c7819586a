#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drover/Export.h"
#include "drover/Job.h"
#include "drover/JobChildren.h"
#include "drover/JobEnd.h"

namespace drover {

class Redis;
struct EventPage;

/// Jobs per state; `paused` counts the list that 5.x clients use.
struct JobCounts {
    std::int64_t waiting = 0, active = 0, delayed = 0, prioritized = 0, waitingChildren = 0,
                 completed = 0, failed = 0, paused = 0;

    /// Returns the count of a state; `paused` belongs to Waiting. Throws Poco::InvalidArgumentException for Unknown.
    [[nodiscard]] DROVER_API std::int64_t of(JobState state) const;
};

/// A part of a sequence, by places from 0. A negative place counts from the end: -1 is the last.
struct PageRange {
    /// Lists: Ascending begins with the job that runs next. Sets: with the lowest score, which is a time, or of prioritized
    /// jobs the priority.
    enum class Order { Ascending, Descending };

    std::int64_t start = 0;
    std::int64_t end = -1;
    Order order = Order::Descending;
};

/// Jobs of a page, in its order.
struct JobPage {
    struct Unreadable {
        std::string id;
        std::string why;
    };
    std::vector<Job> jobs;
    /// Jobs with a field that is not of its form. QueueReader::job() throws for them.
    std::vector<Unreadable> unreadable;
};

/// Rows that a handler wrote for a job.
struct JobLogs {
    std::vector<std::string> rows;
    std::int64_t count = 0;  ///< All rows of the job.
};

/// Ends of a queue's jobs per minute, if a worker of the queue counts them.
struct QueueMetrics {
    std::int64_t count = 0;                     ///< All ends so far.
    std::optional<std::int64_t> previousMs;     ///< When the last point was made.
    std::int64_t previousCount = 0;             ///< `count` at that time.
    std::vector<std::int64_t> endsPerMinute{};  ///< The points of the range, the latest first.
    std::int64_t points = 0;                    ///< All points that are stored.
};

/// A worker, as CLIENT LIST shows its connection.
struct WorkerInfo {
    std::string name;     ///< Empty: a worker without a name.
    std::string address;  ///< "<host>:<port>" as Redis sees it.
    std::chrono::seconds age{0};
    /// Every field of the line, in its order. `name` is the connection's: "<prefix>:<base64(queue)>[:w:<name>]".
    std::vector<std::pair<std::string, std::string>> fields;
};

/// The settings that a queue has for all of its clients. Wire: the hash `<prefix>:<queue>:meta`.
struct QueueMeta {
    bool paused = false;
    std::optional<std::int64_t> concurrency;   ///< The most active jobs.
    std::optional<std::int64_t> maxLenEvents;  ///< The length of the event stream.
    std::optional<std::int64_t> max;           ///< The rate limit: jobs in `durationMs`.
    std::optional<std::int64_t> durationMs;
    std::optional<std::string> version;  ///< "<library>:<version>" of the last producer.
    std::vector<std::pair<std::string, std::string>>
        other;  ///< Fields that no client has named yet.
};

/// Reasons of failed jobs, each with the number of jobs that have it.
struct FailedReasons {
    struct Reason {
        std::string text;  ///< At most 1,024 bytes of it.
        std::int64_t count = 0;
        std::string latestId;
        std::int64_t latestMs = 0;  ///< When that job failed.
    };
    std::vector<Reason> reasons;  ///< The most frequent first.
    std::int64_t seen = 0;        ///< Jobs that were counted here.
    std::int64_t failed = 0;      ///< All failed jobs of the queue.
};

/// Names of queues; a name may come in several pages.
struct QueueNames {
    std::vector<std::string> names;
    std::string cursor;  ///< For the next page; "0": this was the last one.
};

/// Reads one queue, on the connections of the handle.
///
/// Each read throws RedisIoException (RedisTimeoutException at the deadline) when Redis is away.
/// Threads: every method may be called from any thread.
class DROVER_API QueueReader {
public:
    struct Settings {
        std::string prefix = "bull";
        std::string name;  ///< Not empty, no ':'.
    };

    /// Throws Poco::InvalidArgumentException for a bad name.
    QueueReader(const Redis& redis, const Settings& settings);
    ~QueueReader();
    QueueReader(const QueueReader&) = delete;
    QueueReader& operator=(const QueueReader&) = delete;

    [[nodiscard]] JobCounts counts() const;
    /// Returns how many jobs are in any of the states, read at one moment. `Waiting` includes the list of 5.x clients.
    /// Throws Poco::InvalidArgumentException for JobState::Unknown.
    [[nodiscard]] std::int64_t count(const std::vector<JobState>& states) const;
    /// Returns how many jobs wait with each priority; 0 stands for the list of jobs without one.
    /// Throws Poco::InvalidArgumentException for a priority outside [0, 2097151].
    [[nodiscard]] std::map<int, std::int64_t> countsPerPriority(
        const std::vector<int>& priorities) const;
    /// Returns how many delayed jobs are due before that moment, in ms since the epoch.
    [[nodiscard]] std::int64_t delayedBefore(std::int64_t timeMs) const;

    /// Returns std::nullopt if there is no such job. Throws JobFormatException, naming job and field, if its data, opts,
    /// progress or parent is not JSON.
    [[nodiscard]] std::optional<Job> job(const std::string& id) const;
    /// Returns the range of each state, one state behind the other. Ids without a job are left out, and later jobs fill
    /// their places. At most 1,000 jobs are two round trips; a larger page is read in parts, between which jobs may move.
    /// Throws Poco::InvalidArgumentException for JobState::Unknown.
    [[nodiscard]] JobPage jobs(const std::vector<JobState>& states,
                               const PageRange& range = {}) const;
    [[nodiscard]] JobState state(const std::string& id) const;
    /// Returns the end of a job, NoSuchJob included; std::nullopt if the job has not ended.
    [[nodiscard]] std::optional<JobEnd> ended(const std::string& id) const;
    /// Returns rows of a job. Ascending begins with the oldest. A job that does not exist has none.
    [[nodiscard]] JobLogs logs(const std::string& id,
                               const PageRange& range = {0, -1, PageRange::Order::Ascending}) const;

    [[nodiscard]] bool isPaused() const;
    /// Returns true if as many jobs are active as the queue's own concurrency allows.
    [[nodiscard]] bool isMaxed() const;

    /// Returns all children of a job; none if there is no such job. BullMQ: `job.getDependencies()`.
    [[nodiscard]] JobChildren children(const std::string& id) const;
    /// Returns a page of each kind of children that `pages` names. Throws Poco::InvalidArgumentException for a count below 1.
    /// BullMQ: `job.getDependencies({...})`, which returns only the first page of failed children.
    [[nodiscard]] ChildrenPage children(const std::string& id, const ChildPages& pages) const;
    /// BullMQ: `job.getDependenciesCount()`.
    [[nodiscard]] ChildCounts childCounts(const std::string& id) const;
    /// Returns the results (JSON) of the children that completed, by job key. BullMQ: `job.getChildrenValues()`.
    [[nodiscard]] JobChildren::Values childrenValues(const std::string& id) const;
    /// Returns the reasons of the children whose failure was ignored, by job key. BullMQ: `job.getIgnoredChildrenFailures()`,
    /// formerly `getFailedChildrenValues()`.
    [[nodiscard]] JobChildren::Values ignoredChildrenFailures(const std::string& id) const;

    /// Returns for how many ms no job begins: 0 while fewer than `max` have begun in the window; without `max` that of the
    /// queue's own limit counts. Without any limit returns what is left of the window: -2 if there is none, -1 if it has
    /// no end.
    [[nodiscard]] std::int64_t rateLimitTtl(std::optional<int> max = std::nullopt) const;
    [[nodiscard]] QueueMeta meta() const;

    /// Returns points of completed or failed jobs; the order of the range does not count.
    /// Throws Poco::InvalidArgumentException for another state.
    [[nodiscard]] QueueMetrics metrics(JobState state, const PageRange& range = {}) const;
    /// Returns the workers of all processes, one for each connection that waits for jobs.
    /// Throws ScriptException if Redis does not allow CLIENT LIST.
    [[nodiscard]] std::vector<WorkerInfo> workers() const;
    /// Returns entries of the event stream (drover/QueueEvents.h) behind the one of that id, which may be gone; "0-0": from
    /// the oldest on. Throws Poco::InvalidArgumentException for a text that is not an id, or `most` outside [1, 10000].
    [[nodiscard]] EventPage events(const std::string& after, int most = 1000) const;
    /// Counts the reasons of failed jobs from a place on, the latest job first. `most` is in [1, 10000]; a larger state is
    /// read page by page, `start` plus `seen` being the next one. Throws Poco::InvalidArgumentException for other numbers.
    [[nodiscard]] FailedReasons failedReasons(std::int64_t start = 0, int most = 1000) const;

    /// Returns names of queues that have a hash `meta`. The first page has the cursor "0". One call looks at about 1,000
    /// keys of Redis, so that a page may be empty and not the last one.
    /// Throws Poco::InvalidArgumentException for a cursor that is not one.
    [[nodiscard]] static QueueNames queues(const Redis& redis,
                                           const std::string& prefix = "bull",
                                           const std::string& cursor = "0");

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace drover
