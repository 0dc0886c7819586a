#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "plugin/abi/HostFunctions.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;

}  // namespace

/// Section F: the end of a job, and how long it is kept.
class FinishSection : public Conformance {
public:
    using Conformance::Conformance;

    void c094_whatOurCompletionLeaves() {
        startWorker(Side::Ours);
        const std::string id = run(Side::Node, "mail", R"({"seat":7})");
        CPPUNIT_ASSERT_EQUAL(std::stod(field(id, "finishedOn")), scoreOf("completed", id));
        assertEqual(R"({"seat":7})", field(id, "returnvalue"));
        assertEqual("1", field(id, "atm"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({id + ":lock", "active", "stalled"}));
    }

    void c095_aHandlerWithoutResultLeavesNull() {
        behaviours_["mute"] = [](RunningJob& job) {
            RunningJob* const jobs[] = {&job};
            drover_call call{jobs};
            CPPUNIT_ASSERT_EQUAL(+DROVER_OK, hostApi().complete(&call, 0, {}));
        };
        startWorker(Side::Ours);
        const std::string id = run(Side::Node, "mute");
        assertEqual("null", field(id, "returnvalue"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1},
                             countOf("completed " + id + " returnvalue=null prev=active"));
        CPPUNIT_ASSERT(node("queue.getJob", "\"args\": [\"" + id + "\"]")["returnvalue"].IsNull());
    }

    void c096_theCompletedEventCarriesTheResult() {
        subscribe();
        startWorker(Side::Ours);
        const std::string id = run(Side::Node, "mail", R"({"seat":[7,"é"]})");
        const auto event = node("events.wait", "\"event\": \"completed\", \"job\": " + id);
        assertEqual(R"({"seat":[7,"é"]})", textOf(event["returnvalue"]));
        assertEqual("active", event["prev"].GetString());
        CPPUNIT_ASSERT_EQUAL(
            std::int64_t{1},
            countOf("completed " + id + R"( returnvalue={"seat":[7,"é"]} prev=active)"));
    }

    void c097_waitUntilFinishedGivesOurResultAndOurReason() {
        subscribe();
        startWorker(Side::Ours);
        const std::string good = add(Side::Node, "mail", R"({"seat":7})", R"({"delay":200})");
        assertEqual(R"({"seat":7})", nodeText("job.waitUntilFinished", "\"job\": " + good));
        const std::string bad = add(Side::Node, "fail", "{}", R"({"delay":200})");
        std::string message = "it resolved";
        try {
            node("job.waitUntilFinished", "\"job\": " + bad);
        } catch (const PeerError& error) {
            message = error.what();
        }
        assertEqual("told to fail", message);
    }

    void c098_drainedIsEmittedWhenNothingIsLeft() {
        startWorker(Side::Ours);
        run(Side::Node, "mail");
        untilAsleep();
        assertEqual("drained", streamed().back());
        add(Side::Node, "mail", "{}", R"({"delay":60000})");
        run(Side::Node, "mail");
        untilAsleep();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, countOf("drained"));
    }

