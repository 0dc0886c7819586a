#include "core/SchedulerSlots.h"

#include <algorithm>
#include <cmath>

#include <Poco/DateTime.h>
#include <Poco/DateTimeFormat.h>
#include <Poco/DateTimeParser.h>
#include <Poco/Format.h>

#include "core/Cron.h"
#include "core/NodeNumber.h"
#include "drover/Json.h"

namespace drover {

namespace {

/// A number, also one written as text or as a date; 0 for everything else.
std::int64_t numberIn(const JsonView& object, const char* name) {
    const JsonView member = object[name];
    double number = member.number().value_or(0);
    if (const std::optional<std::string> text = member.string()) {
        number = nodeNumberOfText(*text);
        Poco::DateTime date;
        int zone = 0;
        if (std::isnan(number) &&
            Poco::DateTimeParser::tryParse(
                Poco::DateTimeFormat::ISO8601_FRAC_FORMAT, *text, date, zone)) {
            date.makeUTC(zone);
            return date.timestamp().epochMicroseconds() / 1000;
        }
    }
    return std::abs(number) < 9007199254740992.0 ? static_cast<std::int64_t>(number) : 0;
}

std::string textIn(const JsonView& object, const char* name) {
    return object[name].string().value_or("");
}

/// Returns the zone that is so many minutes ahead of UTC.
std::string fixedZone(std::int64_t minutes) {
    const std::int64_t distance = std::abs(minutes);
    return Poco::format("UTC%s%02Ld:%02Ld",
                        std::string(minutes < 0 ? "-" : "+"),
                        static_cast<Poco::Int64>(distance / 60),
                        static_cast<Poco::Int64>(distance % 60));
}

}  // namespace

std::optional<Schedule> parseSchedule(std::string_view json) {
    const JsonView document = JsonView::tryParse(json).value_or(JsonView());
    if (!document.isObject()) {
        return std::nullopt;
    }
    Schedule schedule;
    schedule.everyMs = std::max<std::int64_t>(numberIn(document, "every"), 0);
    schedule.pattern = textIn(document, "pattern");
    schedule.tz = textIn(document, "tz");
    schedule.limit = numberIn(document, "limit");
    schedule.startMs = numberIn(document, "startDate");
    schedule.endMs = numberIn(document, "endDate");
    schedule.offsetMs = numberIn(document, "offset");
    schedule.count = numberIn(document, "count");
    if (document["tz"].isNumber()) {
        schedule.tz = fixedZone(numberIn(document, "tz"));
    }
    if (nodeTruth(document["utc"].text())) {
        schedule.tz = "UTC";
    }
    const double week = nodeNumber(document["nthDayOfWeek"].text());
    if (week > 0) {
        schedule.weekOfMonth = week <= 5 && week == std::floor(week) ? static_cast<int>(week) : -1;
    }
    schedule.immediately = document["immediately"].boolean().value_or(false);
    return schedule;
}

bool isOver(const Schedule& schedule, std::int64_t nowMs) {
    return (schedule.limit > 0 && schedule.count + 1 > schedule.limit) ||
           (schedule.endMs > 0 && nowMs > schedule.endMs);
}

std::optional<std::int64_t> nextCron(const Schedule& schedule,
                                     std::string_view seed,
                                     std::int64_t previousMs,
                                     std::int64_t nowMs) {
    const Cron cron(schedule.pattern, seed, std::max(schedule.weekOfMonth, 0));
    const TimeZone zone = schedule.tz.empty() ? TimeZone::local() : TimeZone::named(schedule.tz);
    if (schedule.weekOfMonth < 0) {
        return std::nullopt;
    }
    if (schedule.immediately && previousMs == 0) {
        return nowMs;
    }
    const auto next = cron.next(std::max({nowMs, previousMs, schedule.startMs}), zone);
    return next && schedule.endMs > 0 && *next > schedule.endMs ? std::nullopt : next;
}

}  // namespace drover
