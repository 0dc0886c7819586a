#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

/// Changes that move a single job, or end it. Numbers below 0 are codes (docs/wire-format.md#codes).
///
/// Each throws RedisIoException (or a child) when Redis is away, and ScriptException if a key of the queue has another type.
namespace drover::ops {

/// Lets a delayed job run now. Returns 0, or -3: it is not delayed.
[[nodiscard]] std::int64_t promoteJob(const QueueContext& queue,
                                      RedisClient& redis,
                                      const std::string& id);

/// Delays a delayed job until `delay` from `nowMs`. Returns 0, -1 or -3.
[[nodiscard]] std::int64_t changeDelay(const QueueContext& queue,
                                       RedisClient& redis,
                                       const std::string& id,
                                       std::chrono::milliseconds delay,
                                       std::int64_t nowMs);

/// Changes the priority; `lifo`: before the other jobs of that priority. Returns 0 or -1.
[[nodiscard]] std::int64_t changePriority(
    const QueueContext& queue, RedisClient& redis, const std::string& id, int priority, bool lifo);

/// Makes a finished job run again. `completed`: the state that it is in, else failed. Returns 0, -1 or -3.
[[nodiscard]] std::int64_t reprocessJob(const QueueContext& queue,
                                        RedisClient& redis,
                                        const std::string& id,
                                        bool completed,
                                        bool resetAttemptsMade,
                                        bool resetAttemptsStarted);

/// Bounds a call that removes jobs, in units of about ten microseconds: Redis stands still for about 10 ms.
inline constexpr int kRemovalBudget = 1000;

/// Removes a job, with what is below it if `withChildren`. Returns 1 removed, or there is none; 0 a worker holds one of the
/// jobs; 2 a part was removed, since the jobs cost more than a call may (`budget`, units of about 10 us); -8.
[[nodiscard]] std::int64_t removeJob(const QueueContext& queue,
                                     RedisClient& redis,
                                     const std::string& id,
                                     bool withChildren,
                                     int budget);

struct RemovedChildren {
    std::size_t removed = 0;
    bool done = false;
};

/// Removes pending children, in one step of many. `cursor`: "0" at first.
RemovedChildren removeUnprocessedChildren(const QueueContext& queue,
                                          RedisClient& redis,
                                          const std::string& id,
                                          int budget,
                                          std::string& cursor);

struct RemovedDependency {
    std::int64_t code = 0;  ///< 0 done, 1 no parent waits for the job, -1, -5.
    std::string parentKey;
};

/// Ends that its parent waits for the job.
RemovedDependency removeChildDependency(const QueueContext& queue,
                                        RedisClient& redis,
                                        const std::string& id);

/// Ends that the job owns its deduplication id. Returns false if it owns none.
bool removeDeduplicationKey(const QueueContext& queue, RedisClient& redis, const std::string& id);

/// Returns the job that owns a deduplication id, std::nullopt if none does.
[[nodiscard]] std::optional<std::string> deduplicationJobId(const QueueContext& queue,
                                                            RedisClient& redis,
                                                            const std::string& deduplicationId);
/// Ends that any job owns it. Returns false if none does.
bool removeDeduplicationId(const QueueContext& queue,
                           RedisClient& redis,
                           const std::string& deduplicationId);

}  // namespace drover::ops