    void c099_jobsThatAreNotKeptLeaveNothing() {
        startWorker(Side::Ours);
        const std::string id =
            add(Side::Node, "mail", R"({"seat":7})", R"({"removeOnComplete":true,"delay":200})");
        node("job.log", "\"job\": " + id + R"(, "args": ["a row"])");
        untilStreamed("completed " + id + R"( returnvalue={"seat":7} prev=active)");
        untilNothingActive();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             existing({id, id + ":logs", id + ":lock", "completed"}));
        assertLacks(eventsOf(id), "removed");
    }

    void c100_aCountKeepsTheNewest() {
        startWorker(Side::Ours);
        std::vector<std::string> ids;
        for (int i = 0; i < 5; ++i) {
            ids.push_back(run(Side::Node, "mail", "{}", R"({"removeOnComplete":2})"));
        }
        CPPUNIT_ASSERT_EQUAL(ids[3] + "\n" + ids[4], joined(members("completed")));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({ids[0], ids[1], ids[2]}));
    }

    void c101_anAgeRemovesWhatIsOlder() {
        startWorker(Side::Ours);
        const std::string old = run(Side::Node, "mail");
        const std::string young = run(Side::Node, "mail");
        age("completed", old);
        const std::string last = run(Side::Node, "mail", "{}", R"({"removeOnComplete":{"age":1}})");
        CPPUNIT_ASSERT_EQUAL(young + "\n" + last, joined(members("completed")));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({old}));
    }

    void c102_aLimitBoundsWhatAgeRemoves() {
        startWorker(Side::Ours);
        std::vector<std::string> ids;
        for (int i = 0; i < 4; ++i) {
            ids.push_back(run(Side::Node, "mail"));
            age("completed", ids.back());
        }
        run(Side::Node, "mail", "{}", R"({"removeOnComplete":{"age":1,"limit":2}})");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, existing({ids[0], ids[1]}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({ids[2], ids[3]}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, number({"ZCARD", key("completed")}));
    }

    void c103_ageAndCountHoldTogether() {
        startWorker(Side::Ours);
        const std::string old = run(Side::Node, "mail");
        age("completed", old);
        const std::string crowded = run(Side::Node, "mail");
        const std::string kept = run(Side::Node, "mail");
        const std::string last =
            run(Side::Node, "mail", "{}", R"({"removeOnComplete":{"age":1,"count":2}})");
        CPPUNIT_ASSERT_EQUAL(kept + "\n" + last, joined(members("completed")));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({old, crowded}));
    }

    void c104_aWorkersRuleCountsForJobsWithoutOne() {
        settings_.keepCompleted.count = 0;
        settings_.keepFailed.count = 0;
        std::vector<std::string> kept;
        for (const Side worker : kBoth) {
            startWorker(worker,
                        R"({"removeOnComplete": {"count": 0}, "removeOnFail": {"count": 0}})");
            kept.push_back(run(otherOf(worker), "mail", "{}", R"({"removeOnComplete":5})"));
            const std::string failed =
                run(otherOf(worker), "fail", "{}", R"({"removeOnFail":false})");
            assertEqual("failed", nodeState(failed));
            const std::string none = add(otherOf(worker), "mail");
            untilStreamed("completed " + none + " returnvalue={} prev=active");
            const std::string failedNone = add(otherOf(worker), "fail");
            untilStreamed("retries-exhausted " + failedNone + " attemptsMade=1");
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({none, failedNone}));
            stopWorker(worker);
        }
        CPPUNIT_ASSERT_EQUAL(joined(kept), joined(members("completed")));
    }

    void c105_failedJobsAreKeptByTheSameRules() {
        startWorker(Side::Ours);
        const std::string gone = add(Side::Node, "fail", "{}", R"({"removeOnFail":true})");
        untilStreamed("retries-exhausted " + gone + " attemptsMade=1");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({gone, gone + ":lock", "failed"}));

        std::vector<std::string> ids;
        for (int i = 0; i < 4; ++i) {
            ids.push_back(run(Side::Node, "fail", "{}", R"({"removeOnFail":3})"));
        }
        CPPUNIT_ASSERT_EQUAL(joined({ids[1], ids[2], ids[3]}), joined(members("failed")));
        age("failed", ids[1]);
        const std::string last = run(Side::Node, "fail", "{}", R"({"removeOnFail":{"age":1}})");
        CPPUNIT_ASSERT_EQUAL(joined({ids[2], ids[3], last}), joined(members("failed")));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({ids[0], ids[1]}));
    }

    void c106_whatOurFinalFailureLeaves() {
        startWorker(Side::Ours);
        const std::string id = run(Side::Node, "fail", "{}", R"({"attempts":2})");
        CPPUNIT_ASSERT_EQUAL(std::stod(field(id, "finishedOn")), scoreOf("failed", id));
        assertEqual("told to fail", field(id, "failedReason"));
        const auto job = node("queue.getJob", "\"args\": [\"" + id + "\"]");
        CPPUNIT_ASSERT_EQUAL(2u, job["stacktrace"].Size());
        assertEqual("2", field(id, "atm"));
        assertEqual("(none)", fieldOrNone(id, "defa"));
        CPPUNIT_ASSERT_EQUAL(
            "added name=fail | waiting | active prev=waiting | waiting prev=" + retriedFrom() +
                " | active prev=waiting | failed failedReason=told to fail "
                "prev=active | retries-exhausted attemptsMade=2",
            eventsOf(id));
    }

    void c107_anUnrecoverableFailureExhaustsNothing() {
        startWorker(Side::Ours);
        const std::string id =
            run(Side::Node, "unrecoverable", "{}", R"({"attempts":5,"backoff":10})");
        assertEqual("1", field(id, "atm"));
        assertEqual(
            "added name=unrecoverable | waiting | active prev=waiting "
            "| failed failedReason=told to fail prev=active",
            eventsOf(id));
    }

    void c108_theOnlyAttemptFailingExhaustsThem() {
        startWorker(Side::Ours);
        const std::string id = run(Side::Node, "fail");
        assertEqual(
            "added name=fail | waiting | active prev=waiting | failed "
            "failedReason=told to fail prev=active | "
            "retries-exhausted attemptsMade=1",
            eventsOf(id));
    }

    void c109_aCompletedJobKeepsItsEarlierFailure() {
        startWorker(Side::Ours);
        const std::string id = run(Side::Node, "flaky", "{}", R"({"attempts":2})");
        assertEqual("completed", nodeState(id));
        const auto job = node("queue.getJob", "\"args\": [\"" + id + "\"]");
        assertEqual("told to fail", job["failedReason"].GetString());
        CPPUNIT_ASSERT_EQUAL(1u, job["stacktrace"].Size());
    }

    void c110_theNewestTracesAreKept() {
        int attempt = 0;
        behaviours_["mail"] = [&](RunningJob& job) {
            const std::string reason = "failure " + std::to_string(++attempt);
            job.setOutcome({JobOutcome::Kind::Failed, reason, reason, 0});
        };
        startWorker(Side::Ours);
        const std::string two =
            run(Side::Node, "mail", "{}", R"({"attempts":3,"stackTraceLimit":2})");
        const auto job = node("queue.getJob", "\"args\": [\"" + two + "\"]");
        CPPUNIT_ASSERT_EQUAL(2u, job["stacktrace"].Size());
        for (rapidjson::SizeType i = 0; i < 2; ++i) {
            assertStartsWith(std::string(job["stacktrace"][i].GetString()),
                             "failure " + std::to_string(i + 2));
        }
        const std::string none =
            run(Side::Node, "mail", "{}", R"({"attempts":3,"stackTraceLimit":0})");
        assertEqual("[]", field(none, "stacktrace"));
    }

    void c111_pendingChildrenRefuseACompletion() {
        const std::string child = add(Side::Node, "mail", "{}", R"({"delay":60000})");
        const std::string id = add(Side::Node, "mail");
        CPPUNIT_ASSERT_EQUAL(id, claim(1).at(0).id);
        redis({"SADD", key(id + ":dependencies"), key(child)});
        CPPUNIT_ASSERT_EQUAL(-4, finish(id, "token"));
        assertEqual("active", nodeState(id));
        assertEqual("token", text({"GET", key(id + ":lock")}));
    }

    void c112_failedChildrenFailTheJob() {
        const std::string child = add(Side::Node, "mail", "{}", R"({"delay":60000})");
        const std::string id = add(Side::Node, "mail", "{}", R"({"attempts":5})");
        redis({"ZADD", key(id + ":unsuccessful"), "1", key(child)});
        CPPUNIT_ASSERT_EQUAL(id, claim(1).at(0).id);
        CPPUNIT_ASSERT_EQUAL(-9, finish(id, "token"));
        redis({"DEL", key(id + ":lock"), key("active")});
        redis({"RPUSH", key("wait"), id});
        startWorker(Side::Ours);
        untilState(id, "failed");
        assertContains(field(id, "failedReason"), "failed child");
        assertEqual("1", field(id, "atm"));
    }

    void c113_theFirstFinishMakesNoPoint() {
        settings_.metricsPoints = 10;
        startWorker(Side::Ours);
        for (const char* set : {"completed", "failed"}) {
            const std::string id = run(Side::Node, set == std::string("failed") ? "fail" : "mail");
            const std::string metrics = std::string("metrics:") + set;
            assertEqual("1", field(metrics, "count"));
            assertEqual("0", field(metrics, "prevCount"));
            CPPUNIT_ASSERT_EQUAL(field(id, "finishedOn"), field(metrics, "prevTS"));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({metrics + ":data"}));
        }
        run(Side::Node, "mail");
        assertEqual("2", field("metrics:completed", "count"));
    }

    void c114_aPointPerMinute() {
        settings_.metricsPoints = 3;
        startWorker(Side::Ours);
        measured(0);
        measured(1);
        assertEqual("1", joined(list(key("metrics:completed:data"))));
        // Two more in this minute, and nothing for three.
        run(Side::Node, "mail");
        assertEqual("1", joined(list(key("metrics:completed:data"))));
        measured(3);
        assertEqual("0\n0\n2", joined(list(key("metrics:completed:data"))));
        assertEqual("4", field("metrics:completed", "count"));
        assertEqual("3", field("metrics:completed", "prevCount"));
        measured(1);
        assertEqual("1\n0\n0", joined(list(key("metrics:completed:data"))));
        // After a long silence there are only zeros.
        measured(1000);
        assertEqual("0\n0\n1", joined(list(key("metrics:completed:data"))));
    }

    void c115_nodeReadsOurMetricsAndGoesOnWithThem() {
        settings_.metricsPoints = 10;
        startWorker(Side::Ours);
        measured(0);
        measured(1);
        measured(2);
        const auto metrics = node("queue.getMetrics", R"("args": ["completed"])");
        CPPUNIT_ASSERT_EQUAL(3, metrics["meta"]["count"].GetInt());
        CPPUNIT_ASSERT_EQUAL(2, metrics["meta"]["prevCount"].GetInt());
        CPPUNIT_ASSERT_EQUAL(std::stoll(field("metrics:completed", "prevTS")),
                             static_cast<long long>(metrics["meta"]["prevTS"].GetInt64()));
        CPPUNIT_ASSERT_EQUAL(3, metrics["count"].GetInt());
        std::vector<std::string> points;
        for (const auto& point : metrics["data"].GetArray()) {
            points.push_back(point.IsString() ? point.GetString() : std::to_string(point.GetInt()));
        }
        assertEqual("0\n1\n1", joined(points));
        stopWorker(Side::Ours);
        startWorker(Side::Node, R"({"metrics": {"maxDataPoints": 10}})");
        measured(1);
        assertEqual("1\n0\n1\n1", joined(list(key("metrics:completed:data"))));
    }

    void c116_aFinishTrimsTheStream() {
        add(Side::Node, "mail");
        claim(1);
        for (int i = 0; i < 1000; ++i) {
            redis({"XADD", key("events"), "*", "event", "custom"});
        }
        redis({"HSET", key("meta"), "opts.maxLenEvents", "100"});
        CPPUNIT_ASSERT_EQUAL(0, finish("1", "token"));
        // Whole nodes of the stream are dropped: up to 100 entries more stay, and what the finish itself appended.
        const std::int64_t length = number({"XLEN", key("events")});
        CPPUNIT_ASSERT_MESSAGE(std::to_string(length), length >= 100 && length < 210);
    }

