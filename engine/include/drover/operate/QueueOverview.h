#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drover/Export.h"
#include "drover/QueueReader.h"
#include "drover/Shards.h"

namespace drover {

class Redis;

/// One queue as an operator sees it in a list of many.
struct QueueSummary {
    std::string name;
    JobCounts counts;
    bool paused = false;
    std::optional<std::int64_t> concurrency;  ///< The most active jobs of the queue.
    std::optional<std::string> version;       ///< "<library>:<version>" of the last producer.
    /// How long the job has waited that could run first; absent: none waits. Both ends of a list count,
    /// and the highest and the lowest priority.
    std::optional<std::int64_t> oldestWaitMs;
    std::string oldestId;

    /// Rates per minute, since the look before; without one from the metrics of the queue, if a worker counts them.
    /// Without metrics `ended` is what was added less what the queue has grown by: removals count as ends.
    std::optional<double> added, ended, failed;

    /// How long the jobs that wait will take, in seconds, at the rate of late; absent until it was measured between looks.
    std::optional<double> drainSeconds;
    /// All jobs so far that completed and failed, by the metrics of the queue; 0 if no worker counts them.
    std::int64_t allCompleted = 0, allFailed = 0;
    std::int64_t events = 0;  ///< Entries of the stream of events.
    std::optional<std::int64_t>
        eventBytes;  ///< Its memory as Redis estimates it; absent: Redis does not allow MEMORY.

    /// Connections that wait for jobs; absent: they were not counted, or Redis does not allow CLIENT LIST.
    std::optional<std::int64_t> workers;
    std::string problem;  ///< Not empty: the queue cannot be read, and only its name is set.

    /// Returns how many jobs wait for a worker, with a priority or without.
    [[nodiscard]] std::int64_t waiting() const {
        return counts.waiting + counts.paused + counts.prioritized;
    }
};

/// Looks at many queues, and remembers the look before for the rates.
///
/// A look is one script per queue, sent in groups, and CLIENT LIST once if workers are counted: no key is searched for. Each
/// method throws RedisIoException (or a child) when Redis is away.
/// Threads: one at a time.
class DROVER_API QueueOverview {
public:
    /// `sharded`: queues that are looked at as one, and listed by their own name. A shard has its own summary by its name.
    explicit QueueOverview(const Redis& redis,
                           std::string prefix = "bull",
                           ShardedQueues sharded = {});
    ~QueueOverview();
    QueueOverview(const QueueOverview&) = delete;
    QueueOverview& operator=(const QueueOverview&) = delete;

    /// Returns a summary of each queue, in the order of the names. That of a queue with shards has their sums, the longest wait and
    /// drain time, and is paused if all are.
    /// Throws Poco::InvalidArgumentException for a bad name.
    [[nodiscard]] std::vector<QueueSummary> look(const std::vector<std::string>& names,
                                                 bool withWorkers = true);

    /// Returns the names with that of the queue in place of the names of its shards, sorted, each once.
    [[nodiscard]] std::vector<std::string> joined(const std::vector<std::string>& names) const;
    /// Returns all names of queues, joined, by as many pages of SCAN as Redis has keys for.
    [[nodiscard]] std::vector<std::string> names() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace drover
