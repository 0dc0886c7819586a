#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/TimeZone.h"

namespace drover {

/// A cron pattern, and the moments that it names.
///
/// Six fields: second 0-59, minute 0-59, hour 0-23, day of month 1-31, month 1-12 or JAN-DEC, day of week 0-7 (0 and 7 are
/// Sunday) or SUN-SAT. Fields left out at the front are 0 for the second and * for the others, so that five fields begin
/// with the minute.
///   * ?        every value            a-b    a range, upwards     a,b,c  a list
///   x/n        every nth: of a range, of *, or from a number on
///   L          day of month: the last one; 5L in day of week: the last Friday of the month
///   1#2        day of week: the second Monday of the month
///   H H(a-b)   one value of the field or range, drawn by the seed; H/n and H(a-b)/n: every nth from a drawn one on
/// A day matches by either of day of month and day of week if both are restricted (are not exactly * or ?).
/// Instead of fields: @secondly @minutely @hourly @daily @weekly @monthly @yearly @annually @weekdays @weekends.
///
/// Source: grammar and moments of cron-parser 5.10, which BullMQ 6 uses. cron-parser draws H anew at each evaluation unless
/// it has a hash seed, and BullMQ gives it none; here the same seed always draws the same values, those that cron-parser
/// draws with that hash seed.
/// Accepted although cron-parser 5 refuses it: a value named twice in a list, which cron-parser 4 of BullMQ 5 accepts.
/// Refused although cron-parser accepts it: characters without meaning beside H(a-b) or H/n, which cron-parser skips.
/// Threads: immutable.
class Cron {
public:
    /// Throws Poco::InvalidArgumentException that names the field, the mistake and the cure.
    /// `weekOfMonth` 1 to 5: only days in that week of their month match, as with 5.x's option nthDayOfWeek; # in the pattern
    /// goes before it. 0: any week.
    explicit Cron(std::string_view pattern, std::string_view seed = {}, int weekOfMonth = 0);

    /// Returns the first matching moment strictly after `afterMs` (epoch), on the clock of `zone`; std::nullopt without one.
    ///
    /// Where clocks are set forward, a moment in the gap runs an hour later on the clock. Where they are set back, the
    /// repeated hour does not run a second time, unless every hour runs. As in cron-parser, a gap at midnight is skipped
    /// when the search comes from an earlier day. At clocks that are set back by less than an hour (Australia/Lord_Howe),
    /// where cron-parser fails, the repeated part is skipped.
    [[nodiscard]] std::optional<std::int64_t> next(std::int64_t afterMs,
                                                   const TimeZone& zone) const;

private:
    class Parser;
    class Walk;

    std::bitset<60> seconds_, minutes_;
    std::bitset<24> hours_;
    std::bitset<32> days_;
    std::bitset<13> months_;
    std::bitset<7> weekdays_, lastWeekdays_;
    int weekOfMonth_ = 0;  ///< For the day of week; 0: every week.
    int daysInWeek_ = 0;   ///< The same of each day, whatever it matches by.
    bool lastDay_ = false;
    bool anyDay_ = false, anyWeekday_ = false;  ///< The field is exactly * or ?.
};

}  // namespace drover
