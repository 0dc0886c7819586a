#include "queue/ops/JobUpdates.h"

#include "queue/ScriptCall.h"

namespace drover::ops {

int updateProgress(const QueueContext& queue,
                   RedisClient& redis,
                   const std::string& id,
                   std::string_view json) {
    static const ScriptCall kScript("updateProgress");
    Command command = kScript.begin(redis, queue, 2, id);
    command.add(id).add(json);
    return static_cast<int>(redis.run(command).integer());
}

int updateData(const QueueContext& queue,
               RedisClient& redis,
               const std::string& id,
               std::string_view json) {
    static const ScriptCall kScript("updateData");
    Command command = kScript.begin(redis, queue, 1, id);
    command.add(json);
    return static_cast<int>(redis.run(command).integer());
}

std::int64_t addLog(const QueueContext& queue,
                    RedisClient& redis,
                    const std::string& id,
                    std::string_view row,
                    std::int64_t keep) {
    static const ScriptCall kScript("addLog");
    Command command = kScript.begin(redis, queue, 2, id);
    command.add(row).own(keep > 0 ? std::to_string(keep) : "");
    return redis.run(command).integer();
}

void clearLogs(const QueueContext& queue,
               RedisClient& redis,
               const std::string& id,
               std::int64_t keep) {
    const std::string logs = queue.keys().job(id) + ":logs";
    if (keep > 0) {
        redis.call(Command{"LTRIM", logs, std::to_string(-keep), "-1"});
    } else {
        redis.call(Command{"UNLINK", logs});
    }
}

}  // namespace drover::ops
