#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "drover/QueueReader.h"
#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

/// Reads about a queue as a whole. Each throws RedisIoException (or a child) when Redis is away.
namespace drover::ops {

[[nodiscard]] QueueMeta meta(const QueueContext& queue, RedisClient& redis);

[[nodiscard]] bool isMaxed(const QueueContext& queue, RedisClient& redis);

[[nodiscard]] std::map<int, std::int64_t> countsPerPriority(const QueueContext& queue,
                                                            RedisClient& redis,
                                                            const std::vector<int>& priorities);

[[nodiscard]] std::int64_t delayedBefore(const QueueContext& queue,
                                         RedisClient& redis,
                                         std::int64_t timeMs);

/// `state`: "completed" or "failed".
[[nodiscard]] QueueMetrics metrics(const QueueContext& queue,
                                   RedisClient& redis,
                                   std::string_view state,
                                   const PageRange& range);

/// Throws ScriptException if Redis refuses CLIENT LIST.
[[nodiscard]] std::vector<WorkerInfo> workers(const QueueContext& queue, RedisClient& redis);

[[nodiscard]] QueueNames queueNames(RedisClient& redis,
                                    const std::string& prefix,
                                    const std::string& cursor);

}  // namespace drover::ops
