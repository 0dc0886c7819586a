#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drover/Export.h"
#include "drover/Job.h"

namespace drover {

class Redis;

/// A job in a tree of jobs, each of which waits for its children.
struct DROVER_API FlowNode {
    std::string key;  ///< "<prefix>:<queue>:<id>".
    std::optional<Job>
        job;  ///< Absent for a job that has been removed: its parent still has its key.
    std::vector<FlowNode> children;

    /// Returns the tree as `JSON.stringify()` shows BullMQ's JobNode: {"job": {…}, "children": […]}; a job that has been
    /// removed is null, and a node without children has no such member.
    [[nodiscard]] std::string toJson(JobView view = JobView::Bullmq6) const;
};

/// How much of a tree a read returns.
struct FlowDepth {
    int levels = 10;  ///< [1, 1000]; the job itself is the first level.
    /// At least 1: children of each kind (completed, pending, failed, ignored) per job. Redis returns small collections
    /// whole, so there may be more.
    int maxChildren = 20;
};

/// Reads trees of jobs over any number of queues.
///
/// Threads: every method may be called from any thread.
class DROVER_API FlowProducer {
public:
    struct Settings {
        std::string prefix = "bull";  ///< Of every queue that names no prefix.
    };

    FlowProducer(const Redis& redis, Settings settings);
    ~FlowProducer();
    FlowProducer(const FlowProducer&) = delete;
    FlowProducer& operator=(const FlowProducer&) = delete;

    /// Returns a job with the tree below it; std::nullopt if there is no such job. The children of a job come in the order
    /// completed, pending, failed, ignored; each node is read at one moment, the tree is not. BullMQ: `FlowProducer.getFlow()`.
    /// `prefix` empty: that of the settings.
    /// Throws Poco::InvalidArgumentException for a bad name or depth, JobFormatException for an unreadable job,
    /// RedisIoException (or a child) when Redis is away.
    [[nodiscard]] std::optional<FlowNode> flow(const std::string& queue,
                                               const std::string& id,
                                               const FlowDepth& depth = {},
                                               const std::string& prefix = "") const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace drover
