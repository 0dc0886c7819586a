#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "core/Cron.h"
#include "core/SchedulerSlots.h"
#include "support/NodePeer.h"
#include "support/RedisServer.h"

namespace {

using namespace drover;
using namespace drover::test;

/// A pattern, the begin of the search, and its result: up to three moments, and the error that ended it earlier.
struct CronCase {
    std::string pattern, zone, seed;
    std::int64_t base = 0;
    std::vector<std::int64_t> answers;
    std::string error;
};

CronCase caseOf(const rapidjson::Value& value) {
    CronCase one;
    one.pattern = value["pattern"].GetString();
    one.zone = value["zone"].GetString();
    one.seed = value["seed"].GetString();
    one.base = value["base"].GetInt64();
    for (const rapidjson::Value& answer : value["answers"].GetArray()) {
        one.answers.push_back(answer.GetInt64());
    }
    if (value.HasMember("error")) {
        one.error = value["error"].GetString();
    }
    return one;
}

/// The same case with Drover's answers.
CronCase ours(CronCase one) {
    one.answers.clear();
    one.error.clear();
    try {
        const Cron cron(one.pattern, one.seed);
        const TimeZone zone = TimeZone::named(one.zone);
        for (std::int64_t from = one.base; one.answers.size() < 3;) {
            const auto next = cron.next(from, zone);
            if (!next) {
                one.error = "never again";
                break;
            }
            one.answers.push_back(from = *next);
        }
    } catch (const Poco::InvalidArgumentException& error) {
        one.error = error.message();
    }
    return one;
}

std::string textOf(const CronCase& one) {
    std::string text;
    for (const std::int64_t answer : one.answers) {
        text += std::to_string(answer) + ' ';
    }
    return text + one.error;
}

/// Returns true if clocks go back by less than an hour between two moments.
bool clocksGoBackALittle(const TimeZone& zone, std::int64_t fromMs, std::int64_t toMs) {
    std::int64_t before = zone.offsetAt(fromMs / 1000);
    for (std::int64_t at = fromMs; at < toMs;) {
        at = std::min<std::int64_t>(at + 86400000, toMs);
        const std::int64_t offset = zone.offsetAt(at / 1000);
        if (offset < before && before - offset < 3600) {
            return true;
        }
        before = offset;
    }
    return false;
}

/// Where clocks go back by less than an hour cron-parser finds no moment, or a past one; Drover goes on. Up to there
/// both agree.
bool givesUpWhereWeGoOn(const CronCase& theirs, const CronCase& mine) {
    std::size_t same = 0;
    std::int64_t from = theirs.base;
    while (same < theirs.answers.size() && theirs.answers[same] == mine.answers[same]) {
        from = theirs.answers[same++];
    }
    const bool gaveUp = same < theirs.answers.size()
                            ? theirs.answers[same] <= from
                            : theirs.error.find("loop limit exceeded") != std::string::npos;
    return gaveUp && mine.answers.size() == 3 &&
           clocksGoBackALittle(TimeZone::named(theirs.zone), from, mine.answers[same]);
}

/// In a field that draws ("H/2", "H(0-9)") cron-parser looks at no other character: "H/2,5L/7" counts as "H/2,5/7".
bool readsOverWhatWeRefuse(const CronCase& theirs, const CronCase& mine) {
    return theirs.error.empty() && theirs.pattern.find('H') != std::string::npos &&
           mine.error.find(" is none of ") != std::string::npos;
}

/// A value that a list names twice: cron-parser 5 refuses it, cron-parser 4 and Drover do not.
bool namesTwice(const CronCase& theirs) {
    return theirs.error.find("duplicate values found") != std::string::npos;
}

}  // namespace

/// Drover's Cron against the cron-parser that BullMQ 6.7.0 brings, on random patterns, moments and zones.
class CompatCronTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(CompatCronTest);
    CPPUNIT_TEST(tenThousandPatternsGiveTheSameMomentsOrAreRefusedByBoth);
    CPPUNIT_TEST(optionsOfBullmq5MeanWhatTheyMeanThere);
    CPPUNIT_TEST_SUITE_END();

