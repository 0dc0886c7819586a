#include <optional>

#include <Poco/DateTimeFormatter.h>
#include <Poco/DateTimeParser.h>
#include <Poco/Exception.h>
#include <Poco/Timestamp.h>
#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "core/SchedulerSlots.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;

/// "2026-03-28T23:30:00.000Z" as epoch milliseconds.
std::int64_t ms(const std::string& iso) {
    int zone = 0;
    return Poco::DateTimeParser::parse("%Y-%m-%dT%H:%M:%s%z", iso, zone)
               .timestamp()
               .epochMicroseconds() /
           1000;
}

std::string iso(std::int64_t epochMs) {
    return Poco::DateTimeFormatter::format(Poco::Timestamp(epochMs * 1000),
                                           "%Y-%m-%dT%H:%M:%S.%iZ");
}

const std::string kSaturday = "2026-03-28T23:30:00.000Z";
const std::string kRefused = "refused";
const std::string kNone = "none";

}  // namespace

/// Section H: when a pattern runs next, by our arithmetic and by what each version of BullMQ has for it.
class CronSection : public Conformance {
public:
    using Conformance::Conformance;

    void c129_everyMinute() { holds("2026-03-28T23:31:00.000Z", {"* * * * *"}); }

    void c130_everyTwoSecondsFromAFraction() {
        base_ = "2026-03-28T23:30:00.500Z";
        holds("2026-03-28T23:30:02.000Z", {"*/2 * * * * *"});
    }

    void c131_weekdaysWithAZone() { holds("2026-03-30T09:00:00.000Z", {"0 0 9 * * 1-5"}); }

    void c132_aTimeThatTheClocksSkip() {
        inMadrid("2026-03-28T12:00:00.000Z", "2026-03-29T01:30:00.000Z");
    }
    void c133_theDayAfterIt() { inMadrid("2026-03-29T12:00:00.000Z", "2026-03-30T00:30:00.000Z"); }
    void c134_aTimeThatOccursTwice() {
        inMadrid("2026-10-24T12:00:00.000Z", "2026-10-25T00:30:00.000Z");
    }
    void c135_itsSecondTimeIsNotUsed() {
        inMadrid("2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z");
    }
    void c136_fromBetweenTheTwo() {
        inMadrid("2026-10-25T01:00:00.000Z", "2026-10-25T01:30:00.000Z");
    }

    void c137_leapDaysAndDaysThatNeverCome() {
        holds("2028-02-29T00:00:00.000Z", {"0 0 29 2 *"});
        holds(kRefused, {"0 0 30 2 *"});
    }

    void c138_lastDaysAndNumberedWeekdays() {
        holds("2026-03-31T00:00:00.000Z", {"0 0 L * *"});
        holds("2026-04-24T00:00:00.000Z", {"0 0 * * 5L"});
        holds("2026-04-13T00:00:00.000Z", {"0 0 * * 1#2"});
    }

    void c139_dayOfMonthOrDayOfWeek() { holds("2026-04-03T00:00:00.000Z", {"0 0 13 * 5"}); }

    void c140_names() {
        holds("2026-03-29T00:00:00.000Z", {"@daily", "@hourly", "@weekly"});
        holds("2026-04-01T00:00:00.000Z", {"@monthly"});
        holds("2027-01-01T00:00:00.000Z", {"@yearly"});
        // Ours are those of 6.7.0, whoever else shares the queue.
        for (const auto& [name, wanted] : {std::pair{"@weekdays", "2026-03-30T00:00:00.000Z"},
                                           std::pair{"@weekends", "2026-03-29T00:00:00.000Z"}}) {
            assertEqual(wanted, next(Side::Ours, name));
            CPPUNIT_ASSERT_EQUAL(is670() ? std::string(wanted) : kRefused, next(Side::Node, name));
        }
    }

    void c141_stepsWithAStartAndWithinARange() {
        holds("2026-03-28T23:35:00.000Z", {"5/15 * * * *"});
        holds("2026-03-28T23:50:00.000Z", {"10-50/20 * * * *"});
    }

