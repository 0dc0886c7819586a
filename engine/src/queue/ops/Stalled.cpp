#include "queue/ops/Stalled.h"

#include <algorithm>

#include "queue/ScriptCall.h"

namespace drover::ops {

namespace {

std::chrono::milliseconds expiresIn(RedisClient& redis, const std::string& key) {
    const std::int64_t left = redis.call(Command{"PTTL", key}).integer();
    return std::chrono::milliseconds(std::max<std::int64_t>(left, 0));
}

const std::string& rescueKey(const QueueContext& queue, bool shared) {
    return shared ? queue.keys().rescueShared : queue.keys().rescue;
}

StalledResult::State stateOf(std::int64_t code) {
    switch (code) {
        case 0:
            return StalledResult::State::NotDue;
        case 1:
            return StalledResult::State::More;
        default:
            return StalledResult::State::Done;
    }
}

}  // namespace

StalledResult checkStalled(const QueueContext& queue,
                           RedisClient& redis,
                           std::int64_t nowMs,
                           std::chrono::milliseconds interval,
                           int maxStalledCount,
                           int chunk,
                           bool continuing) {
    static const ScriptCall kScript("checkStalled");
    Command command = kScript.begin(redis, queue, 7);
    command.add(queue.keys().jobPrefix())
        .add(nowMs)
        .add(static_cast<std::int64_t>(interval.count()))
        .add(maxStalledCount);
    command.add(chunk).add(continuing ? "1" : "").add(queue.bullmq5Argument());
    const Reply reply = redis.run(command);
    StalledResult result;
    result.state = stateOf(reply.at(0).integer());
    result.recovered = textsOf(reply.at(1));
    result.bullmq5 = reply.at(2).integer() == 1;
    result.problems = problemsOf(reply.at(3));
    if (result.bullmq5) {
        queue.noteBullmq5();
    }
    return result;
}

std::chrono::milliseconds stalledCheckExpiresIn(const QueueContext& queue, RedisClient& redis) {
    return expiresIn(redis, queue.keys().stalledCheck);
}

RescueResult rescueLost(const QueueContext& queue,
                        RedisClient& redis,
                        const std::vector<std::string>& jobs,
                        const std::vector<std::string>& deduplications,
                        std::int64_t latestMs,
                        std::int64_t nowMs) {
    static const ScriptCall kScript("rescueLost");
    Command command = kScript.begin(redis, queue, 5 + jobs.size() + deduplications.size());
    command.add(queue.keys().jobPrefix()).add(nowMs).add(queue.bullmq5Argument()).add(latestMs);
    command.add(jobs.size());
    for (const std::string& id : jobs) {
        command.add(id);
    }
    for (const std::string& id : deduplications) {
        command.add(id);
    }
    const Reply reply = redis.run(command);
    return {textsOf(reply.at(0)), problemsOf(reply.at(1))};
}

bool beginRescue(const QueueContext& queue,
                 RedisClient& redis,
                 bool shared,
                 std::chrono::milliseconds interval) {
    Command command{"SET", rescueKey(queue, shared), "1", "PX"};
    command.add(static_cast<std::int64_t>(interval.count())).add("NX");
    return !redis.call(command).isNil();
}

std::chrono::milliseconds rescueExpiresIn(const QueueContext& queue,
                                          RedisClient& redis,
                                          bool shared) {
    return expiresIn(redis, rescueKey(queue, shared));
}

}  // namespace drover::ops
