#include "queue/ops/Control.h"

#include "core/Version.h"
#include "queue/ScriptCall.h"

namespace drover::ops {

void writeMeta(const QueueContext& queue, RedisClient& redis) {
    static const ScriptCall kScript("writeMeta");
    Command command = kScript.begin(redis, queue, 1);
    command.own(std::string("drover:") + version());
    redis.run(command);
}

void pause(const QueueContext& queue, RedisClient& redis) {
    static const ScriptCall kScript("pause");
    Command command = kScript.begin(redis, queue, 1);
    command.add(queue.bullmq5Argument());
    if (redis.run(command).integer() == 1) {
        queue.noteBullmq5();
    }
}

void resume(const QueueContext& queue, RedisClient& redis) {
    static const ScriptCall kScript("resume");
    Command command = kScript.begin(redis, queue, 0);
    if (redis.run(command).integer() == 1) {
        queue.noteBullmq5();
    }
}

void setConcurrency(const QueueContext& queue, RedisClient& redis, std::optional<int> jobs) {
    if (jobs) {
        redis.call(Command{"HSET", queue.keys().meta, "concurrency"}.add(*jobs));
    } else {
        redis.call(Command{"HDEL", queue.keys().meta, "concurrency"});
    }
}

void setRateLimit(const QueueContext& queue,
                  RedisClient& redis,
                  const std::optional<RateLimit>& limit) {
    if (limit) {
        const auto duration = static_cast<std::int64_t>(limit->duration.count());
        redis.call(Command{"HSET", queue.keys().meta, "max"}
                       .add(limit->max)
                       .add("duration")
                       .add(duration));
    } else {
        redis.call(Command{"HDEL", queue.keys().meta, "max", "duration"});
    }
}

void rateLimit(const QueueContext& queue, RedisClient& redis, std::chrono::milliseconds duration) {
    // As many as a JavaScript number counts exactly: more than any limit.
    redis.call(Command{"SET", queue.keys().limiter, "9007199254740991", "PX"}.add(
        static_cast<std::int64_t>(duration.count())));
}

void removeRateLimitKey(const QueueContext& queue, RedisClient& redis) {
    redis.call(Command{"DEL", queue.keys().limiter});
}

}  // namespace drover::ops
