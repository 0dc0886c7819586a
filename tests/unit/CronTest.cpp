#include <cstdlib>
#include <string>
#include <vector>

#include <Poco/DateTimeFormatter.h>
#include <Poco/DateTimeParser.h>
#include <Poco/Exception.h>
#include <Poco/Timestamp.h>
#include <cppunit/extensions/HelperMacros.h>

#include "core/Cron.h"
#include "support/Assert.h"

using drover::test::assertContains;
using drover::test::assertEqual;

namespace {

using drover::Cron;
using drover::TimeZone;

/// "2026-03-28T23:30Z" or with seconds, also with milliseconds, as epoch milliseconds.
std::int64_t ms(const std::string& iso) {
    int zone = 0;
    const char* format = iso.size() == 17   ? "%Y-%m-%dT%H:%MZ"
                         : iso.size() == 20 ? "%Y-%m-%dT%H:%M:%SZ"
                                            : "%Y-%m-%dT%H:%M:%s%z";
    return Poco::DateTimeParser::parse(format, iso, zone).timestamp().epochMicroseconds() / 1000;
}

std::string iso(std::int64_t epochMs) {
    return Poco::DateTimeFormatter::format(Poco::Timestamp(epochMs * 1000), "%Y-%m-%dT%H:%M:%SZ");
}

/// Several moments, one after the other.
std::vector<std::string> following(const std::string& pattern,
                                   const std::string& base,
                                   const std::string& zone,
                                   int count) {
    std::vector<std::string> found;
    std::int64_t from = ms(base);
    for (int i = 0; i < count; ++i) {
        const auto next = Cron(pattern).next(from, TimeZone::named(zone));
        CPPUNIT_ASSERT_MESSAGE(pattern + " ends", next.has_value());
        from = *next;
        found.push_back(iso(from));
    }
    return found;
}

void expect(const std::string& wanted,
            const std::string& pattern,
            const std::string& base,
            const std::string& zone = "UTC") {
    CPPUNIT_ASSERT_EQUAL_MESSAGE(pattern, wanted, following(pattern, base, zone, 1)[0]);
}

void expectAll(const std::vector<std::string>& wanted,
               const std::string& pattern,
               const std::string& base,
               const std::string& zone) {
    const auto found = following(pattern, base, zone, static_cast<int>(wanted.size()));
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        CPPUNIT_ASSERT_EQUAL_MESSAGE(pattern, wanted[i], found[i]);
    }
}

std::string refusal(const std::string& pattern) {
    try {
        static_cast<void>(Cron(pattern));
    } catch (const Poco::InvalidArgumentException& error) {
        return error.message();
    }
    CPPUNIT_FAIL(pattern + " was accepted");
    return "";
}

void refuses(const std::string& pattern, const std::string& part) {
    const std::string message = refusal(pattern);
    assertContains(message, part);
    assertContains(message, '"' + pattern + '"');
}

const std::string kSaturday = "2026-03-28T23:30Z";

}  // namespace

/// The moments that cron patterns name: BullMQ's vectors, clock changes, and the errors of texts that are not
/// patterns.
class CronTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(CronTest);
    CPPUNIT_TEST(c129_everyMinute);
    CPPUNIT_TEST(c130_everyOtherSecondFromAFraction);
    CPPUNIT_TEST(c131_workdaysWithSixFields);
    CPPUNIT_TEST(c132_aJobInTheGapRunsAnHourLater);
    CPPUNIT_TEST(c133_theDayAfterTheGapIsAsBefore);
    CPPUNIT_TEST(c134_theRepeatedHourRunsAtItsFirstTime);
    CPPUNIT_TEST(c135_theSecondTimeIsSkipped);
    CPPUNIT_TEST(c136_fromInsideTheRepeatedHourItsSecondTimeCounts);
    CPPUNIT_TEST(c137_leapDaysComeAndImpossibleDaysAreRefused);
    CPPUNIT_TEST(c138_lastDaysAndNumberedWeekdays);
    CPPUNIT_TEST(c139_dayOfMonthOrDayOfWeek);
    CPPUNIT_TEST(c140_names);
    CPPUNIT_TEST(c141_stepsFromANumberAndOfARange);
    CPPUNIT_TEST(c142_textThatIsNotAPattern);
    CPPUNIT_TEST(everyHourRunsThroughBothClockChanges);
    CPPUNIT_TEST(quartersOfAnHourRunThroughBothClockChanges);
    CPPUNIT_TEST(everyOtherHourLeavesTheRepeatedHourOut);
    CPPUNIT_TEST(halfAnHourSetBackStopsNothing);
    CPPUNIT_TEST(fieldsLeftOutInFrontAreFilled);
    CPPUNIT_TEST(namesOfDaysAndMonthsInAnyCase);
    CPPUNIT_TEST(sundayIsZeroAndSeven);
    CPPUNIT_TEST(aValueMayBeNamedTwice);
    CPPUNIT_TEST(aWeekOfTheMonthHoldsForEachDay);
    CPPUNIT_TEST(aDrawStaysWithItsSeed);
    CPPUNIT_TEST(drawsAreThoseOfTheSameHashSeed);
    CPPUNIT_TEST(aDayThatNeverComesHasNoNext);
    CPPUNIT_TEST(refusalsHaveTheCure);
    CPPUNIT_TEST(zonesHaveNamesOrAFixedDistance);
    CPPUNIT_TEST(clocksChangeAfter2037AsBefore);
    CPPUNIT_TEST(theEnvironmentNamesTheLocalZone);
    CPPUNIT_TEST_SUITE_END();

