#include "core/Cron.h"

#include <algorithm>
#include <date/date.h>

namespace drover {

namespace {

/// Returns the first value at or after `from` that is set; the size without one.
template <std::size_t N>
int valueFrom(const std::bitset<N>& values, int from) {
    auto value = static_cast<std::size_t>(from);
    while (value < N && !values[value]) {
        ++value;
    }
    return static_cast<int>(value);
}

}  // namespace

/// A local time that moves forward until a pattern matches.
///
/// Where clocks change, results depend on the steps by which a time is reached. These are the steps of cron-parser, with
/// local times resolved as luxon does, which cron-parser uses.
class Cron::Walk {
public:
    Walk(const Cron& cron, const TimeZone& zone, std::int64_t utcSeconds)
        : cron_(cron), zone_(zone) {
        moveTo(utcSeconds);
    }

    [[nodiscard]] std::int64_t utc() const { return utc_; }
    /// Goes to the next matching time, not before this one and not at or before `after` (ms). Returns false without one.
    bool find(std::int64_t afterMs);
    void nextSecond();

private:
    /// The hours that a clock set forward leaves out, and the one that it shows then.
    struct Gap {
        int first, landing;
    };

    void moveTo(std::int64_t utcSeconds);
    void setLocal(std::int64_t localSeconds);
    [[nodiscard]] std::int64_t local() const { return utc_ + offset_; }
    [[nodiscard]] std::int64_t midnight() const { return local() - secondOfDay(); }
    [[nodiscard]] std::int64_t secondOfDay() const {
        return (std::int64_t{hour_} * 60 + minute_) * 60 + second_;
    }

    void nextMonth();
    void nextDay();
    void nextHour();
    void nextMinute();
    template <typename Step>
    void stepOnTheClock(Step step);

    void setClock(std::int64_t hour, std::int64_t minute, std::int64_t second) {
        setLocal(midnight() + (hour * 60 + minute) * 60 + second);
    }
    void setHour(int hour) { setClock(hour, minute_, second_); }
    void setMinute(int minute) { setClock(hour_, minute, second_); }
    void setSecond(int second) { setClock(hour_, minute_, second); }

