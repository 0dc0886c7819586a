#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "drover/FlowProducer.h"
#include "drover/Queue.h"
#include "drover/Trace.h"
#include "queue/JobRecord.h"
#include "queue/QueueContext.h"

namespace drover {

/// A tree of jobs to add, checked and rendered: flat, each job behind its parent, level by level. A value without I/O.
struct FlowRecords {
    /// One job; the record has its id as `customId`.
    struct Node {
        JobRecord record;
        std::size_t queue = 0;   ///< Index in `queues`.
        std::size_t parent = 0;  ///< Index in `nodes`; of no meaning for the root.
        bool mayExist = false;   ///< The id is the caller's.
    };

    std::vector<QueueContext> queues;  ///< That of the root first; also that of its own parent.
    std::vector<Node> nodes;           ///< The root first.
    const AddOnce* once = nullptr;     ///< Not owned; nullptr: each call adds.
    bool recallOnly = false;           ///< With `once`: nothing is added that was not added before.
    std::string
        seed{};  ///< Begins the ids of jobs without an id of their own; empty: they are random.
};

/// A tree of jobs, as it is to be stored and as its add returns it.
struct PreparedFlow {
    FlowRecords records;
    std::unique_ptr<FlowNode> tree;  ///< Behind a pointer, so that `nodes` hold when this moves.
    std::vector<FlowNode*> nodes;    ///< Those of `tree`, in the order of the records.
    std::string problem;             ///< Why the tree cannot be added; empty if it can.
};

/// The spans of a tree's add: that of the whole, and below it one for each job.
struct FlowTrace {
    Tracer& tracer;
    const SpanStart whole;
    std::vector<SpanStart> jobs{};  ///< In the order of the records.
};

/// Returns the queue of a prefix and a name. Throws Poco::InvalidArgumentException for a bad name.
using FindQueue = std::function<QueueContext(const std::string& prefix, const std::string& name)>;

/// Checks and renders a tree. Jobs without an id get a random one, or with a seed that and their number. With `trace` the
/// span of each job begins, below that of its parent, and its context goes into the job.
[[nodiscard]] PreparedFlow prepareFlow(FlowJob flow,
                                       const std::string& defaultPrefix,
                                       const FindQueue& find,
                                       const std::string& seed = "",
                                       FlowTrace* trace = nullptr);

}  // namespace drover
