#include <string>

#include <cppunit/extensions/HelperMacros.h>

#include "core/JobHash.h"
#include "core/JsonText.h"
#include "drover/Exceptions.h"
#include "drover/Job.h"
#include "support/Assert.h"

using drover::test::assertContains;
using drover::test::assertEqual;

using drover::Job;
using drover::JobHash;
using drover::JobOptions;
using drover::JobView;
using namespace std::string_literals;

/// A job's JSON view is the text that BullMQ's own clients give, and its hash is read as they read it.
class JobTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(JobTest);
    CPPUNIT_TEST(statesHaveTheirNamesOnTheWire);
    CPPUNIT_TEST(aFreshJobIsTheTextOfTheWireFormat);
    CPPUNIT_TEST(theOldViewHasNoStalledCounterAndNoDeferredFailure);
    CPPUNIT_TEST(aFreshJobWithMoreOptionsIsTheTextOfTheWireFormat);
    CPPUNIT_TEST(aJobReadBackIsTheTextOfTheWireFormat);
    CPPUNIT_TEST(everyMemberStandsAtItsPlace);
    CPPUNIT_TEST(textsAreEscapedAndJsonIsEmbeddedAsItIs);
    CPPUNIT_TEST(everyFieldOfTheHashArrives);
    CPPUNIT_TEST(theOldestAttemptsFieldIsPreferred);
    CPPUNIT_TEST(theLargerStallCountCounts);
    CPPUNIT_TEST(aBadStackTraceIsAnEmptyOne);
    CPPUNIT_TEST(aBadReturnValueIsIgnored);
    CPPUNIT_TEST(numbersAreReadAsParseIntDoes);
    CPPUNIT_TEST(aGhostWithoutNameAndDataIsStillAJob);
    CPPUNIT_TEST(anEmptyFailedReasonIsStored);
    CPPUNIT_TEST(unreadableFieldsAreReportedWithJobAndField);
    CPPUNIT_TEST(optionsOfAnyTypeAreReadAsNodeReadsThem);
    CPPUNIT_TEST_SUITE_END();

