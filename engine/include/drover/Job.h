#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "drover/Export.h"
#include "drover/JobOptions.h"

namespace drover {

/// Where a job stands. The names are BullMQ's; `Waiting` is the key `wait` (or, from 5.x clients, `paused`).
enum class JobState {
    Waiting,
    Active,
    Delayed,
    Prioritized,
    WaitingChildren,
    Completed,
    Failed,
    Unknown
};

/// "waiting", "active", "delayed", "prioritized", "waiting-children", "completed", "failed", "unknown".
[[nodiscard]] DROVER_API const char* toString(JobState state);
/// Returns the state of that name, "wait" being another one for "waiting".
/// Throws Poco::InvalidArgumentException, with the names there are, for any other text and for "unknown".
[[nodiscard]] DROVER_API JobState parseJobState(std::string_view name);

/// Which version's `JSON.stringify(job)` a view imitates: 5.48.1 has no `stalledCounter` and no `deferredFailure`.
enum class JobView { Bullmq6, Bullmq548 };

/// A job as its hash holds it. A value; `data` and `returnValue` stay the raw JSON that a client wrote.
struct DROVER_API Job {
    std::string id;
    std::string name;
    std::string data = "{}";
    JobOptions opts;
    std::string queueQualifiedName;  ///< "<prefix>:<queue>".
    std::string progress = "0";      ///< JSON.
    std::optional<std::string> returnValue;
    std::optional<std::string> stacktrace;  ///< JSON array; absent for a job just added.
    std::optional<std::int64_t> delayMs;    ///< Absent for a job just added without opts.delay.
    int priority = 0;
    int attemptsStarted = 0;
    int attemptsMade = 0;
    int stalledCounter = 0;
    std::int64_t timestampMs = 0;
    std::optional<std::string> repeatJobKey;
    std::optional<std::string> parentKey;
    std::optional<std::string> parent;  ///< JSON.
    std::optional<std::string> deduplicationId;
    std::optional<std::int64_t> finishedOnMs;
    std::optional<std::int64_t> processedOnMs;
    std::optional<std::string> failedReason;
    std::optional<std::string> deferredFailure;
    std::optional<std::string> processedBy;

    /// The members and their order are those of `JSON.stringify(job)`; absent members are left out. `data`, `progress`,
    /// `returnValue`, `stacktrace` and `parent` are embedded as they are, so they must be JSON.
    [[nodiscard]] std::string toJson(JobView view = JobView::Bullmq6) const;
};

}  // namespace drover
