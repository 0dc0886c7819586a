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
    CPPUNIT_TEST(theArgumentsOfARecordAreTen);
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
        for (const char* option : {"parent", "deduplication", "repeat"}) {
            CPPUNIT_ASSERT_EQUAL(
                "the option \"" + std::string(option) + "\" is not supported by this version",
                newJobError(job("{\"" + std::string(option) + "\":{\"id\":\"1\"}}")));
        }
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

    void theArgumentsOfARecordAreTen() {
        const JobRecord record = recordOf(job(R"({"delay":5,"lifo":true})"), {"7", "bull:q"});
        Command command;
        record.appendTo(command, 123);
        CPPUNIT_ASSERT_EQUAL(JobRecord::kArguments, command.args().size());
        CPPUNIT_ASSERT(command.args()[3] == "123");
        CPPUNIT_ASSERT(command.args()[4] == "5");
        CPPUNIT_ASSERT(command.args()[7] == "1");
        CPPUNIT_ASSERT(command.args()[8] == "bull:q:7");
    }

private:
    static NewJob job(const std::string& opts) {
        return {"mail", R"({"n":1})", JobOptions::parse(opts)};
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(JobRecordTest);
