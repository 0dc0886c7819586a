#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

namespace drover {

/// The answer to a renewal of locks. Numbers are positions in the list of locks.
struct RenewResult {
    std::vector<std::size_t> lost;
    std::vector<std::size_t> cancelled;  ///< To be cancelled. Their locks are renewed.
    std::vector<std::string> reasons;    ///< One for each of `cancelled`; may be empty.
};

enum class CancelRequest {
    Requested,  ///< The holder reads it at once, or else when it renews the lock.
    NotHeld,    ///< No worker has the job.
    Unknown     ///< There is no such job.
};

namespace ops {

// Each throws RedisIoException (or a child) when Redis is away and ScriptException for a reply of another shape.

/// Renews locks, given by job id and token.
RenewResult extendLocks(const QueueContext& queue,
                        RedisClient& redis,
                        const std::vector<std::pair<std::string, std::string>>& locks,
                        std::chrono::milliseconds duration);

/// Returns the active jobs that are locked with this token, the newest first. Reads the whole active list: for recovery
/// only.
[[nodiscard]] std::vector<std::string> activeWithToken(const QueueContext& queue,
                                                       RedisClient& redis,
                                                       const std::string& token);

/// Requests that the worker which holds the job sets its cancel token. A worker of BullMQ ignores the request.
CancelRequest cancelJob(const QueueContext& queue,
                        RedisClient& redis,
                        const std::string& id,
                        const std::string& reason = "");

}  // namespace ops

}  // namespace drover
