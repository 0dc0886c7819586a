#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "drover/Bullmq5.h"
#include "queue/QueueContext.h"

namespace drover {

/// Has the queues that the handlers of one worker add to, each with its own setting `bullmq5`.
///
/// Evidence of 5.x clients is remembered for each queue, as by a Queue; for that of the worker it is the worker's.
/// Threads: any.
class TargetQueues {
public:
    /// The setting of each queue that the configuration names, by qualified name. Another queue has Auto.
    using Modes = std::map<std::string, Bullmq5>;

    TargetQueues(const QueueContext& own, Modes modes) : own_(own), modes_(std::move(modes)) {}

    [[nodiscard]] QueueContext at(const std::string& prefix, const std::string& queue);

private:
    const QueueContext own_;
    const Modes modes_;
    std::mutex mutex_;
    std::map<std::string, QueueContext> seen_;  ///< By qualified name; guarded by mutex_.
};

}  // namespace drover
