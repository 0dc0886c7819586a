#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drover {

/// When a job scheduler runs. Times are epoch milliseconds; 0 and empty stand for "not given".
///
/// Source: BullMQ `opts.repeat` of a scheduler's job, and its record: {"every" | "pattern", "tz"?, "limit"?, "startDate"?,
/// "endDate"?, "offset"?, "count"?}; of 5.x also "utc"? and "nthDayOfWeek"?.
struct Schedule {
    std::int64_t everyMs = 0;  ///< Either this …
    std::string pattern;       ///< … or a cron pattern.
    std::string tz;            ///< Empty: the zone of this process.
    std::int64_t limit = 0;    ///< Most runs.
    std::int64_t startMs = 0, endMs = 0;
    std::int64_t offsetMs = 0;  ///< For `every`: how far behind the multiples of `every` it runs.
    std::int64_t count = 0;     ///< Runs so far.
    bool immediately = false;   ///< For `pattern`: the first run is now.
    int weekOfMonth = 0;  ///< For `pattern`: the only week in which it runs; 0: each, -1: none.
};

/// Reads `opts.repeat`. Tolerates numbers that came as text and dates that came as ISO 8601; another type counts as not
/// given. std::nullopt if `json` is not an object.
[[nodiscard]] std::optional<Schedule> parseSchedule(std::string_view json);

/// Returns true without a further run: `limit` runs were made, or the end is past.
[[nodiscard]] bool isOver(const Schedule& schedule, std::int64_t nowMs);

/// Returns the run after the one at `previousMs` (0: none yet): after that, after now and after the start. std::nullopt if
/// the pattern never matches again before the end. `seed` draws what H stands for: the scheduler's id.
/// Throws Poco::InvalidArgumentException for a malformed pattern or an unknown time zone.
[[nodiscard]] std::optional<std::int64_t> nextCron(const Schedule& schedule,
                                                   std::string_view seed,
                                                   std::int64_t previousMs,
                                                   std::int64_t nowMs);

}  // namespace drover
