#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "drover/Export.h"
#include "drover/Job.h"
#include "drover/JobChildren.h"

namespace drover {

class Redis;

/// Jobs per state; `paused` counts the list that 5.x clients use.
struct JobCounts {
    std::int64_t waiting = 0, active = 0, delayed = 0, prioritized = 0, waitingChildren = 0,
                 completed = 0, failed = 0, paused = 0;
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
    /// Returns std::nullopt if there is no such job. Throws JobFormatException, naming job and field, if its data, opts,
    /// progress or parent is not JSON.
    [[nodiscard]] std::optional<Job> job(const std::string& id) const;
    [[nodiscard]] JobState state(const std::string& id) const;
    [[nodiscard]] bool isPaused() const;

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

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace drover
