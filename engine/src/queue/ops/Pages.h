#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "drover/QueueReader.h"
#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

/// Reads of many jobs of a queue, and of a job's logs, by page. Each throws RedisIoException (or a child) when Redis is away.
namespace drover::ops {

/// Throws Poco::InvalidArgumentException for JobState::Unknown.
[[nodiscard]] JobPage jobs(const QueueContext& queue,
                           RedisClient& redis,
                           const std::vector<JobState>& states,
                           const PageRange& range);

[[nodiscard]] JobLogs logs(const QueueContext& queue,
                           RedisClient& redis,
                           const std::string& id,
                           const PageRange& range);

[[nodiscard]] FailedReasons failedReasons(const QueueContext& queue,
                                          RedisClient& redis,
                                          std::int64_t start,
                                          int most);

}  // namespace drover::ops
