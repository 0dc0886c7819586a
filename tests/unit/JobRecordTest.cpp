#include <string>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "queue/JobRecord.h"
#include "support/Assert.h"

using drover::test::assertEqual;

using namespace drover;

/// Adds, children and the jobs of schedulers become records by the same rules.
class JobRecordTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(JobRecordTest);
    CPPUNIT_TEST(theOptionsDecideWhereAJobGoes);
    CPPUNIT_TEST(aChildNamesItsParentInFieldsAndOptions);
    CPPUNIT_TEST(aJobThatNoScriptCanStoreRightIsRefused);
    CPPUNIT_TEST(theNextJobOfASchedulerInheritsAllButItsRun);
    CPPUNIT_TEST(aChildHasOneParentAndIsNotKeptBack);
    CPPUNIT_TEST(aPlainRecordHasNineArguments);
    CPPUNIT_TEST(furtherArgumentsAreNamed);
    CPPUNIT_TEST_SUITE_END();

public:
    void theOptionsDecideWhereAJobGoes() {
        const JobRecord record = recordOf(job(
            R"({"delay":5,"priority":3,"lifo":true,"jobId":"a-1","timestamp":9,"attempts":2})"));
        assertEqual("mail", record.name);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, record.delayMs);
        CPPUNIT_ASSERT_EQUAL(3, record.priority);
        CPPUNIT_ASSERT(record.lifo);
        assertEqual("a-1", record.customId);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{9}, record.timestampMs);
        CPPUNIT_ASSERT(record.parentKey.empty() && record.parent.empty());
        CPPUNIT_ASSERT_EQUAL(JobRecord::kWhenAdded, recordOf(job("{}")).timestampMs);
    }

    void aChildNamesItsParentInFieldsAndOptions() {
        const JobRecord record =
            recordOf(job(R"({"fpof":true,"idof":false})"), {"7", "bull:orders"});
        assertEqual("bull:orders:7", record.parentKey);
        assertEqual(R"({"id":"7","queueKey":"bull:orders","fpof":true})", record.parent);
        assertEqual(
            R"({"attempts":0,"parent":{"id":"7","queue":"bull:orders"},"fpof":true,"idof":false})",
            record.opts);
    }

    void aJobThatNoScriptCanStoreRightIsRefused() {
        CPPUNIT_ASSERT_EQUAL(std::string(), newJobError(job("{}")));
        assertEqual("the data of job \"mail\" is not valid JSON", newJobError({"mail", "{", {}}));
        assertEqual("the data of job \"mail\" has 7 bytes, sizeLimit allows 6",
                    newJobError(job(R"({"sizeLimit":6})")));
        assertEqual("opts.repeat: the jobs of a scheduler are added by the scheduler alone",
                    newJobError(job(R"({"repeat":{"every":5}})")));
        CPPUNIT_ASSERT(!newJobError(job(R"({"priority":-1})")).empty());
    }

    void theNextJobOfASchedulerInheritsAllButItsRun() {
        ClaimedJob claimed;
        claimed.data = R"({"n":1})";
        claimed.opts =
            R"({"jobId":"x","delay":4,"timestamp":3,"prevMillis":2,"repeat":{"every":1},)"
            R"("backoff":10,"priority":"3","lifo":1,"removeOnFail":{"count":5}})";
        const JobRecord next = nextRecordOf(claimed);
        assertEqual(R"({"n":1})", next.data);
        assertEqual(R"({"backoff":{"type":"fixed","delay":10},"priority":"3","lifo":1,)"
                    R"("removeOnFail":{"count":5},"attempts":0})",
                    next.opts);
        CPPUNIT_ASSERT_EQUAL(3, next.priority);
        CPPUNIT_ASSERT(next.lifo);
        CPPUNIT_ASSERT(next.customId.empty());
        claimed.opts = R"({"priority":1e300})";
        CPPUNIT_ASSERT_EQUAL(2097152, nextRecordOf(claimed).priority);
        claimed.opts = "[]";
        CPPUNIT_ASSERT_THROW(nextRecordOf(claimed), Poco::InvalidArgumentException);
    }

    void aChildHasOneParentAndIsNotKeptBack() {
        CPPUNIT_ASSERT_EQUAL(std::string(), newChildError(job(R"({"de":{"id":"d"},"fpof":true})")));
        assertEqual("opts.parent: the parent of a child is the job that it is added to, got \"7\"",
                    newChildError(job(R"({"parent":{"id":"7","queue":"bull:q"}})")));
        assertEqual("opts.deduplication.keepLastIfActive: false expected for a child, got true",
                    newChildError(job(R"({"de":{"id":"d","keepLastIfActive":true}})")));
        CPPUNIT_ASSERT(!newChildError(job(R"({"priority":-1})")).empty());
    }

    void aPlainRecordHasNineArguments() {
        assertEqual("mail|{\"n\":1}|{\"attempts\":0,\"delay\":5,\"lifo\":true}|123|5|0||1|0",
                    argumentsOf(recordOf(job(R"({"delay":5,"lifo":true})"))));
    }

    void furtherArgumentsAreNamed() {
        assertEqual(
            R"(parentKey|bull:p:7|parent|{"id":"7","queueKey":"bull:p","cpof":true})",
            furtherOf(recordOf(job(R"({"parent":{"id":"7","queue":"bull:p"},"cpof":true})"))));
        assertEqual("deduplication|d", furtherOf(recordOf(job(R"({"de":{"id":"d"}})"))));
        JobRecord most = recordOf(
            job(R"({"de":{"id":"d","ttl":5,"extend":true,"replace":true,"reschedule":true,)"
                R"("keepLastIfActive":true}})"),
            {"7", "bull:p"});
        most.scheduler = "s";
        most.hasChildren = true;
        assertEqual(
            R"(parentKey|bull:p:7|parent|{"id":"7","queueKey":"bull:p"}|scheduler|s|children|1|)"
            "deduplication|d|ttl|5|extend|1|replace|1|reschedule|1|keepLastIfActive|1",
            furtherOf(most));
    }

private:
    static std::string argumentsOf(const JobRecord& record, std::size_t from = 0) {
        Command command;
        record.appendTo(command, 123);
        const auto& args = command.args();
        CPPUNIT_ASSERT(args.at(8) == std::to_string(args.size() - JobRecord::kArguments));
        std::string text;
        for (std::size_t i = from; i < args.size(); ++i) {
            text += (text.empty() && i == from ? "" : "|") + std::string(args[i]);
        }
        return text;
    }
    static std::string furtherOf(const JobRecord& record) { return argumentsOf(record, 9); }

    static NewJob job(const std::string& opts) {
        return {"mail", R"({"n":1})", JobOptions::parse(opts)};
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(JobRecordTest);
