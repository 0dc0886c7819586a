#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;

constexpr const char* kData = R"({"userId":"u1","eventId":"e1"})";
constexpr const char* kRemoved = R"({"removeOnComplete":true,"removeOnFail":true})";

}  // namespace

/// Section C: a job as JSON, as add() returns it and as it is read.
class ViewSection : public Conformance {
public:
    using Conformance::Conformance;

    void c046_theViewHasNodesKeysInNodesOrder() {
        CPPUNIT_ASSERT_EQUAL(withoutIdAndTimes(returnedByNode(kRemoved)),
                             withoutIdAndTimes(returnedByUs(kRemoved).toJson()));
        assertEqual(R"({"name":"reserveEvent","data":{"userId":"u1","eventId":"e1"},)"
                    R"("opts":{"attempts":0,"removeOnComplete":true,"removeOnFail":true},"id":"?",)"
                    R"("progress":0,"returnvalue":null,"stacktrace":null,"priority":0,)"
                    R"("attemptsStarted":0,"attemptsMade":0,"stalledCounter":0,"timestamp":0,)"
                    R"("queueQualifiedName":"bull:)" +
                        queueName() + "\"}",
                    withoutIdAndTimes(returnedByUs(kRemoved).toJson()));
    }

    void c047_theKeyDelayIsThereWhenNodesIs() {
        for (const char* opts : {"{}", R"({"delay":0})", R"({"delay":60000})"}) {
            CPPUNIT_ASSERT_EQUAL(withoutIdAndTimes(returnedByNode(opts)),
                                 withoutIdAndTimes(returnedByUs(opts).toJson(view())));
        }
        assertContains(readByUs(add(Side::Ours, "mail")), "\"delay\":0,");
        assertContains(jobJson("1"), "\"delay\":0,");
    }

    void c048_attemptsComeFirst() {
        for (const char* opts : {R"({"lifo":true})", R"({"lifo":true,"attempts":3})"}) {
            CPPUNIT_ASSERT_EQUAL(withoutIdAndTimes(returnedByNode(opts)),
                                 withoutIdAndTimes(returnedByUs(opts).toJson(view())));
        }
        assertContains(returnedByUs(R"({"lifo":true})").toJson(), R"("opts":{"attempts":0,)");
    }

    void c049_stacktraceIsNullThenAnArray() {
        const Job job = returnedByUs("{}");
        assertContains(job.toJson(), "\"stacktrace\":null");
        assertContains(readByUs(job.id), "\"stacktrace\":[]");
        assertContains(jobJson(job.id), "\"stacktrace\":[]");
    }

    void c050_anIdIsAString() {
        const Job job = returnedByUs("{}");
        for (const std::string& text : {job.toJson(), readByUs(job.id), jobJson(job.id)}) {
            assertContains(text, "\"id\":\"1\"");
        }
    }

    void c051_aNumericBackoffIsShownAsAnObject() {
        const std::string shown = R"("backoff":{"type":"fixed","delay":1000})";
        const std::string mine = returnedByUs(R"({"backoff":1000})").toJson(view());
        assertContains(mine, shown);
        CPPUNIT_ASSERT_EQUAL(withoutIdAndTimes(returnedByNode(R"({"backoff":1000})")),
                             withoutIdAndTimes(mine));
        assertContains(jobJson("1"), shown);
    }

    void c052_timesOfAFinishedJobComeLast() { expectFinished("mail", "completed"); }

    void c053_reasonAndStacktraceOfAFailedJob() {
        const std::string id = expectFinished("fail", "failed");
        assertContains(jobJson(id), R"("failedReason":"told to fail")");
        assertContains(jobJson(id), R"("stacktrace":[")");
    }

    void c054_processedByIsTheWorkersName() {
        startWorker(Side::Node, R"({"name":"the worker"})");
        const std::string id = add(Side::Ours, "mail");
        untilState(id, "completed");
        for (const std::string& text : {readByUs(id), jobJson(id)}) {
            assertContains(text, R"("processedBy":"the worker"})");
        }
    }

    void c055_deduplicationAndParentHaveTheirPlaces() {
        const std::string parent = add(Side::Ours, "mail");
        for (const std::string& opts :
             {std::string(R"({"deduplication":{"id":"once"}})"),
              R"({"parent":{"id":")" + parent + R"(","queue":"bull:)" + queueName() + "\"}}"}) {
            const Job job = returnedByUs(opts);
            redis({"DEL", key("de:once")});
            CPPUNIT_ASSERT_EQUAL(withoutIdAndTimes(returnedByNode(opts)),
                                 withoutIdAndTimes(job.toJson(view())));
            if (!is548()) {
                CPPUNIT_ASSERT_EQUAL(withoutDebounce(jobJson(job.id)), readByUs(job.id));
            }
        }
        redis({"HSET", key("1"), "rjk", "every-hour"});
        assertContains(readByUs("1"), R"(,"repeatJobKey":"every-hour","timestamp":)");
    }

    void c056_bothTextsOfOneJobAreEqual() {
        const std::string ours = returnedByUs(kRemoved).id;
        node("queue.add",
             R"("args": ["reserveEvent", )" + std::string(kData) + ", " + kRemoved + "]");
        CPPUNIT_ASSERT_EQUAL(withoutIdAndTimes(jobJson("2")), withoutIdAndTimes(jobJson(ours)));
        CPPUNIT_ASSERT_EQUAL(jobJson(ours), readByUs(ours));
    }

