#include "queue/ops/Settle.h"

#include "queue/ScriptCall.h"

namespace drover::ops {

namespace {

/// Runs the call and reads one code per item, and problems behind them if there are any.
SettleResult settle(const QueueContext& queue,
                    RedisClient& redis,
                    Command& command,
                    std::size_t items,
                    const std::string& operation) {
    const Reply reply = redis.run(command);
    SettleResult result;
    result.codes = codesOf(reply, items, operation, queue.keys().qualifiedName());
    if (reply.size() == items + 1) {
        result.problems = problemsOf(reply.at(items));
    }
    return result;
}

}  // namespace

SettleResult retryJobs(const QueueContext& queue,
                       RedisClient& redis,
                       const std::vector<RetryItem>& items,
                       std::int64_t nowMs) {
    static const ScriptCall kScript("retryJobs");
    Command command = kScript.begin(redis, queue, 3 + items.size() * 7);
    command.add(queue.keys().jobPrefix()).add(nowMs).add(queue.bullmq5Argument());
    for (const RetryItem& item : items) {
        command.add(item.id)
            .add(item.token)
            .add(item.backoffMs)
            .add(item.lifo ? "1" : "")
            .add(item.reason);
        command.add(item.stacktrace).add(item.attemptsMade);
    }
    return settle(queue, redis, command, items.size(), "retryJobs");
}

SettleResult handBackJobs(const QueueContext& queue,
                          RedisClient& redis,
                          const std::vector<HandBackItem>& items,
                          std::int64_t nowMs) {
    static const ScriptCall kScript("handBackJobs");
    Command command = kScript.begin(redis, queue, 3 + items.size() * 4);
    command.add(queue.keys().jobPrefix()).add(nowMs).add(queue.bullmq5Argument());
    for (const HandBackItem& item : items) {
        command.add(item.id).add(item.token).add(item.untilMs).add(item.uncountStart ? "1" : "");
    }
    return settle(queue, redis, command, items.size(), "handBackJobs");
}

SettleResult moveToWaitingChildren(const QueueContext& queue,
                                   RedisClient& redis,
                                   const std::vector<ChildrenWaitItem>& items,
                                   std::int64_t nowMs) {
    static const ScriptCall kScript("moveToWaitingChildren");
    Command command = kScript.begin(redis, queue, 2 + items.size() * 3);
    command.add(queue.keys().jobPrefix()).add(nowMs);
    for (const ChildrenWaitItem& item : items) {
        command.add(item.id).add(item.token).add(item.child);
    }
    return settle(queue, redis, command, items.size(), "moveToWaitingChildren");
}

}  // namespace drover::ops
