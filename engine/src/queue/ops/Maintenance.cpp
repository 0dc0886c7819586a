#include "queue/ops/Maintenance.h"

#include "queue/ScriptCall.h"

namespace drover::ops {

namespace {

std::size_t sizeOf(const ReplyView& number) {
    return static_cast<std::size_t>(number.integer());
}

}  // namespace

RequeuedJobs requeueJobs(const QueueContext& queue,
                         RedisClient& redis,
                         const std::string& state,
                         const std::string& highestScore,
                         std::size_t most,
                         std::int64_t nowMs) {
    static const ScriptCall kScript("requeueJobs");
    Command command = kScript.begin(redis, queue, 6);
    command.add(queue.keys().jobPrefix()).add(state).add(highestScore).add(most).add(nowMs);
    command.add(queue.bullmq5Argument());
    const Reply reply = redis.run(command);
    return {sizeOf(reply.at(0)), sizeOf(reply.at(1)), problemsOf(reply.at(2))};
}

CleanedJobs cleanJobs(const QueueContext& queue,
                      RedisClient& redis,
                      const std::string& state,
                      std::size_t passed,
                      std::size_t most,
                      std::optional<std::int64_t> latestMs) {
    static const ScriptCall kScript("cleanJobs");
    Command command = kScript.begin(redis, queue, 6);
    command.add(queue.keys().jobPrefix()).add(state).add(passed).add(most);
    command.own(latestMs ? std::to_string(*latestMs) : "").add(queue.bullmq5Argument());
    const Reply reply = redis.run(command);
    return {
        textsOf(reply.at(0)), sizeOf(reply.at(1)), sizeOf(reply.at(2)), problemsOf(reply.at(3))};
}

ObliteratedJobs obliterate(const QueueContext& queue,
                           RedisClient& redis,
                           std::size_t most,
                           bool force) {
    static const ScriptCall kScript("obliterateQueue");
    Command command = kScript.begin(redis, queue, 4);
    command.add(queue.keys().jobPrefix()).add(most).add(force ? "1" : "");
    command.add(queue.bullmq5Argument());
    const Reply reply = redis.run(command);
    return {reply.at(0).integer(), sizeOf(reply.at(1)), problemsOf(reply.at(2))};
}

std::int64_t trimEvents(const QueueContext& queue, RedisClient& redis, std::int64_t length) {
    Command command{"XTRIM", queue.keys().events, "MAXLEN", "~"};
    command.add(length).add("LIMIT").add(10000);
    return redis.call(command).integer();
}

RemovedOrphans removeOrphans(const QueueContext& queue,
                             RedisClient& redis,
                             const std::vector<std::string>& ids,
                             std::int64_t latestMs) {
    static const ScriptCall kScript("removeOrphans");
    Command command = kScript.begin(redis, queue, 3 + ids.size());
    command.add(queue.keys().jobPrefix()).add(latestMs).add(queue.bullmq5Argument());
    for (const std::string& id : ids) {
        command.add(id);
    }
    const Reply reply = redis.run(command);
    return {sizeOf(reply.at(0)), problemsOf(reply.at(1))};
}

}  // namespace drover::ops
