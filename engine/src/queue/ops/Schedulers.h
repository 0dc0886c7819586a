#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "queue/JobRecord.h"
#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

namespace drover {

/// A scheduler's job that was claimed, and what the next one gets of it.
struct SchedulerItem {
    std::string scheduler;  ///< Id.
    std::string claimedId;
    bool pattern = false;  ///< Its kind by its own opts.
    std::int64_t everyMs = 0;
    std::optional<std::int64_t> offsetMs;
    std::int64_t prevMillis = 0;
    std::optional<std::int64_t> nextByPatternMs;
    std::string
        repeat;  ///< JSON object with a member or more: opts.repeat of the next job, without offset.
    /// The next job. The script gives it an id and times; name and data of the scheduler's record go before its own.
    JobRecord next;
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
