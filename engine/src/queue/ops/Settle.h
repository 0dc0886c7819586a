#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "queue/QueueContext.h"
#include "queue/ops/Replies.h"
#include "redis/RedisClient.h"

namespace drover {

/// A failed attempt to repeat.
struct RetryItem {
    std::string id;
    std::string token;
    std::int64_t backoffMs = 0;  ///< 0: at once.
    bool lifo = false;
    std::string reason;
    std::string stacktrace;
    int attemptsMade = 1;  ///< This one included.
};

/// A job to hand back without counting an attempt.
struct HandBackItem {
    std::string id;
    std::string token;
    std::int64_t untilMs = 0;  ///< Epoch; 0: to the front of the queue.
    bool uncountStart =
        true;  ///< attemptsStarted goes back too: never begun, or an outage ended it.
};

/// A job that waits for its children.
struct ChildrenWaitItem {
    std::string id;
    std::string token;
    std::string child{};  ///< Key of the child that must be pending; empty: any child.
};

/// The answer for jobs that leave active without an end: one code each, and what befell single ones.
struct SettleResult {
    std::vector<int> codes;  ///< 0 done, else a code of docs/wire-format.md#codes.
    std::vector<JobProblem> problems;
};

namespace ops {

// Each throws RedisIoException (or a child) when Redis is away and ScriptException for a reply of another shape.

/// Moves failed attempts to delayed, or straight to wait.
SettleResult retryJobs(const QueueContext& queue,
                       RedisClient& redis,
                       const std::vector<RetryItem>& items,
                       std::int64_t nowMs);

/// Hands jobs back. Items newest first, so that the oldest ends up in front.
SettleResult handBackJobs(const QueueContext& queue,
                          RedisClient& redis,
                          const std::vector<HandBackItem>& items,
                          std::int64_t nowMs);

/// Lets jobs sleep until their children are done. Codes as for a finish, and 1: no such child is pending, nothing moved.
SettleResult moveToWaitingChildren(const QueueContext& queue,
                                   RedisClient& redis,
                                   const std::vector<ChildrenWaitItem>& items,
                                   std::int64_t nowMs);

}  // namespace ops

}  // namespace drover