    void c142_textThatIsNotAPattern() {
        holds(kRefused, {"0 22-2 * * *", "60 * * * *", "* * * * * * *", "0 0 31W * *"});
    }

    void c143_theEndAndTheStart() {
        endMs_ = ms(kSaturday) + 30000;
        holds(kNone, {"* * * * *"});
        endMs_ = ms(kSaturday) + 60001;
        holds("2026-03-28T23:31:00.000Z", {"* * * * *"});
        endMs_ = 0;
        // On a minute, which is not after itself. 5.48.1 has no start of patterns.
        startMs_ = ms("2026-04-02T10:00:00.000Z");
        const std::string afterStart = "2026-04-02T10:01:00.000Z";
        CPPUNIT_ASSERT_EQUAL(afterStart, next(Side::Ours, "* * * * *"));
        CPPUNIT_ASSERT_EQUAL(is548() ? "2026-03-28T23:31:00.000Z" : afterStart,
                             next(Side::Node, "* * * * *"));
    }

private:
    void holds(const std::string& wanted, const std::vector<std::string>& patterns) {
        for (const std::string& pattern : patterns) {
            for (const Side side : kBoth) {
                CPPUNIT_ASSERT_EQUAL_MESSAGE(pattern, wanted, next(side, pattern));
            }
        }
    }
    void inMadrid(const std::string& base, const std::string& wanted) {
        base_ = base;
        zone_ = "Europe/Madrid";
        holds(wanted, {"30 2 * * *"});
    }

    std::string next(Side side, const std::string& pattern) {
        return side == Side::Ours ? ourNext(pattern) : nodeNext(pattern);
    }
    std::string ourNext(const std::string& pattern) {
        Schedule schedule;
        schedule.pattern = pattern;
        schedule.tz = zone_;
        schedule.startMs = startMs_;
        schedule.endMs = endMs_;
        try {
            const auto found = nextCron(schedule, "", ms(base_), ms(base_));
            return found ? iso(*found) : kNone;
        } catch (const Poco::InvalidArgumentException&) {
            return kRefused;
        }
    }
    std::string nodeNext(const std::string& pattern) {
        std::string options = R"({"pattern": ")" + pattern + R"(", "tz": ")" + zone_ + "\"";
        options += startMs_ == 0 ? "" : ", \"startDate\": " + std::to_string(startMs_);
        options += endMs_ == 0 ? "" : ", \"endDate\": " + std::to_string(endMs_);
        const auto found =
            node("cron.next", "\"args\": [" + std::to_string(ms(base_)) + ", " + options + "}]");
        return found.IsString() ? found.GetString() : iso(found.GetInt64());
    }

    std::string base_ = kSaturday;
    std::string zone_ = "UTC";
    std::int64_t startMs_ = 0;
    std::int64_t endMs_ = 0;
};

namespace {

const Statements<CronSection> kRegistered(
    {STATEMENT(CronSection, c129_everyMinute),
     STATEMENT(CronSection, c130_everyTwoSecondsFromAFraction),
     STATEMENT(CronSection, c131_weekdaysWithAZone),
     STATEMENT(CronSection, c132_aTimeThatTheClocksSkip),
     STATEMENT(CronSection, c133_theDayAfterIt),
     STATEMENT(CronSection, c134_aTimeThatOccursTwice),
     STATEMENT(CronSection, c135_itsSecondTimeIsNotUsed),
     STATEMENT(CronSection, c136_fromBetweenTheTwo),
     STATEMENT(CronSection, c137_leapDaysAndDaysThatNeverCome),
     STATEMENT(CronSection, c138_lastDaysAndNumberedWeekdays),
     STATEMENT(CronSection, c139_dayOfMonthOrDayOfWeek),
     STATEMENT(CronSection, c140_names),
     STATEMENT(CronSection, c141_stepsWithAStartAndWithinARange),
     STATEMENT(CronSection, c142_textThatIsNotAPattern),
     STATEMENT(CronSection, c143_theEndAndTheStart)});

}  // namespace