private:
    [[nodiscard]] JobView view() const { return is548() ? JobView::Bullmq548 : JobView::Bullmq6; }

    Job returnedByUs(const std::string& opts) {
        const NewJob job = {"reserveEvent", kData, JobOptions::parse(opts)};
        return addedJob(job, queue().add(job), "bull:" + queueName());
    }
    std::string returnedByNode(const std::string& opts) {
        return nodeText("queue.add",
                        R"("args": ["reserveEvent", )" + std::string(kData) + ", " + opts + "]");
    }
    std::string readByUs(const std::string& id) { return queue().job(id)->toJson(view()); }

    /// 5.81.5 shows the id of a deduplication twice.
    static std::string withoutDebounce(std::string text) {
        const auto at = text.find("\"debounceId\"");
        return at == std::string::npos ? text : text.erase(at, text.find(',', at) + 1 - at);
    }

    std::string expectFinished(const std::string& name, const std::string& state) {
        startWorker(Side::Node);
        const std::string id = add(Side::Ours, name);
        untilState(id, state);
        assertContains(readByUs(id),
                       R"("queueQualifiedName":"bull:)" + queueName() + R"(","finishedOn":)" +
                           field(id, "finishedOn") + R"(,"processedOn":)" +
                           field(id, "processedOn"));
        CPPUNIT_ASSERT_EQUAL(jobJson(id), readByUs(id));
        return id;
    }
};

namespace {

const Statements<ViewSection> kRegistered(
    {STATEMENT(ViewSection, c046_theViewHasNodesKeysInNodesOrder),
     STATEMENT(ViewSection, c047_theKeyDelayIsThereWhenNodesIs),
     STATEMENT(ViewSection, c048_attemptsComeFirst),
     STATEMENT(ViewSection, c049_stacktraceIsNullThenAnArray),
     STATEMENT(ViewSection, c050_anIdIsAString),
     STATEMENT(ViewSection, c051_aNumericBackoffIsShownAsAnObject),
     STATEMENT(ViewSection, c052_timesOfAFinishedJobComeLast),
     STATEMENT(ViewSection, c053_reasonAndStacktraceOfAFailedJob),
     STATEMENT(ViewSection, c054_processedByIsTheWorkersName),
     STATEMENT(ViewSection, c055_deduplicationAndParentHaveTheirPlaces),
     STATEMENT(ViewSection, c056_bothTextsOfOneJobAreEqual)});

}  // namespace
