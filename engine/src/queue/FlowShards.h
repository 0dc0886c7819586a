#pragma once

#include <string>
#include <string_view>

#include "drover/FlowProducer.h"
#include "drover/Shards.h"

namespace drover {

/// Puts the jobs of a tree that are for queues with shards into shards of one number, so that a job and its children can share
/// a slot of a cluster.
///
/// The first that applies decides the number: a root that names a shard, the first job for a queue with shards as
/// Shards::shardOf() has it, and `onceKey`; else it is random: a producer often lives for one tree.
/// Returns why the tree has no such number; empty: it has, or no such queue.
[[nodiscard]] std::string placeFlow(FlowJob& flow,
                                    const ShardedQueues& sharded,
                                    std::string_view onceKey);

}  // namespace drover
