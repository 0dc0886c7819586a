#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drover/Bullmq5.h"
#include "drover/Export.h"
#include "drover/Job.h"
#include "drover/Queue.h"
#include "drover/Shards.h"

namespace drover {

class Redis;

/// A tree of jobs to add: a job with children waits until they have ended.
struct FlowJob {
    std::string queue;   ///< Not empty, no ':'.
    std::string prefix;  ///< Empty: that of the producer.
    NewJob job;          ///< Without opts.jobId its id is a random UUID.
    std::vector<FlowJob> children;
};

/// A job in a tree of jobs.
struct DROVER_API FlowNode {
    std::string key;  ///< "<prefix>:<queue>:<id>".
    std::optional<Job>
        job;  ///< Absent for a job that has been removed: its parent still has its key.
    std::vector<FlowNode> children;
    /// -7 in the result of an add: the job existed as a child of another parent. It stays there, and its parent in the tree
    /// waits in waiting-children.
    int code = 0;

    /// Returns the tree as `JSON.stringify()` shows BullMQ's JobNode: {"job": {…}, "children": […]}; a job that has been
    /// removed is null, and a node without children has no such member.
    [[nodiscard]] std::string toJson(JobView view = JobView::Bullmq6) const;
};

/// The result of adding a tree.
struct FlowResult {
    /// Rejected, Unavailable, QueueFull, MemoryFull: nothing of the tree is stored. Unknown: all of it is, or nothing.
    AddResult::Status status = AddResult::Status::Unknown;
    /// If Added, the jobs as they were sent, with their ids. A job whose custom id existed is unchanged in Redis.
    FlowNode tree;
    int code =
        0;  ///< If Rejected: -5 the root's own parent does not exist, -7 the root has another one, 0 bad input.
    std::string message;
    bool repeated =
        false;  ///< Nothing was added now: an earlier add with the same AddOnce has the tree.
    std::chrono::milliseconds retryAfter{0};  ///< As in AddResult.
};

/// How much of a tree a read returns.
struct FlowDepth {
    int levels = 10;  ///< [1, 1000]; the job itself is the first level.
    /// At least 1: children of each kind (completed, pending, failed, ignored) per job. Redis returns small collections
    /// whole, so there may be more.
    int maxChildren = 20;
};

/// Adds and reads trees of jobs over any number of queues. In a cluster all queues of a tree must be in one slot, as shards of
/// one number are.
///
/// Threads: every method may be called from any thread.
class DROVER_API FlowProducer {
public:
    struct Settings {
        std::string prefix = "bull";  ///< Of every queue that names no prefix.
        Bullmq5 bullmq5 = Bullmq5::Auto;
        /// Jobs for these queues go into shards of one number, whatever else Shards has for a job: that of the first such job,
        /// or of a root that names its shard. Queues of one tree must have equally many shards.
        ShardedQueues sharded{};
        /// Returns the bounds of a queue (a shard) by its name; empty: there are none. A tree is refused if the jobs that may
        /// run at once are too many for one of its queues. Nothing measures rates here, so `maxWait` refuses no tree.
        std::function<Queue::Admission(const std::string& queue)> admissionOf{};
    };

    /// The most jobs of one tree. Redis serves no other client while it stores one: 80 ms for so many jobs, where 100,000
    /// would be a second.
    static constexpr std::size_t kMostJobs = 10000;

    FlowProducer(const Redis& redis, Settings settings);
    ~FlowProducer();
    FlowProducer(const FlowProducer&) = delete;
    FlowProducer& operator=(const FlowProducer&) = delete;

    /// Adds a tree in one atomic call: all of it, or nothing. Expected trouble is a value; never throws for it.
    ///
    /// A job with children goes to waiting-children; its delay and priority count when the last child releases it. A custom
    /// id that exists is not stored again: that job becomes a child of its parent in the tree, with its result if it has
    /// completed. BullMQ: `FlowProducer.add()`, which adds the children of a root that it cannot add.
    /// Rejects without a call: more than kMostJobs jobs or 1,000 levels, a bad queue name, a job that Queue::add() rejects,
    /// a job that is its own ancestor, deduplication of a job with children or with a parent.
    FlowResult add(FlowJob flow);
    /// Adds a tree as add() does, once: with the key of an earlier call, from any process, nothing is added, and the result has
    /// the tree of that call. Jobs without an id get one that begins alike. A tree that is refused leaves no record.
    /// KeyTaken: the key belongs to an add with another fingerprint. Rejects a malformed key, and a `ttl` below 1 ms.
    /// Wire: a record beside the queue of the root, written by the call that adds (docs/wire-format.md#own).
    FlowResult addOnce(FlowJob flow, const AddOnce& once);
    /// Returns one result per tree, in order. Each tree is a call of its own; the calls travel together. A tree that is
    /// rejected does not concern its neighbours. BullMQ: `FlowProducer.addBulk()`, which is one transaction.
    std::vector<FlowResult> addBulk(std::vector<FlowJob> flows);

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
