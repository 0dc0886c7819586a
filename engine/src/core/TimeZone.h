#pragma once

#include <cstdint>
#include <string>

namespace date {
class time_zone;
}

namespace drover {

/// A time zone of the system's database (package tzdata), by its name there, or a fixed distance from UTC.
///
/// The database lists clock changes up to 2037; later ones are taken from the years before, by weekday.
/// Threads: immutable.
class TimeZone {
public:
    /// "Europe/Madrid", in any case; "UTC", "GMT"; "UTC+2", "utc-05:30"; "local" and "system" for local().
    /// Throws Poco::InvalidArgumentException that names what is unknown.
    static TimeZone named(const std::string& name);
    /// The zone of this process: the environment's TZ if it names one, else the machine's.
    static TimeZone local();

    /// Seconds that local time is ahead of UTC, at that many seconds since the epoch.
    [[nodiscard]] std::int64_t offsetAt(std::int64_t utcSeconds) const;

private:
    explicit TimeZone(const date::time_zone* zone) : zone_(zone) {}
    explicit TimeZone(std::int64_t fixedOffset) : fixedOffset_(fixedOffset) {}

    const date::time_zone* zone_ = nullptr;  ///< The database's, for as long as the process lives.
    std::int64_t fixedOffset_ = 0;           ///< Seconds; counts without a zone.
};

}  // namespace drover
