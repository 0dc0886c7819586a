#include <cppunit/TestAssert.h>

#include "conformance/SharedQueueSection.h"
#include "drover/JobControl.h"
#include "drover/QueueMaintenance.h"
#include "queue/ops/Stalled.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;

}  // namespace

/// Section Q: stalled jobs and failed children in a queue that clients of BullMQ 5.x share.
class SharedFailuresSection : public SharedQueueSection {
public:
    using SharedQueueSection::SharedQueueSection;

    void c278_stallsAreCountedTogether() {
        share(Bullmq5::On);
        for (const bool bySix : {false, true}) {
            const std::string id = add(Side::Ours, "mail");
            CPPUNIT_ASSERT_EQUAL(id, claimed("token"));
            assertEqual("(none)", fieldOrNone(id, "stc"));
            assertEqual("(none)", fieldOrNone(id, "stalledCounter"));
            redis({"DEL", key(id + ":lock"), key("stalled-check")});
            redis({"SADD", key("stalled"), id});
            NodePeer& checker = bySix ? six() : peer();
            checker.call("worker.start",
                         target() + R"(, "worker": "checker", "opts": {"autorun": false})");
            checker.call("worker.startStalledCheckTimer", R"("worker": "checker")");
            untilState(id, "waiting");
            checker.call("worker.close", R"("worker": "checker")");
            assertEqual("1", field(id, bySix ? "stc" : "stalledCounter"));
            CPPUNIT_ASSERT_EQUAL(id, claimed("token"));
            stall(id, 1);
            assertEqual("2", field(id, "stc"));
            assertEqual("2", field(id, "stalledCounter"));
            assertEqual("failed", nodeState(id));
        }
    }

    void c279_overTheLimitOurCheckFailsTheJobItself() {
        share(Bullmq5::On);
        const std::string reason = "job stalled more than allowable limit";
        const std::string id = add(Side::Node, "mail", "{}", R"({"deduplication":{"id":"once"}})");
        CPPUNIT_ASSERT_EQUAL(id, claimed("token"));
        stall(id, 0);
        assertEqual("failed", nodeState(id));
        CPPUNIT_ASSERT_EQUAL(reason, field(id, "failedReason"));
        CPPUNIT_ASSERT_EQUAL(std::stod(field(id, "finishedOn")), scoreOf("failed", id));
        assertEqual("(none)", fieldOrNone(id, "defa"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"de:once", "active", "wait"}));
        CPPUNIT_ASSERT_EQUAL(
            "added name=mail | waiting | active prev=waiting | failed "
            "failedReason=" +
                reason + " prev=active",
            eventsOf(id));

