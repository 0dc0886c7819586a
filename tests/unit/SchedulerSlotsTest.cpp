#include <string>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "core/SchedulerSlots.h"
#include "support/Assert.h"

using drover::test::assertEqual;

namespace {

using namespace drover;

// 2026-03-28T23:30:00Z
constexpr std::int64_t kNow = 1774740600000;
constexpr std::int64_t kMinute = 60000;

Schedule cron(const std::string& pattern) {
    Schedule schedule;
    schedule.pattern = pattern;
    schedule.tz = "UTC";
    return schedule;
}

Schedule every(std::int64_t period, std::int64_t offset = 0) {
    Schedule schedule;
    schedule.everyMs = period;
    schedule.offsetMs = offset;
    return schedule;
}

}  // namespace

/// The runs of a scheduler, by its record.
class SchedulerSlotsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SchedulerSlotsTest);
    CPPUNIT_TEST(c143_cronKeepsBetweenItsStartAndItsEnd);
    CPPUNIT_TEST(cronGoesOnFromTheLaterOfNowAndThePreviousRun);
    CPPUNIT_TEST(immediatelyIsTheFirstRunAlone);
    CPPUNIT_TEST(aBadPatternOrZoneIsNamed);
    CPPUNIT_TEST(limitAndEndAreOver);
    CPPUNIT_TEST(repeatOptionsAreReadAsTheyAreStored);
    CPPUNIT_TEST(repeatOptionsOfBullmq5AreRead);
    CPPUNIT_TEST_SUITE_END();

public:
    void c143_cronKeepsBetweenItsStartAndItsEnd() {
        Schedule schedule = cron("*/10 * * * *");
        schedule.endMs = kNow + 9 * kMinute;
        CPPUNIT_ASSERT(!nextCron(schedule, "", 0, kNow));
        schedule.endMs = kNow + 10 * kMinute;
        CPPUNIT_ASSERT_EQUAL(schedule.endMs, nextCron(schedule, "", 0, kNow).value());
        schedule.endMs = 0;
        schedule.startMs = kNow + 60 * kMinute;
        CPPUNIT_ASSERT_EQUAL(kNow + 70 * kMinute, nextCron(schedule, "", 0, kNow).value());
    }

    void cronGoesOnFromTheLaterOfNowAndThePreviousRun() {
        const Schedule schedule = cron("*/10 * * * *");
        const std::int64_t ahead = kNow + 10 * kMinute;
        CPPUNIT_ASSERT_EQUAL(ahead + 10 * kMinute, nextCron(schedule, "", ahead, kNow).value());
        CPPUNIT_ASSERT_EQUAL(ahead, nextCron(schedule, "", kNow - 3000 * kMinute, kNow).value());
    }

    void immediatelyIsTheFirstRunAlone() {
        Schedule schedule = cron("*/10 * * * *");
        schedule.immediately = true;
        CPPUNIT_ASSERT_EQUAL(kNow + 1, nextCron(schedule, "", 0, kNow + 1).value());
        CPPUNIT_ASSERT_EQUAL(kNow + 10 * kMinute,
                             nextCron(schedule, "", kNow + 1, kNow + 1).value());
    }

    void aBadPatternOrZoneIsNamed() {
        CPPUNIT_ASSERT_THROW(static_cast<void>(nextCron(cron("61 * * * *"), "", 0, kNow)),
                             Poco::InvalidArgumentException);
        Schedule schedule = cron("* * * * *");
        schedule.tz = "Mars/Olympus";
        CPPUNIT_ASSERT_THROW(static_cast<void>(nextCron(schedule, "", 0, kNow)),
                             Poco::InvalidArgumentException);
    }

    void limitAndEndAreOver() {
        Schedule schedule = every(10);
        CPPUNIT_ASSERT(!isOver(schedule, kNow));
        schedule.limit = 2;
        schedule.count = 1;
        CPPUNIT_ASSERT(!isOver(schedule, kNow));
        schedule.count = 2;
        CPPUNIT_ASSERT(isOver(schedule, kNow));
        schedule.limit = 0;
        schedule.endMs = kNow;
        CPPUNIT_ASSERT(!isOver(schedule, kNow));
        CPPUNIT_ASSERT(isOver(schedule, kNow + 1));
    }

    void repeatOptionsAreReadAsTheyAreStored() {
        const auto schedule = parseSchedule(
            R"({"pattern":"* * * * *","tz":"Asia\/Kolkata","limit":5,"count":"3","offset":0,)"
            R"("startDate":1774740600000,"endDate":"2026-03-28T23:30:00.000Z"})");
        CPPUNIT_ASSERT(schedule.has_value());
        assertEqual("* * * * *", schedule->pattern);
        assertEqual("Asia/Kolkata", schedule->tz);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, schedule->everyMs);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, schedule->limit);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, schedule->count);
        CPPUNIT_ASSERT_EQUAL(kNow, schedule->startMs);
        CPPUNIT_ASSERT_EQUAL(kNow, schedule->endMs);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{250}, parseSchedule(R"({"every":250})")->everyMs);
        CPPUNIT_ASSERT(!parseSchedule("[]"));
        CPPUNIT_ASSERT(!parseSchedule("{"));
    }

    void repeatOptionsOfBullmq5AreRead() {
        const auto next = [](const std::string& members) {
            const auto schedule = parseSchedule(R"({"pattern":"0 9 * * 1",)" + members + "}");
            // Monday, 2026-06-01T10:00:00Z
            return nextCron(schedule.value(), "", 0, 1780308000000).value_or(0);
        };
        constexpr std::int64_t kMondayAt9 = 1780909200000;  // 2026-06-08T09:00:00Z
        constexpr std::int64_t kWeek = 7 * 24 * 60 * kMinute;
        CPPUNIT_ASSERT_EQUAL(kMondayAt9, next(R"("tz":"UTC")"));
        CPPUNIT_ASSERT_EQUAL(kMondayAt9 - 330 * kMinute, next(R"("tz":"Asia/Kolkata")"));
        CPPUNIT_ASSERT_EQUAL(kMondayAt9, next(R"("tz":"Asia/Kolkata","utc":true)"));
        CPPUNIT_ASSERT_EQUAL(kMondayAt9 - 330 * kMinute, next(R"("tz":330)"));
        CPPUNIT_ASSERT_EQUAL(kMondayAt9 + 90 * kMinute - kWeek, next(R"("tz":-90)"));
        CPPUNIT_ASSERT_EQUAL(kMondayAt9 + kWeek, next(R"("tz":"UTC","nthDayOfWeek":3)"));
        CPPUNIT_ASSERT_EQUAL(kMondayAt9 + kWeek, next(R"("tz":"UTC","nthDayOfWeek":"3")"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, next(R"("tz":"UTC","nthDayOfWeek":2.5)"));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SchedulerSlotsTest);