public:
    void statesHaveTheirNamesOnTheWire() {
        using drover::JobState;
        expectState("waiting", JobState::Waiting);
        expectState("active", JobState::Active);
        expectState("delayed", JobState::Delayed);
        expectState("prioritized", JobState::Prioritized);
        expectState("waiting-children", JobState::WaitingChildren);
        expectState("completed", JobState::Completed);
        expectState("failed", JobState::Failed);
        expectState("unknown", JobState::Unknown);
    }

    void aFreshJobIsTheTextOfTheWireFormat() {
        CPPUNIT_ASSERT_EQUAL(
            "{\"name\":\"reserveEvent\",\"data\":{\"userId\":\"u1\",\"eventId\":\"e1\"},"
            "\"opts\":{\"attempts\":0,\"removeOnComplete\":true,\"removeOnFail\":true},"
            "\"id\":\"1\",\"progress\":0,\"returnvalue\":null,\"stacktrace\":null,\"priority\":0,"
            "\"attemptsStarted\":0,\"attemptsMade\":0,\"stalledCounter\":0,"
            "\"timestamp\":1795382406903,\"queueQualifiedName\":\"bull:bookings\"}"s,
            freshJob().toJson());
    }

    void theOldViewHasNoStalledCounterAndNoDeferredFailure() {
        Job job = freshJob();
        job.deferredFailure = "child bull:q:7 failed";
        CPPUNIT_ASSERT_EQUAL(
            "{\"name\":\"reserveEvent\",\"data\":{\"userId\":\"u1\",\"eventId\":\"e1\"},"
            "\"opts\":{\"attempts\":0,\"removeOnComplete\":true,\"removeOnFail\":true},"
            "\"id\":\"1\",\"progress\":0,\"returnvalue\":null,\"stacktrace\":null,\"priority\":0,"
            "\"attemptsStarted\":0,\"attemptsMade\":0,\"timestamp\":1795382406903,"
            "\"queueQualifiedName\":\"bull:bookings\"}"s,
            job.toJson(JobView::Bullmq548));
    }

    void aFreshJobWithMoreOptionsIsTheTextOfTheWireFormat() {
        Job job = freshJob();
        job.opts = JobOptions::parse(
            "{\"delay\":5000,\"priority\":2,\"removeOnFail\":true,\"attempts\":3,"
            "\"removeOnComplete\":true,\"deduplication\":{\"id\":\"dd6.7\"},\"jobId\":\"z67\","
            "\"backoff\":1000}");
        job.id = "z67";
        job.delayMs = 5000;
        job.priority = 2;
        job.timestampMs = 1795384315162;
        job.deduplicationId = "dd6.7";
        CPPUNIT_ASSERT_EQUAL(
            "{\"name\":\"reserveEvent\",\"data\":{\"userId\":\"u1\",\"eventId\":\"e1\"},"
            "\"opts\":{\"attempts\":3,\"removeOnComplete\":true,\"removeOnFail\":true,"
            "\"delay\":5000,\"priority\":2,\"jobId\":\"z67\",\"backoff\":{\"type\":\"fixed\","
            "\"delay\":1000},\"deduplication\":{\"id\":\"dd6.7\"}},\"id\":\"z67\",\"progress\":0,"
            "\"returnvalue\":null,\"stacktrace\":null,\"delay\":5000,\"priority\":2,"
            "\"attemptsStarted\":0,\"attemptsMade\":0,\"stalledCounter\":0,"
            "\"timestamp\":1795384315162,\"deduplicationId\":\"dd6.7\","
            "\"queueQualifiedName\":\"bull:bookings\"}"s,
            job.toJson());
    }

    void aJobReadBackIsTheTextOfTheWireFormat() {
        CPPUNIT_ASSERT_EQUAL(
            "{\"name\":\"reserveEvent\",\"data\":{\"userId\":\"u1\",\"eventId\":\"e1\"},"
            "\"opts\":{\"attempts\":0,\"removeOnComplete\":true,\"removeOnFail\":true},"
            "\"id\":\"1\",\"progress\":0,\"returnvalue\":null,\"stacktrace\":[],\"delay\":0,"
            "\"priority\":0,\"attemptsStarted\":0,\"attemptsMade\":0,\"stalledCounter\":0,"
            "\"timestamp\":1795382406903,\"queueQualifiedName\":\"bull:bookings\"}"s,
            drover::parseJobHash("1", "bull:bookings", storedFields()).toJson());
    }

    void everyMemberStandsAtItsPlace() {
        CPPUNIT_ASSERT_EQUAL(
            "{\"name\":\"n\",\"data\":null,\"opts\":{\"attempts\":0},\"id\":\"9\","
            "\"progress\":{\"p\":1},\"returnvalue\":[1],\"stacktrace\":[\"s\"],\"delay\":7,"
            "\"priority\":3,\"attemptsStarted\":2,\"attemptsMade\":1,\"stalledCounter\":4,"
            "\"repeatJobKey\":\"nightly\",\"timestamp\":100,\"parentKey\":\"bull:p:1\","
            "\"parent\":{\"id\":\"1\",\"queueKey\":\"bull:p\"},\"deduplicationId\":\"d\","
            "\"queueQualifiedName\":\"bull:q\",\"finishedOn\":300,\"processedOn\":200,"
            "\"failedReason\":\"boom\",\"deferredFailure\":\"late\",\"processedBy\":\"w1\"}"s,
            drover::parseJobHash("9", "bull:q", fullFields()).toJson());
    }

    void textsAreEscapedAndJsonIsEmbeddedAsItIs() {
        Job job;
        job.id = "a\"b";
        job.name = "line\nbreak";
        job.data = "{ \"n\" : 9007199254740993, \"s\":\"\\/\" }";
        job.queueQualifiedName = "bull:\xED\x95\x9C";
        job.failedReason = "bad \xFF byte";
        const std::string json = job.toJson();
        CPPUNIT_ASSERT_MESSAGE(json, drover::splitJsonObject(json).has_value());
        expectContains(json, "\"id\":\"a\\\"b\"");
        expectContains(json, "\"name\":\"line\\nbreak\"");
        expectContains(json, "\"data\":{ \"n\" : 9007199254740993, \"s\":\"\\/\" }");
        expectContains(json, "\"queueQualifiedName\":\"bull:\xED\x95\x9C\"");
        expectContains(json, "\"failedReason\":\"bad \xEF\xBF\xBD byte\"");
    }

    void everyFieldOfTheHashArrives() {
        const Job job = drover::parseJobHash("9", "bull:q", fullFields());
        CPPUNIT_ASSERT_EQUAL("9"s, job.id);
        CPPUNIT_ASSERT_EQUAL("bull:q"s, job.queueQualifiedName);
        CPPUNIT_ASSERT_EQUAL("nightly"s, job.repeatJobKey.value());
        CPPUNIT_ASSERT_EQUAL("d"s, job.deduplicationId.value());
        CPPUNIT_ASSERT_EQUAL("w1"s, job.processedBy.value());
        CPPUNIT_ASSERT_EQUAL("late"s, job.deferredFailure.value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{300}, job.finishedOnMs.value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{200}, job.processedOnMs.value());
        CPPUNIT_ASSERT_EQUAL(2, job.attemptsStarted);
    }

    void theOldestAttemptsFieldIsPreferred() {
        CPPUNIT_ASSERT_EQUAL(5, read({{"atm", "2"}, {"attemptsMade", "5"}}).attemptsMade);
        CPPUNIT_ASSERT_EQUAL(2, read({{"atm", "2"}, {"attemptsMade", ""}}).attemptsMade);
        CPPUNIT_ASSERT_EQUAL(2, read({{"atm", "2"}}).attemptsMade);
    }

    void theLargerStallCountCounts() {
        CPPUNIT_ASSERT_EQUAL(3, read({{"stc", "1"}, {"stalledCounter", "3"}}).stalledCounter);
        CPPUNIT_ASSERT_EQUAL(2, read({{"stc", "2"}, {"stalledCounter", "1"}}).stalledCounter);
        CPPUNIT_ASSERT_EQUAL(1, read({{"stalledCounter", "1"}}).stalledCounter);
    }

    void aBadStackTraceIsAnEmptyOne() {
        for (const char* text : {"", "null", "{}", "\"trace\"", "[\"cut", "boom"}) {
            CPPUNIT_ASSERT_EQUAL("[]"s, read({{"stacktrace", text}}).stacktrace.value());
        }
        CPPUNIT_ASSERT_EQUAL("[]"s, read({}).stacktrace.value());
        CPPUNIT_ASSERT_EQUAL("[\"a\",\"b\"]"s,
                             read({{"stacktrace", "[\"a\",\"b\"]"}}).stacktrace.value());
    }

    void aBadReturnValueIsIgnored() {
        CPPUNIT_ASSERT(!read({{"returnvalue", "{oops"}}).returnValue.has_value());
        CPPUNIT_ASSERT(!read({{"returnvalue", ""}}).returnValue.has_value());
        CPPUNIT_ASSERT_EQUAL("null"s, read({{"returnvalue", "null"}}).returnValue.value());
    }

    void numbersAreReadAsParseIntDoes() {
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, read({{"delay", "1.75"}}).delayMs.value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{-20}, read({{"delay", " -20"}}).delayMs.value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, read({{"delay", "soon"}}).delayMs.value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, read({}).delayMs.value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, read({{"timestamp", " "}}).timestampMs);
        CPPUNIT_ASSERT_EQUAL(2147483647, read({{"priority", "99999999999"}}).priority);
        CPPUNIT_ASSERT_EQUAL(INT64_MAX, read({{"timestamp", "99999999999999999999"}}).timestampMs);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{12}, read({{"timestamp", "+12"}}).timestampMs);
    }

    void aGhostWithoutNameAndDataIsStillAJob() {
        const Job job = drover::parseJobHash("5", "bull:q", {{"processedOn", "200"}, {"ats", "1"}});
        CPPUNIT_ASSERT_EQUAL(""s, job.name);
        CPPUNIT_ASSERT_EQUAL("{}"s, job.data);
        CPPUNIT_ASSERT_EQUAL("0"s, job.progress);
        CPPUNIT_ASSERT_EQUAL(1, job.attemptsStarted);
    }

    void anEmptyFailedReasonIsStored() {
        CPPUNIT_ASSERT_EQUAL(""s, read({{"failedReason", ""}}).failedReason.value());
        CPPUNIT_ASSERT(!read({}).failedReason.has_value());
    }

    void unreadableFieldsAreReportedWithJobAndField() {
        expectRefused("data", "{oops", "job 9 of bull:q: field data is not JSON");
        expectRefused("progress", "half", "job 9 of bull:q: field progress is not JSON");
        expectRefused("parent", "{", "job 9 of bull:q: field parent is not JSON");
        expectRefused(
            "opts", "{7", "job 9 of bull:q: field opts is wrong: opts: JSON expected, got {7");
    }

    void optionsOfAnyTypeAreReadAsNodeReadsThem() {
        CPPUNIT_ASSERT_EQUAL(0, read({{"opts", "7"}}).opts.attempts);
        const drover::Job job = read({{"opts", R"({"attempts":"3","lifo":"x"})"}});
        CPPUNIT_ASSERT_EQUAL(3, job.opts.attempts);
        CPPUNIT_ASSERT(job.opts.lifo);
        expectContains(job.toJson(), R"("opts":{"attempts":"3","lifo":"x"})");
    }