        const std::string gone = add(Side::Node, "mail", "{}", R"({"removeOnFail":true})");
        CPPUNIT_ASSERT_EQUAL(gone, claimed("token"));
        stall(gone, 0);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({gone}));

        family("p", R"("failParentOnFailure": true)", "{}");
        assertEqual("c-p", claimed("token"));
        stall("c-p", 0);
        assertEqual("failed", nodeState("p"));

        // The schedule of a live scheduler goes on.
        node("queue.upsertJobScheduler",
             R"("args": ["tick", {"every": 3600000}, {"name": "mail"}])");
        const std::string tick = claimed("token");
        assertStartsWith(tick, "repeat:tick:");
        stall(tick, 0);
        assertEqual("waiting", nodeState(tick));
        node("queue.removeJobScheduler", R"("args": ["tick"])");

        startWorker(Side::Node);
        untilState(tick, "completed");
        CPPUNIT_ASSERT_EQUAL(tick, joined(begun(Side::Node)));
    }

    void c280_ourFailedChildFailsItsParentItself() {
        share(Bullmq5::On);
        const std::string q = queueName();
        peer().call(
            "flow.add",
            R"("args": [{"name": "top", "queueName": ")" + q +
                R"(", "opts": {"jobId": "top"}, "children": [{"name": "middle", "queueName": ")" +
                q +
                R"(", "opts": {"jobId": "middle", "failParentOnFailure": true}, "children": [)" +
                R"({"name": "fail", "queueName": ")" + q +
                R"(", "opts": {"jobId": "leaf", "failParentOnFailure": true}}]}]}])");
        startWorker(Side::Ours);
        untilState("leaf", "failed");
        assertEqual("failed", nodeState("middle"));
        assertEqual("failed", nodeState("top"));
        const std::string why = "child " + key("middle") + " failed";
        CPPUNIT_ASSERT_EQUAL(why, field("top", "failedReason"));
        assertEqual("(none)", fieldOrNone("top", "defa"));
        CPPUNIT_ASSERT_EQUAL("added name=top | waiting-children | failed failedReason=" + why +
                                 " prev=waiting-children",
                             eventsOf("top"));
        assertEqual("failed",
                    six().call("queue.getJobState", target() + R"(, "args": ["top"])").GetString());

        stopWorker(Side::Ours);

        // A parent that was released earlier, and waits in some other way.
        for (const char* set : {"delayed", "prioritized"}) {
            const std::string id = std::string("p-") + set;
            family(id, R"("failParentOnFailure": true)", "{}");
            CPPUNIT_ASSERT_EQUAL("c-" + id, claimed("token"));
            redis({"ZREM", key("waiting-children"), id});
            redis({"ZADD", key(set), "9999999999999999", id});
            CPPUNIT_ASSERT_EQUAL(0, finish("c-" + id, "token", false));
            assertEqual("failed", nodeState(id));
            CPPUNIT_ASSERT_EQUAL("added name=mail | waiting-children | failed failedReason=child " +
                                     key("c-" + id) + " failed prev=" + set,
                                 eventsOf(id));
        }
        family("p-wait", R"("failParentOnFailure": true)", "{}");
        assertEqual("c-p-wait", claimed("token"));
        redis({"ZREM", key("waiting-children"), "p-wait"});
        redis({"LPUSH", key("wait"), "p-wait"});
        CPPUNIT_ASSERT_EQUAL(0, finish("c-p-wait", "token", false));
        assertEqual("waiting", nodeState("p-wait"));
        CPPUNIT_ASSERT_EQUAL("child " + key("c-p-wait") + " failed", field("p-wait", "defa"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", key("p-wait:unsuccessful")}));
        startWorker(Side::Ours);
        untilState("p-wait", "failed");
        assertEqual("leaf", joined(begun(Side::Ours)));
    }

    void c281_aDeferredFailureIsHonouredWhoeverWroteIt() {
        share(Bullmq5::On);
        // The stalled check of 6.x writes it.
        const std::string stalled = add(Side::Node, "mail");
        CPPUNIT_ASSERT_EQUAL(stalled, claimed("token"));
        redis({"DEL", key(stalled + ":lock")});
        redis({"SADD", key("stalled"), stalled});
        six().call(
            "worker.start",
            target() +
                R"(, "worker": "checker", "opts": {"autorun": false, "maxStalledCount": 0})");
        six().call("worker.startStalledCheckTimer", R"("worker": "checker")");
        untilState(stalled, "waiting");
        six().call("worker.close", R"("worker": "checker")");
        const std::string tooOften = field(stalled, "defa");
        assertEqual("job stalled more than allowable limit", tooOften);
        startWorker(Side::Ours);
        untilState(stalled, "failed");
        stopWorker(Side::Ours);
        CPPUNIT_ASSERT_EQUAL(tooOften, field(stalled, "failedReason"));
        assertEqual("(none)", fieldOrNone(stalled, "defa"));

        // So does a worker of 6.x whose job's failure fails its parent, in another queue.
        const std::string parents = queueName() + "-parents";
        six().call(
            "flow.add",
            R"("args": [{"name": "mail", "queueName": ")" + parents +
                R"(", "opts": {"jobId": "p"}, "children": [{"name": "fail", "queueName": ")" +
                queueName() + R"(", "opts": {"jobId": "c", "failParentOnFailure": true}}]}])");
        six().call("worker.start",
                   target() + R"(, "worker": "w", "behaviours": {"fail": {"do": "fail"}})");
        untilState("c", "failed");
        six().call("worker.close", R"("worker": "w")");
        const std::string child = key("c");
        useQueue(parents);
        untilState("p", "waiting");
        CPPUNIT_ASSERT_EQUAL("child " + child + " failed", field("p", "defa"));
        startWorker(Side::Ours);
        untilState("p", "failed");
        CPPUNIT_ASSERT_EQUAL("child " + child + " failed", field("p", "failedReason"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, seenByOurs().size());
        stopWorker(Side::Ours);

        // 5.48.1 runs such a job and leaves the field; a retry of ours removes it.
        useQueue(queueName() + "-retries");
        JobControl control(handleOf(options()), {"bull", queueName(), Bullmq5::On});
        QueueMaintenance maintenance(handleOf(options()), {"bull", queueName(), Bullmq5::On});
        for (const bool bulk : {false, true}) {
            const std::string id = add(Side::Node, "fail");
            startWorker(Side::Node);
            untilState(id, "failed");
            stopWorker(Side::Node);
            redis({"HSET", key(id), "defa", "left behind"});
            if (bulk) {
                CPPUNIT_ASSERT_EQUAL(std::size_t{1}, maintenance.retryJobs());
            } else {
                control.retry(id);
            }
            assertEqual("waiting", nodeState(id));
            assertEqual("(none)", fieldOrNone(id, "defa"));
            control.remove(id);
        }
    }

    void c282_anActiveIdThatHasFinishedIsNotRunAgain() {
        share(Bullmq5::On);
        for (const char* set : {"failed", "completed"}) {
            const std::string id = add(Side::Node, "mail");
            CPPUNIT_ASSERT_EQUAL(id, claimed("token"));
            redis({"ZADD", key(set), "1795384166452", id});
            redis({"HSET", key(id), "finishedOn", "1795384166452"});
            stall(id, 5);
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"active", "wait"}));
            assertEqual(set, nodeState(id));
            assertEqual("(none)", fieldOrNone(id, "stc"));
        }
    }

    void c283_aParentReleasedEarlyCanComplete() {
        share(Bullmq5::On);
        const auto released = [&](const std::string& id) {
            peer().call("flow.add",
                        R"("args": [{"name": "mail", "queueName": ")" + queueName() + "-parents" +
                            R"(", "opts": {"jobId": ")" + id + R"("}, "children": [)" +
                            R"({"name": "fail", "queueName": ")" + queueName() +
                            R"(", "opts": {"jobId": "f-)" + id +
                            R"(", "continueParentOnFailure": true}},)" +
                            R"({"name": "mail", "queueName": ")" + queueName() +
                            R"(", "opts": {"jobId": "d-)" + id + R"(", "delay": 60000}}]}])");
            const std::string parent = "bull:" + queueName() + "-parents:" + id;
            eventually("released", [&] { return number({"HEXISTS", parent, "igdp"}) == 1; });
            CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"SCARD", parent + ":dependencies"}));
        };
        startWorker(Side::Ours);
        released("p");
        released("q");
        stopWorker(Side::Ours);
        useQueue(queueName() + "-parents");
        node("worker.start", R"("worker": "w", "opts": {"autorun": true})");
        untilState("p", "completed");
        untilState("q", "completed");
        stopWorker(Side::Node);
        // And ours completes one, too.
        redis({"HSET", key("p"), "igdp", "1"});
        redis({"ZREM", key("completed"), "p"});
        redis({"LPUSH", key("wait"), "p"});
        startWorker(Side::Ours);
        untilState("p", "completed");
        assertEqual("p", seenByOurs().back().id);
    }

