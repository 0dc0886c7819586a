#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drover/Queue.h"
#include "drover/Redis.h"
#include "queue/QueueAdds.h"

namespace drover {

/// Spreads the adds of one queue over its shards, and joins their results. A queue without shards has one.
/// Threads: every method may be called from any thread.
class ShardedAdds {
public:
    using Clock = Queue::Clock;
    using Done = QueueAdds::Done;

    /// Throws Poco::InvalidArgumentException for a bad name or number of shards.
    ShardedAdds(const Redis& redis, const Queue::Settings& settings);

    /// As QueueAdds::add() and QueueAdds::addOnce(), with the shard in each result.
    void add(std::vector<NewJob> jobs, Clock::time_point deadline, Done done);
    void addOnce(std::vector<NewJob> jobs, AddOnce once, Done done);

    /// Returns the load of all shards together; std::nullopt until each has a sample.
    [[nodiscard]] std::optional<QueueLoad> load() const;
    /// Returns the problem of the first shard that has one, with its name; empty: none has.
    [[nodiscard]] std::string problem() const;
    /// Returns false if the thread of a shard stands still.
    [[nodiscard]] bool progresses() const;
    /// As Queue::measure().
    void measure(Metrics& metrics) const { counts_->measure(metrics, name_); }

private:
    using Send = std::function<void(QueueAdds& shard, std::vector<NewJob> jobs, Done done)>;

    /// Sends each job to its shard; `anyShard` returns that of a job which each may have.
    void spread(std::vector<NewJob> jobs,
                const Done& done,
                const std::function<int()>& anyShard,
                const Send& send);
    /// Returns the shard whose turn it is, past those whose Redis is away unless all are.
    [[nodiscard]] int next();

    const std::string name_;
    const Shards shards_;
    const std::shared_ptr<AddCounts> counts_;
    std::vector<std::unique_ptr<QueueAdds>> queues_;
    std::atomic<unsigned> turn_;  ///< Begins anywhere: a command adds one job and ends.
};

}  // namespace drover