private:
    static Job freshJob() {
        Job job;
        job.id = "1";
        job.name = "reserveEvent";
        job.data = "{\"userId\":\"u1\",\"eventId\":\"e1\"}";
        job.opts = JobOptions::parse("{\"removeOnComplete\":true,\"removeOnFail\":true}");
        job.queueQualifiedName = "bull:bookings";
        job.timestampMs = 1795382406903;
        return job;
    }

    static JobHash storedFields() {
        return {{"name", "reserveEvent"},
                {"data", "{\"userId\":\"u1\",\"eventId\":\"e1\"}"},
                {"opts", "{\"removeOnFail\":true,\"attempts\":0,\"removeOnComplete\":true}"},
                {"timestamp", "1795382406903"},
                {"delay", "0"},
                {"priority", "0"}};
    }

    static JobHash fullFields() {
        return {{"name", "n"},
                {"data", "null"},
                {"opts", "{\"repeatJobKey\":\"nightly\"}"},
                {"timestamp", "100"},
                {"delay", "7"},
                {"priority", "3"},
                {"parentKey", "bull:p:1"},
                {"parent", "{\"id\":\"1\",\"queueKey\":\"bull:p\"}"},
                {"rjk", "nightly"},
                {"deid", "d"},
                {"progress", "{\"p\":1}"},
                {"processedOn", "200"},
                {"pb", "w1"},
                {"ats", "2"},
                {"atm", "1"},
                {"stc", "4"},
                {"finishedOn", "300"},
                {"returnvalue", "[1]"},
                {"failedReason", "boom"},
                {"stacktrace", "[\"s\"]"},
                {"defa", "late"},
                {"nrjid", "ignored"},
                {"igdp", "1"}};
    }

    static Job read(const JobHash& hash) { return drover::parseJobHash("9", "bull:q", hash); }

    static void expectState(const char* name, drover::JobState state) {
        assertEqual(name, drover::toString(state));
    }

    static void expectContains(const std::string& text, const std::string& part) {
        assertContains(text, part);
    }

    static void expectRefused(const char* field, const char* value, const std::string& message) {
        try {
            (void)read({{field, value}});
            CPPUNIT_FAIL("field "s + field + " was accepted");
        } catch (const drover::JobFormatException& error) {
            CPPUNIT_ASSERT_EQUAL(message, error.message());
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(JobTest);