private:
    /// One check of ours that finds the job without lock.
    void stall(const std::string& id, int maxStalledCount) {
        redis({"DEL", key(id + ":lock"), key("stalled-check")});
        redis({"SADD", key("stalled"), id});
        ops::checkStalled(
            ours(), client(), clock_.wallMs(), milliseconds(1), maxStalledCount, 100, false);
    }

    /// A parent with that id and one child "c-<id>" that fails, in this queue.
    void family(const std::string& id, const std::string& flag, const std::string& parentOpts) {
        peer().call("flow.add",
                    R"("args": [{"name": "mail", "queueName": ")" + queueName() +
                        R"(", "opts": {"jobId": ")" + id + "\"" +
                        (parentOpts == "{}" ? "}" : ", " + parentOpts.substr(1)) +
                        R"(, "children": [{"name": "fail", "queueName": ")" + queueName() +
                        R"(", "opts": {"jobId": "c-)" + id + "\", " + flag + "}}]}]");
    }
};

namespace {

const Statements<SharedFailuresSection> kRegistered(
    {STATEMENT(SharedFailuresSection, c278_stallsAreCountedTogether),
     STATEMENT(SharedFailuresSection, c279_overTheLimitOurCheckFailsTheJobItself),
     STATEMENT(SharedFailuresSection, c280_ourFailedChildFailsItsParentItself),
     STATEMENT(SharedFailuresSection, c281_aDeferredFailureIsHonouredWhoeverWroteIt),
     STATEMENT(SharedFailuresSection, c282_anActiveIdThatHasFinishedIsNotRunAgain),
     STATEMENT(SharedFailuresSection, c283_aParentReleasedEarlyCanComplete)});

}  // namespace
