#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "drover/Queue.h"
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
    std::optional<std::int64_t>
        timestampMs{};      ///< Present if an earlier add with the same key has added the job.
    bool keyTaken = false;  ///< The key of AddOnce belongs to another request.
};

namespace ops {

/// Jobs of a call that are added once.
struct OnceGroup {
    const AddOnce* once;
    std::size_t first;        ///< Place of the first job.
    std::size_t count;        ///< At least one.
    bool recallOnly = false;  ///< A job that was not added before gets an error.
};

/// Returns the call that adds jobs, in order. It refers to `queue`, `jobs` and what `onces` has; see addJobs().
Command addJobsCall(const QueueContext& queue,
                    const RedisClient& redis,
                    const std::vector<JobRecord>& jobs,
                    std::int64_t nowMs,
                    const std::vector<OnceGroup>& onces = {});
/// Reads the reply to addJobsCall(), one answer per job. Throws ScriptException for a reply of another shape.
std::vector<AddedId> addedIds(const QueueContext& queue, const Reply& reply, std::size_t jobs);

/// Adds jobs, in order. `nowMs` is the time of the add, also for parents that it releases. `onces` do not overlap.
/// Throws RedisIoException (or a child) when Redis is away and ScriptException for a reply of another shape.
std::vector<AddedId> addJobs(const QueueContext& queue,
                             RedisClient& redis,
                             const std::vector<JobRecord>& jobs,
                             std::int64_t nowMs,
                             const std::vector<OnceGroup>& onces = {});

}  // namespace ops

}  // namespace drover
