#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "drover/Export.h"
#include "drover/JobOptions.h"

namespace drover {

/// When a scheduler runs. Dates are epoch milliseconds.
///
/// Source: BullMQ's RepeatOptions: {"every": ms | "pattern": cron, "tz"?, "startDate"?, "endDate"?, "limit"?, "offset"?,
/// "immediately"?}.
struct DROVER_API RepeatOptions {
    std::optional<std::chrono::milliseconds> every;  ///< Either this, at least 1 ms …
    std::string pattern;  ///< … or a cron pattern of five or six fields.
    std::string tz;  ///< For `pattern`: Area/City. Empty: the zone of the process that computes.
    std::optional<std::int64_t> startDateMs;  ///< No run before it; with `every` the first run.
    std::optional<std::int64_t> endDateMs;    ///< No run after it.
    std::optional<std::int64_t> limit;        ///< Most runs, counted from this upsert.
    /// For `every`: how far behind the multiples of `every` it runs, in [0, every).
    std::optional<std::chrono::milliseconds> offset;
    bool immediately = false;  ///< For `pattern`: the first run is now.

    /// Reads BullMQ's form; a date is a number or ISO 8601 text with its zone. null counts as not given.
    /// Throws Poco::InvalidArgumentException that names the member that is unknown or of another type.
    static RepeatOptions parse(std::string_view json);
};

/// The jobs that a scheduler makes.
struct DROVER_API JobTemplate {
    std::string name;         ///< Empty: the scheduler's id.
    std::string data = "{}";  ///< JSON text, stored byte for byte.
    /// Without jobId, delay, timestamp, repeat, parent and deduplication: each run has its own, or none.
    JobOptions opts;
    bool backoffAsNumber = false;  ///< A fixed backoff is stored as a number, its delay.

    /// Reads {"name"?: string, "data"?: any, "opts"?: object}. As in BullMQ a backoff given as a number is stored as one.
    /// Throws Poco::InvalidArgumentException that names the member that is wrong.
    static JobTemplate parse(std::string_view json);
};

/// A scheduler as its record has it. Records of other versions lack members.
struct DROVER_API JobScheduler {
    std::string key;  ///< Its id.
    std::string name;
    std::int64_t nextMs = 0;  ///< May be past: that job waits, runs, or was the last one.
    std::optional<std::int64_t> iterationCount;  ///< Jobs made; absent for a repeatable of 5.x.
    RepeatOptions repeat;
    std::optional<std::string> data;  ///< The template's, JSON; absent for {}.
    std::optional<std::string> opts;  ///< The template's, JSON with public names.

    /// As JSON.stringify() of what BullMQ's getJobScheduler() returns: key, name, next, iterationCount, limit, startDate,
    /// endDate, tz, pattern, every, offset, template {data, opts}; absent members are left out.
    [[nodiscard]] std::string toJson() const;
};

/// The next run of a scheduler.
struct ScheduledRun {
    std::string jobId;  ///< "repeat:<scheduler>:<dueMs>"
    std::int64_t dueMs = 0;
};

}  // namespace drover