    [[nodiscard]] bool dayMatches() const;
    bool hourMatches();
    bool minuteMatches();
    bool secondMatches();
    [[nodiscard]] bool clocksChangeToday() const;
    const Cron& cron_;
    const TimeZone& zone_;
    std::int64_t utc_ = 0, offset_ = 0;
    int year_ = 0, month_ = 0, day_ = 0, weekday_ = 0, hour_ = 0, minute_ = 0, second_ = 0;
    std::optional<Gap> gap_;
    std::optional<int> repeatedHour_;
};

void Cron::Walk::moveTo(std::int64_t utcSeconds) {
    utc_ = utcSeconds;
    offset_ = zone_.offsetAt(utc_);
    const auto days = date::floor<date::days>(date::sys_seconds(std::chrono::seconds(local())));
    const date::year_month_day today(days);
    year_ = static_cast<int>(today.year());
    month_ = static_cast<int>(static_cast<unsigned>(today.month()));
    day_ = static_cast<int>(static_cast<unsigned>(today.day()));
    weekday_ = static_cast<int>(date::weekday(days).c_encoding());
    const std::int64_t ofDay = local() - days.time_since_epoch().count() * 86400LL;
    hour_ = static_cast<int>(ofDay / 3600);
    minute_ = static_cast<int>(ofDay / 60 % 60);
    second_ = static_cast<int>(ofDay % 60);
}

/// Goes to a local time. A time that exists twice is read as the one nearer to the offset so far. A time that does not
/// exist is read with the offset before the gap, and so lands behind it.
void Cron::Walk::setLocal(std::int64_t localSeconds) {
    const std::int64_t guessed = zone_.offsetAt(localSeconds - offset_);
    if (guessed == offset_) {
        moveTo(localSeconds - offset_);
        return;
    }
    const std::int64_t second = zone_.offsetAt(localSeconds - guessed);
    moveTo(localSeconds - std::min(guessed, second));
}

void Cron::Walk::nextMonth() {
    const date::year_month next = date::year(year_) / month_ + date::months(1);
    const date::sys_days last = next / date::last;
    const date::sys_days first = next / 1;
    const date::sys_days day = std::min(first + date::days(day_ - 1), last);
    setLocal(day.time_since_epoch().count() * 86400LL + secondOfDay());
    setLocal(midnight() - (day_ - 1) * 86400LL);
}

void Cron::Walk::nextDay() {
    setLocal(local() + 86400);
    setLocal(midnight());
}

template <typename Step>
void Cron::Walk::stepOnTheClock(Step step) {
    const int hourBefore = hour_;
    const std::int64_t offsetBefore = offset_;
    step();
    if (cron_.hours_.all()) {
        return;
    }
    const int crossed = (hour_ - hourBefore + 24) % 24;
    if (offset_ > offsetBefore && crossed >= 2) {
        gap_ = Gap{(hourBefore + 1) % 24, hour_};
    } else if (crossed == 0 && minute_ == 0 && second_ == 0) {
        repeatedHour_ = hour_;
    }
}

void Cron::Walk::nextHour() {
    stepOnTheClock([this] {
        const std::int64_t before = utc_;
        for (std::int64_t hours = 1; hours == 1 || utc_ <= before; ++hours) {
            // Clocks set back by less than an hour: the start of that hour has passed, so one more is gone.
            moveTo(before + hours * 3600);
            setClock(hour_, 0, 0);
        }
    });
}

void Cron::Walk::nextMinute() {
    stepOnTheClock([this] {
        moveTo(utc_ + 60);
        setSecond(0);
    });
}

void Cron::Walk::nextSecond() {
    stepOnTheClock([this] { moveTo(utc_ + 1); });
}

bool Cron::Walk::dayMatches() const {
    const auto longest = date::year(year_) / month_ / date::last;
    const int last = static_cast<int>(static_cast<unsigned>(longest.day()));
    if (cron_.daysInWeek_ != 0 && (day_ + 6) / 7 != cron_.daysInWeek_) {
        return false;
    }
    const bool byDay =
        cron_.days_[static_cast<std::size_t>(day_)] || (cron_.lastDay_ && day_ == last);
    const auto weekday = static_cast<std::size_t>(weekday_);
    const bool inWeek = cron_.weekOfMonth_ == 0 || (day_ + 6) / 7 == cron_.weekOfMonth_;
    const bool byWeekday =
        (cron_.weekdays_[weekday] && inWeek) || (cron_.lastWeekdays_[weekday] && day_ > last - 7);
    if (cron_.anyWeekday_) {
        return byDay;
    }
    return cron_.anyDay_ ? byWeekday : byDay || byWeekday;
}

bool Cron::Walk::clocksChangeToday() const {
    Walk start = *this;
    start.setLocal(midnight());
    Walk end = *this;
    end.nextDay();
    return start.offset_ != zone_.offsetAt(end.utc_ - 1);
}

bool Cron::Walk::hourMatches() {
    const auto& hours = cron_.hours_;
    if (gap_ && gap_->landing == hour_) {
        for (int left = gap_->first; left != hour_; left = (left + 1) % 24) {
            if (hours[static_cast<std::size_t>(left)]) {
                return true;
            }
        }
    }
    if (repeatedHour_ == hour_) {
        repeatedHour_.reset();
        nextHour();
        return false;
    }
    if (hours[static_cast<std::size_t>(hour_)]) {
        return true;
    }
    gap_.reset();
    const int wanted = valueFrom(hours, hour_ + 1);
    if (wanted == 24) {
        nextDay();
        return false;
    }
    if (clocksChangeToday()) {
        // Hour by hour, so that a gap or a repeated hour on the way is noticed.
        for (int steps = wanted - hour_; steps > 0 && hour_ < wanted; --steps) {
            nextHour();
        }
    } else {
        setHour(wanted);
    }
    setMinute(valueFrom(cron_.minutes_, 0));
    setSecond(valueFrom(cron_.seconds_, 0));
    return false;
}

bool Cron::Walk::minuteMatches() {
    if (cron_.minutes_[static_cast<std::size_t>(minute_)]) {
        return true;
    }
    const int wanted = valueFrom(cron_.minutes_, minute_ + 1);
    if (wanted < 60) {
        setMinute(wanted);
    } else {
        nextHour();
        setMinute(valueFrom(cron_.minutes_, 0));
    }
    setSecond(valueFrom(cron_.seconds_, 0));
    return false;
}

bool Cron::Walk::secondMatches() {
    if (cron_.seconds_[static_cast<std::size_t>(second_)]) {
        return true;
    }
    const int wanted = valueFrom(cron_.seconds_, second_ + 1);
    if (wanted < 60) {
        setSecond(wanted);
    } else {
        nextMinute();
        setSecond(valueFrom(cron_.seconds_, 0));
    }
    return false;
}

bool Cron::Walk::find(std::int64_t afterMs) {
    // More steps than the rarest day needs (a 29 February on one weekday, up to 40 years away).
    for (int steps = 1; steps < 10000; ++steps) {
        if (!cron_.months_[static_cast<std::size_t>(month_)]) {
            nextMonth();
        } else if (!dayMatches()) {
            nextDay();
        } else if (hourMatches() && minuteMatches() && secondMatches()) {
            if (utc_ * 1000 > afterMs) {
                return true;
            }
            nextSecond();
        }
    }
    return false;
}

std::optional<std::int64_t> Cron::next(std::int64_t afterMs, const TimeZone& zone) const {
    Walk walk(*this, zone, afterMs / 1000);
    if (afterMs % 1000 != 0) {
        walk.nextSecond();
    }
    if (!walk.find(afterMs)) {
        return std::nullopt;
    }
    return walk.utc() * 1000;
}

}  // namespace drover
