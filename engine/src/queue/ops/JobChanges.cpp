#include "queue/ops/JobChanges.h"

#include "queue/ScriptCall.h"

namespace drover::ops {

namespace {

const char* flag(bool set) {
    return set ? "1" : "";
}

}  // namespace

std::int64_t promoteJob(const QueueContext& queue, RedisClient& redis, const std::string& id) {
    static const ScriptCall kScript("promoteJob");
    Command command = kScript.begin(redis, queue, 3);
    command.add(queue.keys().jobPrefix()).add(id).add(queue.bullmq5Argument());
    return redis.run(command).integer();
}

std::int64_t changeDelay(const QueueContext& queue,
                         RedisClient& redis,
                         const std::string& id,
                         std::chrono::milliseconds delay,
                         std::int64_t nowMs) {
    static const ScriptCall kScript("changeDelay");
    Command command = kScript.begin(redis, queue, 3, id);
    command.add(id).add(nowMs).add(static_cast<std::int64_t>(delay.count()));
    return redis.run(command).integer();
}

std::int64_t changePriority(
    const QueueContext& queue, RedisClient& redis, const std::string& id, int priority, bool lifo) {
    static const ScriptCall kScript("changePriority");
    Command command = kScript.begin(redis, queue, 4, id);
    command.add(id).add(priority).add(flag(lifo)).add(queue.bullmq5Argument());
    return redis.run(command).integer();
}

std::int64_t reprocessJob(const QueueContext& queue,
                          RedisClient& redis,
                          const std::string& id,
                          bool completed,
                          bool resetAttemptsMade,
                          bool resetAttemptsStarted) {
    static const ScriptCall kScript("reprocessJob");
    Command command = kScript.begin(redis, queue, 6, id);
    command.add(queue.keys().jobPrefix()).add(id).add(completed ? "completed" : "failed");
    command.add(flag(resetAttemptsMade)).add(flag(resetAttemptsStarted));
    command.add(queue.bullmq5Argument());
    return redis.run(command).integer();
}

std::int64_t removeJob(const QueueContext& queue,
                       RedisClient& redis,
                       const std::string& id,
                       bool withChildren,
                       int budget) {
    static const ScriptCall kScript("removeJob");
    Command command = kScript.begin(redis, queue, 5);
    command.add(queue.keys().jobPrefix()).add(id).add(flag(withChildren));
    command.add(queue.bullmq5Argument()).add(budget);
    return redis.run(command).integer();
}

RemovedChildren removeUnprocessedChildren(const QueueContext& queue,
                                          RedisClient& redis,
                                          const std::string& id,
                                          int budget,
                                          std::string& cursor) {
    static const ScriptCall kScript("removeUnprocessedChildren");
    Command command = kScript.begin(redis, queue, 5);
    command.add(queue.keys().jobPrefix()).add(id).add(queue.bullmq5Argument());
    command.add(cursor).add(budget);
    const Reply reply = redis.run(command);
    cursor = reply.at(0).text();
    return {static_cast<std::size_t>(reply.at(1).integer()), reply.at(2).integer() == 1};
}

RemovedDependency removeChildDependency(const QueueContext& queue,
                                        RedisClient& redis,
                                        const std::string& id) {
    static const ScriptCall kScript("removeChildDependency");
    Command command = kScript.begin(redis, queue, 1, id);
    command.add(queue.bullmq5Argument());
    const Reply reply = redis.run(command);
    return {reply.at(0).integer(), std::string(reply.at(1).text())};
}

bool removeDeduplicationKey(const QueueContext& queue, RedisClient& redis, const std::string& id) {
    static const ScriptCall kScript("removeDeduplicationKey");
    Command command = kScript.begin(redis, queue, 2, id);
    command.add(queue.keys().jobPrefix()).add(id);
    return redis.run(command).integer() == 1;
}

std::optional<std::string> deduplicationJobId(const QueueContext& queue,
                                              RedisClient& redis,
                                              const std::string& deduplicationId) {
    const Reply owner = redis.call(Command{"GET", queue.keys().job("de:" + deduplicationId)});
    return owner.isNil() ? std::nullopt : std::optional<std::string>(owner.text());
}

bool removeDeduplicationId(const QueueContext& queue,
                           RedisClient& redis,
                           const std::string& deduplicationId) {
    return redis.call(Command{"DEL", queue.keys().job("de:" + deduplicationId)}).integer() == 1;
}

}  // namespace drover::ops
