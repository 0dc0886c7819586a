#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "drover/Job.h"
#include "drover/Queue.h"
#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

/// Reads of a queue. Each throws RedisIoException (or a child) when Redis is away.
namespace drover::ops {

[[nodiscard]] JobCounts counts(const QueueContext& queue, RedisClient& redis);

/// Returns std::nullopt if there is no such job. Throws JobFormatException as parseJobHash() does.
[[nodiscard]] std::optional<Job> job(const QueueContext& queue,
                                     RedisClient& redis,
                                     const std::string& id);

[[nodiscard]] JobState state(const QueueContext& queue, RedisClient& redis, const std::string& id);

/// Returns the results (JSON) of the children that completed, by job key.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> childrenValues(
    const QueueContext& queue, RedisClient& redis, const std::string& id);

}  // namespace drover::ops
