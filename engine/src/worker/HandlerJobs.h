#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ClaimedJob.h"
#include "drover/JobScheduler.h"
#include "queue/JobRecord.h"

namespace drover {

/// A job that a handler adds, ready for its queue.
struct HandlerJob {
    std::string prefix;
    std::string queue;
    JobRecord record;
    std::string refusal;  ///< Why it cannot be added; empty: it can.
};

/// Returns the name of the queue in Redis for a job that is added to `queue`. See TargetQueues::placeOf().
using PlaceJob = std::function<std::string(const std::string& prefix,
                                           const std::string& queue,
                                           const NewJob& job,
                                           std::string_view parentQueue)>;

/// Parses the argument of add_children: a JSON array of {"queue": qualified name, "name": string, "data": any,
/// "opts": object}. Without "queue" a child goes to its parent's queue.
/// `metadata` is the context of their add, see passOn(). `place` finds the shard of each; empty: no queue has any.
/// Returns std::nullopt, with the reason in `problem`, for any other text and for a job that newChildError() refuses.
[[nodiscard]] std::optional<std::vector<HandlerJob>> parseChildren(std::string_view json,
                                                                   const ClaimedJob& parent,
                                                                   std::string& problem,
                                                                   const std::string& metadata = "",
                                                                   const PlaceJob& place = {});

/// Parses the argument of add_jobs: an array as that of parseChildren(), for jobs of their own. A queue without prefix has
/// that of `job`, and without "queue" it is the queue of `job`.
/// Returns std::nullopt, with the reason in `problem`, for any text but an array. Each job has a refusal of its own.
[[nodiscard]] std::optional<std::vector<HandlerJob>> parseHandlerJobs(
    std::string_view json,
    const ClaimedJob& job,
    std::string& problem,
    const std::string& metadata = "",
    const PlaceJob& place = {});

/// A scheduler that a handler adds, changes or removes.
struct HandlerScheduler {
    std::string prefix;
    std::string queue;
    std::string id;
    RepeatOptions repeat;
    JobTemplate jobs;
};

/// Parses the argument of upsert_scheduler and remove_scheduler: {"queue": string, "id": string, "repeat": object, "template": object}
/// with the queue of parseHandlerJobs(). `isUpsert`: whether it has a rule and jobs.
/// Returns what is wrong with it; empty: nothing is.
[[nodiscard]] std::string parseHandlerScheduler(std::string_view json,
                                                const ClaimedJob& job,
                                                bool isUpsert,
                                                HandlerScheduler& scheduler);

}  // namespace drover
