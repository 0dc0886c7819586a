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
/// Returns for how long the last check, of any client, prevents the next one.
[[nodiscard]] std::chrono::milliseconds stalledCheckExpiresIn(const QueueContext& queue,
                                                              RedisClient& redis);

/// Puts those jobs back that are in no state and not younger than `latestMs`, and adds the job that waits for a deduplication
/// id without owner. Checks and moves each id in one step.
RescueResult rescueLost(const QueueContext& queue,
                        RedisClient& redis,
                        const std::vector<std::string>& jobs,
                        const std::vector<std::string>& deduplications,
                        std::int64_t latestMs,
                        std::int64_t nowMs);
/// Returns true if the caller may look for lost jobs now; every other caller gets false until the interval is over.
/// `shared`: 5.x clients share the queue, and lose jobs. Such searches have a key of their own, since they are more frequent:
/// a queue that turns out to be shared is searched at once, whenever its last regular search was.
[[nodiscard]] bool beginRescue(const QueueContext& queue,
                               RedisClient& redis,
                               bool shared,
                               std::chrono::milliseconds interval);
/// Returns for how long the last beginRescue() of the same kind, of any process, holds.
[[nodiscard]] std::chrono::milliseconds rescueExpiresIn(const QueueContext& queue,
                                                        RedisClient& redis,
                                                        bool shared);

}  // namespace ops

}  // namespace drover
