#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "drover/QueueReader.h"
#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

/// Reads of a queue. Each throws RedisIoException (or a child) when Redis is away.
namespace drover::ops {

[[nodiscard]] JobCounts counts(const QueueContext& queue, RedisClient& redis);

/// Returns std::nullopt for a job that has not ended, in the order of `ids`.
[[nodiscard]] std::vector<std::optional<JobEnd>> ends(const QueueContext& queue,
                                                      RedisClient& redis,
                                                      const std::vector<std::string>& ids);

/// Returns std::nullopt if there is no such job. Throws JobFormatException as parseJobHash() does.
[[nodiscard]] std::optional<Job> job(const QueueContext& queue,
                                     RedisClient& redis,
                                     const std::string& id);

[[nodiscard]] JobState state(const QueueContext& queue, RedisClient& redis, const std::string& id);

[[nodiscard]] bool isPaused(const QueueContext& queue, RedisClient& redis);

/// Returns for how many ms no job begins, see QueueReader::rateLimitTtl().
[[nodiscard]] std::int64_t rateLimitTtl(const QueueContext& queue,
                                        RedisClient& redis,
                                        std::optional<int> max);

}  // namespace drover::ops
