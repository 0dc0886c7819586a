#include <string>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "drover/JobScheduler.h"
#include "queue/SchedulerRecord.h"
#include "support/Assert.h"
#include "support/BadOptions.h"

using namespace drover;
using namespace drover::test;

/// The JSON forms of a scheduler's rule, its template and its view.
class JobSchedulerFormTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(JobSchedulerFormTest);
    CPPUNIT_TEST(rulesAreReadAsBullmqHasThem);
    CPPUNIT_TEST(datesAreNumbersOrIso8601);
    CPPUNIT_TEST(everyMistakeOfARuleNamesMemberValueAndCure);
    CPPUNIT_TEST(templatesHaveNameDataAndOptions);
    CPPUNIT_TEST(badMembersOfATemplateAreNamed);
    CPPUNIT_TEST(aViewHasItsMembersInBullmqsOrder);
    CPPUNIT_TEST_SUITE_END();

public:
    void rulesAreReadAsBullmqHasThem() {
        const RepeatOptions every =
            RepeatOptions::parse(R"({"every": 5000, "offset": 7, "limit": 3, "pattern": null})");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{5000}, std::int64_t{every.every->count()});
        CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, std::int64_t{every.offset->count()});
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, *every.limit);
        CPPUNIT_ASSERT(every.pattern.empty() && !every.startDateMs && !every.immediately);
        const RepeatOptions pattern = RepeatOptions::parse(
            R"({"pattern": "0 9 * * *", "tz": "Europe/Madrid", "immediately": true})");
        assertEqual("0 9 * * *", pattern.pattern);
        assertEqual("Europe/Madrid", pattern.tz);
        CPPUNIT_ASSERT(pattern.immediately && !pattern.every);
    }

    void datesAreNumbersOrIso8601() {
        for (const char* date : {"1795392000000",
                                 "\"2026-11-23T00:00:00Z\"",
                                 "\"2026-11-23T00:00:00.000Z\"",
                                 "\"2026-11-23T02:00:00+02:00\"",
                                 "\"2026-11-23\""}) {
            const RepeatOptions repeat =
                RepeatOptions::parse("{\"startDate\": " + std::string(date) + "}");
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                date, std::int64_t{1795392000000}, repeat.startDateMs.value());
        }
    }

    void everyMistakeOfARuleNamesMemberValueAndCure() {
        constexpr std::int64_t kNow = 1795392000000;
        for (const BadOption& bad : badRepeats()) {
            std::string message = "accepted";
            try {
                (void)schedulerRecordOf("s", RepeatOptions::parse(bad.opts), {}, kNow);
            } catch (const Poco::InvalidArgumentException& error) {
                message = error.message();
            }
            assertEqual("", missingIn(message, bad));
        }
    }

    void templatesHaveNameDataAndOptions() {
        const JobTemplate jobs = JobTemplate::parse(
            R"({"name": "mail", "data": {"a" : 1}, "opts": {"backoff": 500, "attempts": 2}})");
        assertEqual("mail", jobs.name);
        assertEqual(R"({"a" : 1})", jobs.data);
        CPPUNIT_ASSERT(jobs.backoffAsNumber);
        CPPUNIT_ASSERT_EQUAL(2, jobs.opts.attempts);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{500}, std::int64_t{jobs.opts.backoff->delay.count()});
        const JobTemplate object =
            JobTemplate::parse(R"({"opts": {"backoff": {"type": "fixed", "delay": 5}}})");
        CPPUNIT_ASSERT(!object.backoffAsNumber);
        assertEqual("{}", JobTemplate::parse("{}").data);
    }

    void badMembersOfATemplateAreNamed() {
        const auto refused = [](const std::string& json, const std::string& part) {
            expectInvalid([&] { (void)JobTemplate::parse(json); }, part);
        };
        refused("5", "template: a JSON object expected, got 5");
        refused(R"({"name": 5})", "template.name: a string expected, got 5");
        refused(R"({"opts": {"attempts": "x"}})", "opts.attempts");
        refused(R"({"dat": 5})", "template.dat is unknown; did you mean data?");
    }

    void aViewHasItsMembersInBullmqsOrder() {
        JobScheduler scheduler;
        scheduler.key = "beat";
        scheduler.name = "mail";
        scheduler.nextMs = 5;
        assertEqual(R"({"key":"beat","name":"mail","next":5})", scheduler.toJson());
        scheduler.iterationCount = 2;
        scheduler.repeat = RepeatOptions::parse(
            R"({"every":7,"pattern":"x","tz":"UTC","limit":3,"startDate":8,"endDate":9,"offset":1})");
        scheduler.data = "[1]";
        scheduler.opts = R"({"attempts":2})";
        assertEqual(
            R"({"key":"beat","name":"mail","next":5,"iterationCount":2,"limit":3,"startDate":8,)"
            R"("endDate":9,"tz":"UTC","pattern":"x","every":7,"offset":1,)"
            R"("template":{"data":[1],"opts":{"attempts":2}}})",
            scheduler.toJson());
    }

private:
    template <typename Act>
    static void expectInvalid(Act act, const std::string& part) {
        try {
            act();
            CPPUNIT_FAIL("accepted, not refused with: " + part);
        } catch (const Poco::InvalidArgumentException& error) {
            assertContains(error.message(), part);
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(JobSchedulerFormTest);
