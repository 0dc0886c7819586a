#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "queue/JobRecord.h"
#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

namespace drover {

/// The answer for one job: its id, or that of the job that stands for it; or a negative code (docs/wire-format.md#codes), or
/// why nothing of it could be stored.
struct AddedId {
    std::string id;
    int code = 0;
    std::string error;
    AddResult::Match match = AddResult::Match::None;
};

namespace ops {

/// Adds jobs, in order. `nowMs` is the time of the add, also for parents that it releases.
/// Throws RedisIoException (or a child) when Redis is away and ScriptException for a reply of another shape.
std::vector<AddedId> addJobs(const QueueContext& queue,
                             RedisClient& redis,
                             const std::vector<JobRecord>& jobs,
                             std::int64_t nowMs);

}  // namespace ops

}  // namespace drover