private:
    /// A job that completes so many minutes after the last one that was measured.
    void measured(int minutes) {
        if (minutes > 0) {
            const std::int64_t last = std::stoll(field("metrics:completed", "prevTS"));
            redis({"HSET",
                   key("metrics:completed"),
                   "prevTS",
                   std::to_string(last - 60000LL * minutes)});
        }
        run(Side::Node, "mail");
    }

    /// Makes a finished job an hour old.
    void age(const std::string& set, const std::string& id) {
        redis({"ZINCRBY", key(set), "-3600000", id});
    }
};

namespace {

const Statements<FinishSection> kRegistered(
    {STATEMENT(FinishSection, c094_whatOurCompletionLeaves),
     STATEMENT(FinishSection, c095_aHandlerWithoutResultLeavesNull),
     STATEMENT(FinishSection, c096_theCompletedEventCarriesTheResult),
     STATEMENT(FinishSection, c097_waitUntilFinishedGivesOurResultAndOurReason),
     STATEMENT(FinishSection, c098_drainedIsEmittedWhenNothingIsLeft),
     STATEMENT(FinishSection, c099_jobsThatAreNotKeptLeaveNothing),
     STATEMENT(FinishSection, c100_aCountKeepsTheNewest),
     STATEMENT(FinishSection, c101_anAgeRemovesWhatIsOlder),
     STATEMENT(FinishSection, c102_aLimitBoundsWhatAgeRemoves),
     STATEMENT(FinishSection, c103_ageAndCountHoldTogether),
     STATEMENT(FinishSection, c104_aWorkersRuleCountsForJobsWithoutOne),
     STATEMENT(FinishSection, c105_failedJobsAreKeptByTheSameRules),
     STATEMENT(FinishSection, c106_whatOurFinalFailureLeaves),
     STATEMENT(FinishSection, c107_anUnrecoverableFailureExhaustsNothing),
     STATEMENT(FinishSection, c108_theOnlyAttemptFailingExhaustsThem),
     STATEMENT(FinishSection, c109_aCompletedJobKeepsItsEarlierFailure),
     STATEMENT(FinishSection, c110_theNewestTracesAreKept),
     STATEMENT(FinishSection, c111_pendingChildrenRefuseACompletion),
     STATEMENT(FinishSection, c112_failedChildrenFailTheJob),
     STATEMENT(FinishSection, c113_theFirstFinishMakesNoPoint),
     STATEMENT(FinishSection, c114_aPointPerMinute),
     STATEMENT(FinishSection, c115_nodeReadsOurMetricsAndGoesOnWithThem),
     STATEMENT(FinishSection, c116_aFinishTrimsTheStream)});

}  // namespace
