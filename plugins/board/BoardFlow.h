#pragma once

#include <cstdint>
#include <string>

#include "BoardQueues.h"
#include "drover/Job.h"

namespace drover::board {

/// Returns the tree of the flow that a job is in.
///
/// {"nodeId", "isFlowNode": bool, "flowRoot": node or null}, a node being {"id", "name", "progress", "state", "queueName",
/// "children": [node], "dependencies"?: counts by kind, "ignoredChildFailureReasons"?, "truncated"?: true if it has more
/// children}. At most 200 nodes, or `maxChildren` of one level.
struct BoardFlow {
    int depth = 10;        ///< [1, 20]
    int maxChildren = 20;  ///< [1, 1000]
    bool fromJob = false;  ///< The tree begins with the job, and not with the root above it.

    [[nodiscard]] std::string toJson(const BoardQueues& queues,
                                     const BoardQueue& queue,
                                     const Job& job) const;
};

}  // namespace drover::board
