#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "queue/JobRecord.h"
#include "queue/QueueContext.h"
#include "queue/SchedulerRecord.h"
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

struct UpsertResult {
    int code = 0;  ///< 1 done; -10, -11: nothing has changed, the job `jobId` is there already.
    std::string jobId;
    std::int64_t dueMs = 0;
};

namespace ops {

/// Makes the next job of a scheduler, once for each job claimed: safe to repeat.
/// Throws RedisIoException (or a child) when Redis is away and ScriptException for a reply of another shape.
SchedulerResult iterateScheduler(const QueueContext& queue,
                                 RedisClient& redis,
                                 const SchedulerItem& item,
                                 std::int64_t nowMs);

/// Adds or changes a scheduler: safe to repeat. Throws as iterateScheduler().
UpsertResult upsertScheduler(const QueueContext& queue,
                             RedisClient& redis,
                             const SchedulerRecord& record,
                             std::int64_t nowMs);

/// Removes a scheduler. Returns false if there is none.
bool removeScheduler(const QueueContext& queue, RedisClient& redis, const std::string& id);

[[nodiscard]] std::optional<StoredScheduler> scheduler(const QueueContext& queue,
                                                       RedisClient& redis,
                                                       const std::string& id);
/// Returns the schedulers at these positions by next run, in one call. Members without a record are left out.
[[nodiscard]] std::vector<StoredScheduler> schedulers(const QueueContext& queue,
                                                      RedisClient& redis,
                                                      std::int64_t first,
                                                      std::int64_t last,
                                                      bool latestFirst);
/// Returns the number of members of `repeat`.
[[nodiscard]] std::int64_t countSchedulers(const QueueContext& queue, RedisClient& redis);

}  // namespace ops

}  // namespace drover
