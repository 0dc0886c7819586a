#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "drover/Json.h"

namespace drover {

/// A job scheduler that a handler adds or changes: ActiveJob::upsertScheduler().
struct SchedulerToUpsert {
    std::string id;
    /// JSON {"every": ms | "pattern": cron, "tz"?, "startDate"?, "endDate"?, "limit"?, "offset"?, "immediately"?}.
    std::string repeat;
    /// JSON {"name"?: string, "data"?: any, "opts"?: object}: the jobs that it makes.
    std::string jobs = "{}";
    /// A queue with the prefix of the handler's own, or "<prefix>:<queue>"; empty: the handler's own queue.
    std::string queue = {};

    bool operator==(const SchedulerToUpsert&) const = default;
};

/// The next run of a scheduler that a handler has added or changed.
struct NextRun {
    std::string jobId;       ///< "repeat:<scheduler>:<dueMs>"
    std::int64_t dueMs = 0;  ///< Epoch milliseconds.
};

namespace detail {

/// Returns the argument of remove_scheduler.
inline std::string schedulerJson(std::string_view id, std::string_view queue) {
    return (queue.empty() ? "{" : "{\"queue\":" + jsonString(queue) + ",") +
           "\"id\":" + jsonString(id) + "}";
}

/// Returns the argument of upsert_scheduler.
inline std::string jsonOf(const SchedulerToUpsert& scheduler) {
    std::string json = schedulerJson(scheduler.id, scheduler.queue);
    json.pop_back();
    return json + ",\"repeat\":" + scheduler.repeat + ",\"template\":" + scheduler.jobs + "}";
}

/// Reads the answer of upsert_scheduler.
inline std::optional<NextRun> nextRun(const JsonView& json) {
    if (!json.isObject()) {
        return std::nullopt;
    }
    return NextRun{json["jobId"].string().value_or(""), json["dueMs"].integer().value_or(0)};
}

}  // namespace detail
}  // namespace drover
