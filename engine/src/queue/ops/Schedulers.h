#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

namespace drover {

/// A scheduler's job that was claimed, and what the next one gets of it.
struct SchedulerItem {
    std::string scheduler;  ///< Id.
    std::string takenId;
    bool pattern = false;  ///< Its kind by its own opts.
    std::int64_t everyMs = 0;
    std::optional<std::int64_t> offsetMs;
    std::int64_t prevMillis = 0;
    std::optional<std::int64_t> nextByPatternMs;
    int priority = 0;
    bool lifo = false;
    std::string optsMembers, repeatMembers;  ///< JSON members, each with a comma behind it.
    std::string data;  ///< JSON; the next job's, if the scheduler's record has none.
};

struct SchedulerResult {
    enum class Code {
        Legacy = -1,  ///< A repeatable job of 5.x without a scheduler's record.
        Nothing = 0,  ///< The scheduler is gone, has another next run, or its pattern has none.
        Made = 1,
        Exists = 2  ///< A job of that id exists already: the scheduler does not go on.
    };
    Code code = Code::Nothing;
    std::string nextId;
};

namespace ops {

/// Makes the next job of a scheduler, once for each job claimed: safe to repeat.
/// Throws RedisIoException (or a child) when Redis is away and ScriptException for a reply of another shape.
SchedulerResult iterateScheduler(const QueueContext& queue,
                                 RedisClient& redis,
                                 const SchedulerItem& item,
                                 std::int64_t nowMs);

}  // namespace ops

}  // namespace drover
