#include "queue/ops/Doctor.h"

#include <algorithm>

#include "queue/ScriptCall.h"
#include "queue/ops/Replies.h"

namespace drover::ops {

namespace {

/// How many ids of lists a call may walk over: Redis stands still meanwhile.
constexpr std::size_t kWalkedPerCall = 500000;
constexpr std::size_t kMostPerCall = 200;

std::vector<std::string> runWith(RedisClient& redis,
                                 Command& command,
                                 const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
        command.add(text);
    }
    return textsOf(redis.run(command));
}

}  // namespace

std::size_t idsPerCall(std::size_t listed) {
    return std::clamp<std::size_t>(kWalkedPerCall / listed, 1, kMostPerCall);
}

std::vector<FaultCheck> examineJobs(
    const QueueContext& queue,
    RedisClient& redis,
    const std::vector<std::pair<std::string, std::string>>& suspects,
    std::int64_t latestMs) {
    static const ScriptCall kScript("examineJobs");
    Command command = kScript.begin(redis, queue, 2 + 2 * suspects.size());
    command.add(queue.keys().jobPrefix()).add(latestMs);
    for (const auto& [kind, id] : suspects) {
        command.add(kind).add(id);
    }
    std::vector<FaultCheck> checks;
    for (const int code : codesOf(
             redis.run(command), suspects.size(), "examineJobs", queue.keys().qualifiedName())) {
        checks.push_back(code == 0   ? FaultCheck::None
                         : code == 1 ? FaultCheck::Unfixable
                                     : FaultCheck::Fixable);
    }
    return checks;
}

std::vector<std::string> examineQueue(const QueueContext& queue, RedisClient& redis) {
    static const ScriptCall kScript("examineQueue");
    Command command = kScript.begin(redis, queue, 1);
    command.add(queue.keys().jobPrefix());
    return textsOf(redis.run(command));
}

std::vector<std::string> placeLost(const QueueContext& queue,
                                   RedisClient& redis,
                                   const std::vector<std::string>& ids,
                                   std::int64_t latestMs,
                                   std::int64_t nowMs) {
    static const ScriptCall kScript("placeLost");
    Command command = kScript.begin(redis, queue, 4 + ids.size());
    command.add(queue.keys().jobPrefix()).add(nowMs).add(queue.bullmq5Argument()).add(latestMs);
    return runWith(redis, command, ids);
}

std::vector<std::string> returnUnlocked(const QueueContext& queue,
                                        RedisClient& redis,
                                        const std::vector<std::string>& ids) {
    static const ScriptCall kScript("returnUnlocked");
    Command command = kScript.begin(redis, queue, 2 + ids.size());
    command.add(queue.keys().jobPrefix()).add(queue.bullmq5Argument());
    return runWith(redis, command, ids);
}

std::vector<std::string> dropIds(const QueueContext& queue,
                                 RedisClient& redis,
                                 const std::string& kind,
                                 const std::vector<std::string>& ids) {
    static const ScriptCall kScript("dropIds");
    Command command = kScript.begin(redis, queue, 2 + ids.size());
    command.add(queue.keys().jobPrefix()).add(kind);
    return runWith(redis, command, ids);
}

std::vector<std::string> repairQueue(const QueueContext& queue,
                                     RedisClient& redis,
                                     const std::vector<std::string>& faults) {
    static const ScriptCall kScript("repairQueue");
    Command command = kScript.begin(redis, queue, 1 + faults.size());
    command.add(queue.keys().jobPrefix());
    return runWith(redis, command, faults);
}

}  // namespace drover::ops
