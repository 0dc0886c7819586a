#include "queue/ops/Flow.h"

#include <algorithm>

#include "drover/Json.h"

namespace drover::ops {

namespace {

constexpr std::size_t kArgumentsPerNode = 11;

/// The letters of the script for what a job is, by its three bits.
constexpr const char* kKinds[] = {"", "c", "l", "cl", "p", "cp", "lp", "clp"};

const char* kindOf(const FlowRecords::Node& node) {
    return kKinds[(node.mayExist ? 1 : 0) + (node.record.lifo ? 2 : 0) +
                  (node.record.hasChildren ? 4 : 0)];
}

}  // namespace

Command flowCall(const RedisClient& redis, const FlowRecords& flow, std::int64_t nowMs) {
    Command command = redis.script("addFlow");
    command.reserve(11 + 2 * flow.queues.size() + kArgumentsPerNode * flow.nodes.size());
    command.add(flow.queues.front().keys().meta);
    redis.closeKeys(command, flow.queues.front().keys().meta);
    command.add(nowMs).add(flow.nodes.front().record.parentKey).add(flow.queues.size());
    static const AddOnce kEachTime;
    const AddOnce& once = flow.once != nullptr ? *flow.once : kEachTime;
    command.add(once.key).add(once.fingerprint);
    command.add(flow.recallOnly ? 0 : once.ttl.count()).add(flow.seed);
    for (const QueueContext& queue : flow.queues) {
        command.add(queue.keys().jobPrefix()).add(queue.bullmq5Argument());
    }
    for (const FlowRecords::Node& node : flow.nodes) {
        const JobRecord& job = node.record;
        const bool isRoot = &node == &flow.nodes.front();
        command.add(node.queue + 1).add(isRoot ? 0 : node.parent + 1);
        command.add(job.name).add(job.data).add(job.opts);
        command.add(job.timestampMs == JobRecord::kWhenAdded ? nowMs : job.timestampMs);
        command.add(job.delayMs).add(job.priority).add(job.customId).add(job.parent);
        command.add(kindOf(node));
    }
    return command;
}

AddedFlow addedFlow(const ReplyView& reply, const FlowRecords& flow) {
    AddedFlow added;
    const std::int64_t code = reply.at(0).integer();
    added.code = static_cast<int>(std::min<std::int64_t>(code, 0));
    added.keyTaken = code == 2;
    if (code == 1) {
        added.repeated = true;
        added.seed = reply.at(3).text();
        added.nowMs = jsonInteger(reply.at(4).text()).value_or(0);
    }
    for (std::size_t i = 0; i < flow.queues.size(); ++i) {
        if (reply.at(1).at(i).integer() == 1) {
            flow.queues[i].noteBullmq5();
        }
    }
    const ReplyView elsewhere = reply.at(2);
    for (std::size_t i = 0; i < elsewhere.size(); ++i) {
        added.elsewhere.push_back(static_cast<std::size_t>(elsewhere.at(i).integer()) - 1);
    }
    return added;
}

}  // namespace drover::ops
