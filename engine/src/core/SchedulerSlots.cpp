#include "core/SchedulerSlots.h"

#include <algorithm>
#include <cmath>
#include <rapidjson/document.h>

#include <Poco/DateTime.h>
#include <Poco/DateTimeFormat.h>
#include <Poco/DateTimeParser.h>
#include <Poco/NumberParser.h>

#include "core/Cron.h"

namespace drover {

namespace {

/// A number, also one written as text or as a date; 0 for everything else.
std::int64_t numberIn(const rapidjson::Value& object, const char* name) {
    const auto member = object.FindMember(name);
    if (member == object.MemberEnd()) {
        return 0;
    }
    double number = 0;
    if (member->value.IsNumber()) {
        number = member->value.GetDouble();
    } else if (member->value.IsString() &&
               !Poco::NumberParser::tryParseFloat(member->value.GetString(), number)) {
        Poco::DateTime date;
        int zone = 0;
        if (Poco::DateTimeParser::tryParse(
                Poco::DateTimeFormat::ISO8601_FRAC_FORMAT, member->value.GetString(), date, zone)) {
            date.makeUTC(zone);
            return date.timestamp().epochMicroseconds() / 1000;
        }
    }
    return std::abs(number) < 9007199254740992.0 ? static_cast<std::int64_t>(number) : 0;
}

std::string textIn(const rapidjson::Value& object, const char* name) {
    const auto member = object.FindMember(name);
    const bool isText = member != object.MemberEnd() && member->value.IsString();
    return isText ? std::string(member->value.GetString(), member->value.GetStringLength()) : "";
}

/// The moment after now that has the offset.
std::int64_t slotAfter(const Schedule& schedule, std::int64_t nowMs) {
    const std::int64_t slot = nowMs - offsetOf(nowMs, schedule.everyMs) + schedule.offsetMs;
    return slot > nowMs ? slot : slot + schedule.everyMs;
}

}  // namespace

std::optional<Schedule> parseSchedule(std::string_view json) {
    rapidjson::Document document;
    document.Parse(json.data(), json.size());
    if (document.HasParseError() || !document.IsObject()) {
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
    schedule.immediately = document.HasMember("immediately") && document["immediately"].IsTrue();
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
    const Cron cron(schedule.pattern, seed);
    const TimeZone zone = schedule.tz.empty() ? TimeZone::local() : TimeZone::named(schedule.tz);
    if (schedule.immediately && previousMs == 0) {
        return nowMs;
    }
    const auto next = cron.next(std::max({nowMs, previousMs, schedule.startMs}), zone);
    return next && schedule.endMs > 0 && *next > schedule.endMs ? std::nullopt : next;
}

std::int64_t firstEvery(const Schedule& schedule, std::int64_t nowMs) {
    if (schedule.startMs > 0) {
        return std::max(schedule.startMs, nowMs);
    }
    return schedule.offsetMs > 0 ? slotAfter(schedule, nowMs) : nowMs;
}

std::int64_t nextEvery(const Schedule& schedule, std::int64_t previousMs, std::int64_t nowMs) {
    const std::int64_t next = previousMs + schedule.everyMs;
    return next < nowMs ? slotAfter(schedule, nowMs) : next;
}

std::int64_t offsetOf(std::int64_t dueMs, std::int64_t everyMs) {
    return dueMs % everyMs;
}

}  // namespace drover