public:
    void optionsOfBullmq5MeanWhatTheyMeanThere() {
        constexpr std::int64_t kBase = 1780308000000;  // Monday, 2026-06-01T10:00:00Z
        for (const char* version : {"5.48.1", "5.81.5"}) {
            NodePeer peer(version, RedisServer::shared());
            for (const char* repeat :
                 {R"({"pattern":"0 0 * * 0,7","tz":"UTC"})",
                  R"({"pattern":"5 4 5 4 4,4","tz":"UTC"})",
                  R"({"pattern":"5-10,7 1,1 * * *","tz":"UTC"})",
                  R"({"pattern":"0 0 1,1-3 JAN,1 *","tz":"UTC"})",
                  R"({"pattern":"0 0 * * 5L,5L","tz":"UTC"})",
                  R"({"pattern":"0 0 L,L * *","tz":"UTC"})",
                  R"({"pattern":"0 9 * * 1","utc":true})",
                  R"({"pattern":"0 9 * * 1","utc":true,"tz":"Europe/Madrid"})",
                  R"({"pattern":"0 9 * * 1","utc":"x","tz":"Asia/Kolkata"})",
                  R"({"pattern":"0 9 * * 1","utc":false,"tz":"Europe/Madrid"})",
                  R"({"pattern":"0 9 * * 1","tz":"UTC","nthDayOfWeek":2})",
                  R"({"pattern":"0 9 * * *","tz":"UTC","nthDayOfWeek":2})",
                  R"({"pattern":"0 9 * * 1,3","tz":"UTC","nthDayOfWeek":2})",
                  R"({"pattern":"0 9 * * 1#1","tz":"UTC","nthDayOfWeek":2})",
                  R"({"pattern":"0 9 * * 1","tz":"UTC","nthDayOfWeek":0})",
                  R"({"pattern":"0 9 * * 1","tz":"UTC","nthDayOfWeek":7})",
                  R"({"pattern":"0 9 * * *","tz":"default"})",
                  R"({"pattern":"0 9 * * *","tz":"local"})",
                  R"({"pattern":"0 9 * * *","tz":null})",
                  R"({"pattern":"0 9 * * *","tz":"utc+3"})",
                  R"({"pattern":"0 9 * * *","tz":120})",
                  R"({"pattern":"0 9 * * *","tz":-210})"}) {
                const auto theirs = peer.call(
                    "cron.next", "\"args\": [" + std::to_string(kBase) + ", " + repeat + "]");
                const auto mine = nextCron(*parseSchedule(repeat), "", kBase, kBase);
                CPPUNIT_ASSERT_EQUAL_MESSAGE(repeat,
                                             theirs.IsString() ? std::string(theirs.GetString())
                                                               : std::to_string(theirs.GetInt64()),
                                             mine ? std::to_string(*mine) : std::string("none"));
            }
        }
    }

    /// DROVER_CRON_SEED repeats a run.
    void tenThousandPatternsGiveTheSameMomentsOrAreRefusedByBoth() {
        const char* const given = std::getenv("DROVER_CRON_SEED");
        const auto first = given != nullptr
                               ? static_cast<std::uint32_t>(std::strtoul(given, nullptr, 10))
                               : static_cast<std::uint32_t>(std::random_device()());
        std::cout << "\ncron cases: DROVER_CRON_SEED=" << first << std::endl;
        NodePeer peer("6.7.0", RedisServer::shared());
        int refused = 0, gaveUp = 0, readOver = 0, answered = 0, twice = 0;
        for (std::uint32_t part = 0; part < 10; ++part) {
            const auto cases =
                peer.call("cron.cases",
                          "\"seed\": " + std::to_string(first + part) + ", \"count\": 1000",
                          std::chrono::minutes(2));
            for (const rapidjson::Value& value : cases.GetArray()) {
                const CronCase theirs = caseOf(value);
                const CronCase mine = ours(theirs);
                if (theirs.answers == mine.answers && theirs.error.empty() == mine.error.empty()) {
                    ++(theirs.error.empty() ? answered : refused);
                } else if (namesTwice(theirs)) {
                    ++twice;
                } else if (givesUpWhereWeGoOn(theirs, mine)) {
                    ++gaveUp;
                } else if (readsOverWhatWeRefuse(theirs, mine)) {
                    ++readOver;
                } else {
                    CPPUNIT_FAIL("pattern \"" + theirs.pattern + "\", base " +
                                 std::to_string(theirs.base) + ", zone " + theirs.zone + ", seed " +
                                 theirs.seed + "\ncron-parser: " + textOf(theirs) +
                                 "\nours:        " + textOf(mine));
                }
            }
        }
        std::cout << answered << " with the same moments, " << refused << " refused by both, "
                  << gaveUp << " where cron-parser gives up at half an hour set back, " << readOver
                  << " where it reads over a letter beside H, " << twice
                  << " where it refuses a value named twice" << std::endl;
        CPPUNIT_ASSERT_EQUAL(10000, answered + refused + gaveUp + readOver + twice);
        CPPUNIT_ASSERT(answered > 6000);
        CPPUNIT_ASSERT(refused > 1000);
        CPPUNIT_ASSERT(gaveUp < 100);
        CPPUNIT_ASSERT(readOver < 10);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CompatCronTest);
