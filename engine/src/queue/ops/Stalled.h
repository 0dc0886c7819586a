#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "queue/QueueContext.h"
#include "queue/ops/Replies.h"
#include "redis/RedisClient.h"

namespace drover {

struct StalledResult {
    enum class State {
        NotDue,  ///< An earlier check is still valid.
        More,    ///< Call again, with `continuing`.
        Done
    };
    State state = State::NotDue;
    std::vector<std::string> recovered;
    std::vector<JobProblem> problems;
    bool bullmq5 = false;  ///< 5.x clients share the queue. Known in every state.
};

struct RescueResult {
    std::vector<std::string> rescued;
    std::vector<JobProblem> problems;
};

namespace ops {

// Each throws RedisIoException (or a child) when Redis is away and ScriptException for a reply of another shape.

/// Moves jobs whose lock expired back to wait, at most `chunk` in one call.
StalledResult checkStalled(const QueueContext& queue,
                           RedisClient& redis,
                           std::int64_t nowMs,
                           std::chrono::milliseconds interval,
                           int maxStalledCount,
                           int chunk,
                           bool continuing);
/// Returns for how long the last check, of any client, keeps the next one from being made.
[[nodiscard]] std::chrono::milliseconds stalledCheckExpiresIn(const QueueContext& queue,
                                                              RedisClient& redis);

/// Puts those jobs back that are in no state and not younger than `latestMs`, and adds what a deduplication id without
/// owner kept. Each id is checked and moved in one step.
RescueResult rescueLost(const QueueContext& queue,
                        RedisClient& redis,
                        const std::vector<std::string>& jobs,
                        const std::vector<std::string>& deduplications,
                        std::int64_t latestMs,
                        std::int64_t nowMs);
/// Returns true if the caller may look for lost jobs now: no other process will until the interval is over. A search
/// that was begun with a longer interval does not count.
[[nodiscard]] bool beginRescue(const QueueContext& queue,
                               RedisClient& redis,
                               std::chrono::milliseconds interval);
/// Returns for how long the last beginRescue(), of any process, holds.
[[nodiscard]] std::chrono::milliseconds rescueExpiresIn(const QueueContext& queue,
                                                        RedisClient& redis);

}  // namespace ops

}  // namespace drover