public:
    void c129_everyMinute() { expect("2026-03-28T23:31:00Z", "* * * * *", kSaturday); }

    void c130_everyOtherSecondFromAFraction() {
        const auto next = Cron("*/2 * * * * *").next(ms(kSaturday) + 500, TimeZone::named("UTC"));
        CPPUNIT_ASSERT_EQUAL(ms(kSaturday) + 2000, next.value());
    }

    void c131_workdaysWithSixFields() {
        expect("2026-03-30T09:00:00Z", "0 0 9 * * 1-5", kSaturday);
    }

    void c132_aJobInTheGapRunsAnHourLater() {
        expect("2026-03-29T01:30:00Z", "30 2 * * *", "2026-03-28T12:00Z", "Europe/Madrid");
    }
    void c133_theDayAfterTheGapIsAsBefore() {
        expect("2026-03-30T00:30:00Z", "30 2 * * *", "2026-03-29T12:00Z", "Europe/Madrid");
    }
    void c134_theRepeatedHourRunsAtItsFirstTime() {
        expect("2026-10-25T00:30:00Z", "30 2 * * *", "2026-10-24T12:00Z", "Europe/Madrid");
    }
    void c135_theSecondTimeIsSkipped() {
        expect("2026-10-26T01:30:00Z", "30 2 * * *", "2026-10-25T00:30Z", "Europe/Madrid");
    }
    void c136_fromInsideTheRepeatedHourItsSecondTimeCounts() {
        expect("2026-10-25T01:30:00Z", "30 2 * * *", "2026-10-25T01:00Z", "Europe/Madrid");
    }

    void c137_leapDaysComeAndImpossibleDaysAreRefused() {
        expect("2028-02-29T00:00:00Z", "0 0 29 2 *", kSaturday);
        refuses("0 0 30 2 *", "month 2 has at most 29 days");
    }

    void c138_lastDaysAndNumberedWeekdays() {
        expect("2026-03-31T00:00:00Z", "0 0 L * *", kSaturday);
        expect("2026-04-24T00:00:00Z", "0 0 * * 5L", kSaturday);
        expect("2026-04-13T00:00:00Z", "0 0 * * 1#2", kSaturday);
    }

    void c139_dayOfMonthOrDayOfWeek() { expect("2026-04-03T00:00:00Z", "0 0 13 * 5", kSaturday); }

    void c140_names() {
        for (const char* name : {"@daily", "@hourly", "@weekly", "@weekends"}) {
            expect("2026-03-29T00:00:00Z", name, kSaturday);
        }
        expect("2026-04-01T00:00:00Z", "@monthly", kSaturday);
        expect("2027-01-01T00:00:00Z", "@yearly", kSaturday);
        expect("2027-01-01T00:00:00Z", "@annually", kSaturday);
        expect("2026-03-30T00:00:00Z", "@weekdays", kSaturday);
        expect("2026-03-28T23:31:00Z", "@minutely", kSaturday);
        expect("2026-03-28T23:30:01Z", "@secondly", kSaturday);
    }

    void c141_stepsFromANumberAndOfARange() {
        expect("2026-03-28T23:35:00Z", "5/15 * * * *", kSaturday);
        expect("2026-03-28T23:50:00Z", "10-50/20 * * * *", kSaturday);
    }

    void c142_textThatIsNotAPattern() {
        refuses("0 22-2 * * *", "hour \"22-2\" counts down; write 22-23,0-2");
        refuses("60 * * * *", "minute \"60\" is out of 0-59");
        refuses("* * * * * * *", "has 7 fields");
        refuses("0 0 31W * *", "\"W\" is none of");
    }

    void everyHourRunsThroughBothClockChanges() {
        expectAll({"2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"},
                  "0 * * * *",
                  kSaturday,
                  "Europe/Madrid");
        expectAll({"2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"},
                  "0 * * * *",
                  "2026-10-24T23:30Z",
                  "Europe/Madrid");
    }

    void quartersOfAnHourRunThroughBothClockChanges() {
        expectAll({"2026-03-08T06:45:00Z", "2026-03-08T07:00:00Z", "2026-03-08T07:15:00Z"},
                  "*/15 * * * *",
                  "2026-03-08T06:30Z",
                  "America/New_York");
        expectAll({"2026-11-01T05:45:00Z", "2026-11-01T06:00:00Z", "2026-11-01T06:15:00Z"},
                  "*/15 * * * *",
                  "2026-11-01T05:30Z",
                  "America/New_York");
    }

    void everyOtherHourLeavesTheRepeatedHourOut() {
        expectAll({"2026-10-24T22:00:00Z", "2026-10-25T00:00:00Z", "2026-10-25T03:00:00Z"},
                  "0 */2 * * *",
                  "2026-10-24T21:00Z",
                  "Europe/Madrid");
    }

    void halfAnHourSetBackStopsNothing() {
        // 02:00 becomes 01:30 on 5 April 2026; cron-parser gives up here.
        expectAll({"2026-04-04T22:30:00Z", "2026-04-05T22:30:00Z"},
                  "0 9 * * *",
                  "2026-04-04T00:00Z",
                  "Australia/Lord_Howe");
        expectAll({"2026-04-04T14:00:00Z", "2026-04-04T15:30:00Z", "2026-04-04T16:30:00Z"},
                  "0 * * * *",
                  "2026-04-04T13:30Z",
                  "Australia/Lord_Howe");
    }

    void fieldsLeftOutInFrontAreFilled() {
        expect("2026-03-28T23:31:00Z", "*", kSaturday);
        expect("2026-03-29T00:00:00Z", "0", kSaturday);
        expect("2026-03-28T23:30:01Z", "* * * * * *", kSaturday);
    }

    void namesOfDaysAndMonthsInAnyCase() {
        expect("2026-04-03T00:00:00Z", "0 0 * * fri", kSaturday);
        expect("2026-12-04T00:00:00Z", "0 0 * DeC FRI", kSaturday);
        expect("2026-03-31T00:00:00Z", "0 0 * * TUE-THU", kSaturday);
        refuses("0 0 * FOO *", "\"FOO\" is not a name");
    }

    void sundayIsZeroAndSeven() {
        expect("2026-03-29T00:00:00Z", "0 0 * * 7", kSaturday);
        expect("2026-03-29T00:00:00Z", "0 0 * * 0", kSaturday);
        expect("2026-03-29T00:00:00Z", "0 0 * * 6-7", kSaturday);
        expect("2026-03-29T00:00:00Z", "0 0 * * 0,7", kSaturday);
        expect("2026-03-29T00:00:00Z", "0 0 * * 0-7", kSaturday);
    }

    void aValueMayBeNamedTwice() {
        expect("2026-03-28T23:31:00Z", "31,31,30-32 * * * *", kSaturday);
        expect("2026-03-31T00:00:00Z", "0 0 L,L * *", kSaturday);
        expect("2026-04-24T00:00:00Z", "0 0 * 4 5L,5L", kSaturday);
        expect("2027-01-01T00:00:00Z", "0 0 1,1-3 JAN,1 *", kSaturday);
        refuses("0 0 31 2,FEB *", "31 never comes");
    }

    void aWeekOfTheMonthHoldsForEachDay() {
        const TimeZone utc = TimeZone::named("UTC");
        const auto next = [&utc](const char* pattern, int week) {
            return Cron(pattern, "", week).next(ms("2026-06-01T10:00Z"), utc).value();
        };
        CPPUNIT_ASSERT_EQUAL(ms("2026-06-08T09:00Z"), next("0 9 * * 1", 2));
        CPPUNIT_ASSERT_EQUAL(ms("2026-06-08T09:00Z"), next("0 9 * * *", 2));
        CPPUNIT_ASSERT_EQUAL(ms("2026-06-08T09:00Z"), next("0 9 * * 1,3", 2));
        CPPUNIT_ASSERT_EQUAL(ms("2026-07-06T09:00Z"), next("0 9 * * 1#1", 2));
    }

    void aDrawStaysWithItsSeed() {
        const TimeZone utc = TimeZone::named("UTC");
        const auto first = Cron("H H * * *", "backup").next(ms(kSaturday), utc).value();
        const auto second = Cron("H H * * *", "backup").next(first, utc).value();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{86400000}, second - first);
        CPPUNIT_ASSERT(first != Cron("H H * * *", "report").next(ms(kSaturday), utc).value());
    }

    void drawsAreThoseOfTheSameHashSeed() {
        // The moments of cron-parser with these as its hashSeed: minute 23 on Sundays, minute 35 on Mondays.
        const TimeZone utc = TimeZone::named("UTC");
        assertEqual("2026-03-29T00:23:00Z",
                    iso(Cron("H * * * H", "main-backup").next(ms(kSaturday), utc).value()));
        assertEqual("2026-03-30T00:35:00Z",
                    iso(Cron("H * * * H", "mü-😀").next(ms(kSaturday), utc).value()));
        expect("2026-03-28T23:31:00Z", "H(31-31) * * * *", kSaturday);
        refuses("H(9-3) * * * *", "the range goes upwards");
        refuses("0 0 H(40-50) * *", "touches 1-31");
    }

    void aDayThatNeverComesHasNoNext() {
        CPPUNIT_ASSERT(!Cron("0 0 31 2,4 *").next(ms(kSaturday), TimeZone::named("UTC")));
    }

    void refusalsHaveTheCure() {
        refuses("@fortnightly", "@weekly");
        refuses("*/0 * * * *", "a step is a number of at least 1");
        refuses("1,,2 * * * *", "an item is a value, a range a-b");
        refuses("0 0 * * L", "5L, the last Friday of a month");
        refuses("0 0 * * 1#6", "1 to 5");
        refuses("0 0 * * 1#2,3", "1 to 5");
        refuses("0 0 * * 1-3#2", "# goes with one day");
        refuses("5- * * * *", "a range lies within 0-59");
        refuses("   ", "has 0 fields");
    }

    void zonesHaveNamesOrAFixedDistance() {
        const std::int64_t summer = ms("2026-07-01T00:00Z") / 1000;
        CPPUNIT_ASSERT_EQUAL(std::int64_t{7200}, TimeZone::named("europe/madrid").offsetAt(summer));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, TimeZone::named("GMT").offsetAt(summer));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{-19800}, TimeZone::named("UTC-5:30").offsetAt(summer));
        CPPUNIT_ASSERT_THROW(TimeZone::named("Europe/Atlantis"), Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_THROW(TimeZone::named(""), Poco::InvalidArgumentException);
    }

    void clocksChangeAfter2037AsBefore() {
        expect("2040-07-01T00:30:00Z", "30 2 * * *", "2040-06-30T12:00Z", "Europe/Madrid");
        expect("2040-12-01T01:30:00Z", "30 2 * * *", "2040-11-30T12:00Z", "Europe/Madrid");
        // The gap of 30 March 2059.
        expect("2059-03-30T01:30:00Z", "30 2 * * *", "2059-03-29T12:00Z", "Europe/Madrid");
        expect("2044-07-01T06:30:00Z", "30 2 * * *", "2044-06-30T12:00Z", "America/Santiago");
    }

    void theEnvironmentNamesTheLocalZone() {
        const char* const before = std::getenv("TZ");
        const std::string kept = before != nullptr ? before : "";
        ::setenv("TZ", ":America/Santiago", 1);
        const std::int64_t winter = TimeZone::local().offsetAt(ms("2026-07-01T00:00Z") / 1000);
        std::vector<std::int64_t> byName;
        for (const char* name : {"default", "local", "System"}) {
            byName.push_back(TimeZone::named(name).offsetAt(ms("2026-07-01T00:00Z") / 1000));
        }
        if (before != nullptr) {
            ::setenv("TZ", kept.c_str(), 1);
        } else {
            ::unsetenv("TZ");
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{-4 * 3600}, winter);
        CPPUNIT_ASSERT(byName == std::vector<std::int64_t>(3, winter));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CronTest);
