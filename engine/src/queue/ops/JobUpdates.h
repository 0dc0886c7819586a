#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

/// Changes of a single job. Each returns -1 if there is no such job, and throws RedisIoException (or a child) when Redis is
/// away.
namespace drover::ops {

/// Stores the progress (JSON) and adds the event. Returns 0.
int updateProgress(const QueueContext& queue,
                   RedisClient& redis,
                   const std::string& id,
                   std::string_view json);

/// Replaces the data (JSON). Returns 0.
int updateData(const QueueContext& queue,
               RedisClient& redis,
               const std::string& id,
               std::string_view json);

/// Appends a row to the job's log and removes older ones: `keep` stay, 0: all. Returns how many there are now.
std::int64_t addLog(const QueueContext& queue,
                    RedisClient& redis,
                    const std::string& id,
                    std::string_view row,
                    std::int64_t keep);

/// Removes the rows of the job's log but the newest `keep`.
void clearLogs(const QueueContext& queue,
               RedisClient& redis,
               const std::string& id,
               std::int64_t keep);

}  // namespace drover::ops
