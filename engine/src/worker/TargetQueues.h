#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "drover/Bullmq5.h"
#include "drover/Shards.h"
#include "queue/QueueContext.h"

namespace drover {

struct NewJob;

/// Has the queues that the handlers of one worker add to, each with its own setting `bullmq5` and its shards.
///
/// Evidence of 5.x clients is remembered for each queue, as by a Queue; for that of the worker it is the worker's.
/// Threads: any.
class TargetQueues {
public:
    struct Target {
        Bullmq5 bullmq5 = Bullmq5::Auto;
        Shards shards{};
    };
    /// The queues that the configuration names, and each of their shards, by qualified name. Another queue has the defaults.
    using Known = std::map<std::string, Target>;

    TargetQueues(const QueueContext& own, Known known) : own_(own), known_(std::move(known)) {}

    [[nodiscard]] QueueContext at(const std::string& prefix, const std::string& queue);
    /// Returns true if a queue that the configuration names has shards.
    [[nodiscard]] bool haveShards() const;

    /// Returns the name in Redis of the queue that a job goes to: that of its shard, or the queue's own.
    /// `parentQueue` as for Shards::shardOf().
    [[nodiscard]] std::string placeOf(const std::string& prefix,
                                      const std::string& queue,
                                      const NewJob& job,
                                      std::string_view parentQueue);
    /// Returns the same for a scheduler: its id decides.
    [[nodiscard]] std::string placeOf(const std::string& prefix,
                                      const std::string& queue,
                                      const std::string& schedulerId) const;

private:
    /// Returns the shards of a queue; nullptr: it has none.
    [[nodiscard]] const Shards* shardsOf(const std::string& prefix, const std::string& queue) const;

    const QueueContext own_;
    const Known known_;
    std::mutex mutex_;
    std::map<std::string, QueueContext> seen_;  ///< By qualified name; guarded by mutex_.
    unsigned turn_ = 0;                         ///< Guarded by mutex_.
};

}  // namespace drover
