#include "core/TimeZone.h"

#include <cstdlib>
#include <date/tz.h>
#include <optional>
#include <regex>
#include <stdexcept>

#include <Poco/Exception.h>
#include <Poco/String.h>

namespace drover {

namespace {

/// nullptr: the database has no such zone.
const date::time_zone* findZone(const std::string& name) {
    try {
        for (const date::time_zone& zone : date::get_tzdb().zones) {
            if (Poco::icompare(zone.name(), name) == 0) {
                return &zone;
            }
        }
    } catch (const std::runtime_error& error) {
        throw Poco::InvalidArgumentException(
            "the system's time zones cannot be read (package tzdata): " +
            std::string(error.what()));
    }
    return nullptr;
}

/// Seconds of "UTC", "GMT", "UTC+2" or "UTC-05:30".
std::optional<std::int64_t> fixedOffsetOf(const std::string& name) {
    static const std::regex kFixed("(utc|gmt|utc([+-])([0-9]{1,2})(?::([0-9]{2}))?)",
                                   std::regex::icase);
    std::smatch match;
    if (!std::regex_match(name, match, kFixed)) {
        return std::nullopt;
    }
    if (!match[2].matched) {
        return 0;
    }
    const std::int64_t minutes = match[4].matched ? std::stoll(match[4]) : 0;
    const std::int64_t seconds = (std::stoll(match[3]) * 60 + minutes) * 60;
    return match[2] == "-" ? -seconds : seconds;
}

/// The same moment of a year whose clock changes are listed: in it the month begins with the same weekday, and clocks
/// change by weekdays. The library does not read the rule that the database has for the time after its list.
date::sys_seconds listed(date::sys_seconds utc) {
    const date::sys_days day = date::floor<date::days>(utc);
    const date::year_month_day date(day);
    const date::sys_days month = date.year() / date.month() / 1;
    for (date::year year(2037);; --year) {
        const date::sys_days alike = year / date.month() / 1;
        if (date::weekday(alike) == date::weekday(month)) {
            return utc - (month - alike);
        }
    }
}

}  // namespace

TimeZone TimeZone::named(const std::string& name) {
    if (const auto fixed = fixedOffsetOf(name)) {
        return TimeZone(*fixed);
    }
    if (const date::time_zone* zone = findZone(name)) {
        return TimeZone(zone);
    }
    if (Poco::icompare(name, "local") == 0 || Poco::icompare(name, "system") == 0 ||
        Poco::icompare(name, "default") == 0) {
        return local();
    }
    throw Poco::InvalidArgumentException("time zone \"" + name +
                                         "\" is unknown; a name is Area/City, as Europe/Madrid");
}

TimeZone TimeZone::local() {
    const char* environment = std::getenv("TZ");
    if (environment != nullptr && *environment != '\0') {
        const std::string name = *environment == ':' ? environment + 1 : environment;
        if (const auto fixed = fixedOffsetOf(name)) {
            return TimeZone(*fixed);
        }
        if (const date::time_zone* zone = findZone(name)) {
            return TimeZone(zone);
        }
    }
    try {
        return TimeZone(date::current_zone());
    } catch (const std::runtime_error&) {
        // A machine without a configured zone: UTC, as in the C library.
        return TimeZone(std::int64_t{0});
    }
}

std::int64_t TimeZone::offsetAt(std::int64_t utcSeconds) const {
    if (zone_ == nullptr) {
        return fixedOffset_;
    }
    static constexpr date::sys_seconds kListEnds = date::sys_days(date::year(2038) / 1 / 1);
    const date::sys_seconds utc{std::chrono::seconds(utcSeconds)};
    const date::sys_info info = zone_->get_info(utc);
    // Some zones, as Morocco, are listed further.
    const bool isListed = utc < kListEnds || info.end < date::sys_days(date::year(9999) / 1 / 1);
    return (isListed ? info : zone_->get_info(listed(utc))).offset.count();
}

}  // namespace drover
