#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

/// Looks for faults of a queue, and repairs them; the scripts list the kinds.
///
/// Each repair checks again before it writes, and returns what it has repaired. Each function throws RedisIoException (or a
/// child) when Redis is away, and ScriptException if a key of the queue has another type.
namespace drover::ops {

/// Returns how many ids a call may look for or repair, each of which may walk over the `listed` ids of the lists.
[[nodiscard]] std::size_t idsPerCall(std::size_t listed);

enum class FaultCheck { None, Unfixable, Fixable };

/// Looks at suspects, each a kind and an id, at one moment. `latestMs`: younger jobs are not faults.
[[nodiscard]] std::vector<FaultCheck> examineJobs(
    const QueueContext& queue,
    RedisClient& redis,
    const std::vector<std::pair<std::string, std::string>>& suspects,
    std::int64_t latestMs);

/// Returns the faults of keys that belong to no single job, as repairQueue() accepts them.
[[nodiscard]] std::vector<std::string> examineQueue(const QueueContext& queue, RedisClient& redis);

std::vector<std::string> placeLost(const QueueContext& queue,
                                   RedisClient& redis,
                                   const std::vector<std::string>& ids,
                                   std::int64_t latestMs,
                                   std::int64_t nowMs);

std::vector<std::string> returnUnlocked(const QueueContext& queue,
                                        RedisClient& redis,
                                        const std::vector<std::string>& ids);

/// `kind`: "missing-job", "legacy-id", "stale-stalled" or "set-aside".
std::vector<std::string> dropIds(const QueueContext& queue,
                                 RedisClient& redis,
                                 const std::string& kind,
                                 const std::vector<std::string>& ids);

/// `faults`: of examineQueue(), and "counter-behind <number>".
std::vector<std::string> repairQueue(const QueueContext& queue,
                                     RedisClient& redis,
                                     const std::vector<std::string>& faults);

}  // namespace drover::ops
