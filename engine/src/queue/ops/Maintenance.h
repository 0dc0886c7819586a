#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "queue/QueueContext.h"
#include "queue/ops/Replies.h"
#include "redis/RedisClient.h"

/// One step each of work on many jobs.
///
/// Each throws RedisIoException (or a child) when Redis is away, and ScriptException if a key of the queue has another type.
namespace drover::ops {

struct RequeuedJobs {
    std::size_t moved = 0;
    std::size_t found = 0;  ///< Fewer than requested: none is left.
    std::vector<JobProblem> problems;
};

/// Makes up to `most` jobs of "failed", "completed" or "delayed" run whose score is at most `highestScore`.
RequeuedJobs requeueJobs(const QueueContext& queue,
                         RedisClient& redis,
                         const std::string& state,
                         const std::string& highestScore,
                         std::size_t most,
                         std::int64_t nowMs);

struct CleanedJobs {
    std::vector<std::string> ids;
    std::size_t found = 0;   ///< Jobs that the step looked at. Fewer than requested: none is left.
    std::size_t length = 0;  ///< Jobs in the state before.
    std::vector<JobProblem> problems;
};

/// Removes jobs of a key ("wait", "completed", …) among `most` behind the first `passed`. `latestMs`: see cleanJobs.lua; absent:
/// all, without event.
CleanedJobs cleanJobs(const QueueContext& queue,
                      RedisClient& redis,
                      const std::string& state,
                      std::size_t passed,
                      std::size_t most,
                      std::optional<std::int64_t> latestMs);

struct ObliteratedJobs {
    std::int64_t code =
        0;  ///< 0 the queue is gone, 1 call again, -1 it is not paused, -2 a job is active.
    std::size_t removed = 0;
    std::vector<JobProblem> problems;
};

ObliteratedJobs obliterate(const QueueContext& queue,
                           RedisClient& redis,
                           std::size_t most,
                           bool force);

/// Removes entries of the stream of events, at most some thousand, until about `length` are left. Returns how many.
std::int64_t trimEvents(const QueueContext& queue, RedisClient& redis, std::int64_t length);

struct RemovedOrphans {
    std::size_t removed = 0;
    std::vector<JobProblem> problems;
};

/// Removes those of the ids that are jobs in no state and not younger than `latestMs`, or jobs without hash.
RemovedOrphans removeOrphans(const QueueContext& queue,
                             RedisClient& redis,
                             const std::vector<std::string>& ids,
                             std::int64_t latestMs);

}  // namespace drover::ops
