#include <algorithm>

#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "queue/ops/Stalled.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;

constexpr const char* kTooOften = "job stalled more than allowable limit";

}  // namespace

/// Section I: jobs whose worker is gone.
class StalledSection : public Conformance {
public:
    using Conformance::Conformance;

    void c144_nodeRecoversAJobOfOursThatIsNotRenewed() {
        const std::string id = abandonedByOurs("{}");
        const std::string waiting = add(Side::Node, "mail");
        nodeChecks(200);
        untilState(id, "waiting");
        CPPUNIT_ASSERT_EQUAL(joined({waiting, id}), joined(list(key("wait"))));
        assertEqual("1", field(id, "stc"));
        assertEqual(
            "added name=hold | waiting | active prev=waiting | "
            "waiting prev=active | stalled",
            eventsOf(id));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"active", id + ":lock"}));
    }

    void c145_weRecoverAJobOfNodesThatIsNotRenewed() {
        const std::string id = abandonedByNode("{}");
        const std::string waiting = add(Side::Ours, "mail");
        weCheck(200, 1);
        eventually("it waits", [&] { return number({"LLEN", key("wait")}) == 2; });
        CPPUNIT_ASSERT_EQUAL(joined({waiting, id}), joined(list(key("wait"))));
        assertEqual("1", field(id, "stc"));
        assertEqual(
            "added name=hold | waiting | active prev=waiting | "
            "waiting prev=active | stalled",
            eventsOf(id));
        CPPUNIT_ASSERT_EQUAL(0.0, scoreOf("marker", "0"));
    }

    void c146_oneCheckPreventsFurtherChecks() {
        // A check in force, and a job that it would recover.
        const std::string id = abandonedByOurs("{}");
        eventually("the lock expired", [&] { return existing({id + ":lock"}) == 0; });
        redis({"SADD", key("stalled"), id});
        redis({"SET", key("stalled-check"), "1", "PX", "1500"});
        CPPUNIT_ASSERT(
            ops::checkStalled(ours(), client(), clock_.wallMs(), milliseconds(100), 1, 100, false)
                .state == StalledResult::State::NotDue);
        node("monitor.start");
        nodeChecks(100);
        eventually("Node's has tried", [&] {
            return peer().call("monitor.seen", "\"command\": \"EVALSHA\"").Size() +
                       peer().call("monitor.seen", "\"command\": \"EVAL\"").Size() >=
                   2;
        });
        if (existing({"stalled-check"}) == 1) {
            CPPUNIT_ASSERT_EQUAL(id, joined(list(key("active"))));
        }
        untilState(id, "waiting");
    }

    void c147_theChecksKeyLivesForTheInterval() {
        weCheck(40000, 1);
        eventually("a check", [&] { return existing({"stalled-check"}) == 1; });
        const std::int64_t ours = number({"PTTL", key("stalled-check")});
        CPPUNIT_ASSERT_MESSAGE(std::to_string(ours), ours > 30000 && ours <= 40000);
        sweeper_.reset();
        redis({"DEL", key("stalled-check")});
        nodeChecks(40000);
        eventually("a check", [&] { return existing({"stalled-check"}) == 1; });
        const std::int64_t nodes = number({"PTTL", key("stalled-check")});
        CPPUNIT_ASSERT_MESSAGE(std::to_string(nodes), nodes > 30000 && nodes <= 40000);
    }

    void c148_overTheLimitTheJobFailsUnrunOnEitherSide() {
        // Node's check, our worker.
        const std::string first = abandonedByOurs(R"({"attempts":3})");
        nodeChecks(200, 0);
        untilState(first, "waiting");
        assertEqual(kTooOften, field(first, "defa"));
        node("worker.close", R"("worker": "checker")");
        startWorker(Side::Ours);
        expectStalledForGood(first);
        stopWorker(Side::Ours);

        // Our check, Node's worker.
        const std::string second = abandonedByOurs(R"({"attempts":3})");
        weCheck(200, 0);
        untilState(second, "waiting");
        sweeper_.reset();
        assertEqual(kTooOften, field(second, "defa"));
        startWorker(Side::Node);
        expectStalledForGood(second);
    }

    void c149_aSchedulersJobIsNeverFailedForStalling() {
        node("queue.upsertJobScheduler",
             R"("args": ["tick", {"every": 3600000}, {"name": "hold"}])");
        const std::string id = claim(1).at(0).id;
        assertEqual("tick", field(id, "rjk"));
        for (int stalls = 1; stalls <= 3; ++stalls) {
            redis({"DEL", key(id + ":lock"), key("stalled-check")});
            redis({"SADD", key("stalled"), id});
            const StalledResult result = ops::checkStalled(
                ours(), client(), clock_.wallMs(), milliseconds(100), 0, 100, false);
            CPPUNIT_ASSERT_EQUAL(id, joined(result.recovered));
            CPPUNIT_ASSERT_EQUAL(std::to_string(stalls), field(id, "stc"));
            assertEqual("(none)", fieldOrNone(id, "defa"));
            assertEqual("waiting", nodeState(id));
            CPPUNIT_ASSERT_EQUAL(id, claim(1).at(0).id);
        }
    }

    void c150_aStalledPrioritizedJobGoesToWait() {
        const std::string first = abandonedByOurs(R"({"priority":4})");
        nodeChecks(200);
        untilState(first, "waiting");
        CPPUNIT_ASSERT_EQUAL(first, joined(list(key("wait"))));
        node("worker.close", R"("worker": "checker")");
        startWorker(Side::Ours);
        untilState(first, "active");
        release(Side::Ours);
        untilState(first, "completed");
        stopWorker(Side::Ours);
        const std::string second = abandonedByOurs(R"({"priority":4})");
        weCheck(200, 1);
        untilState(second, "waiting");
        CPPUNIT_ASSERT_EQUAL(second, joined(list(key("wait"))));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"prioritized"}));
    }

    void c151_aLiveLockProtectsTheJob() {
        const std::string id = add(Side::Node, "mail");
        claim(1, "token", std::chrono::seconds(60));
        redis({"SADD", key("stalled"), id});
        CPPUNIT_ASSERT(
            ops::checkStalled(ours(), client(), clock_.wallMs(), milliseconds(1), 0, 100, false)
                .recovered.empty());
        assertEqual("active", nodeState(id));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"SISMEMBER", key("stalled"), id}));
        assertEqual("(none)", fieldOrNone(id, "stc"));
    }

    void c152_nodesWorkerEmitsStalledForOurJob() {
        const std::string id = abandonedByOurs("{}");
        startWorker(Side::Node, R"({"stalledInterval": 200})");
        node("worker.wait", R"("worker": "w", "event": "stalled", "job": )" + id);
        untilState(id, "active");
        release(Side::Node);
        untilState(id, "completed");
    }

private:
    /// A job that our worker began and never ended.
    std::string abandonedByOurs(const std::string& opts) {
        settings_.lockDuration = milliseconds(300);
        startWorker(Side::Ours);
        const std::string id = add(Side::Node, "hold", "{}", opts);
        eventually("it began",
                   [&] { return !seenByOurs().empty() && seenByOurs().back().id == id; });
        worker_.reset();
        settings_.lockDuration = std::chrono::seconds(10);
        return id;
    }

    std::string abandonedByNode(const std::string& opts) {
        NodePeer victim(peer().version(), *server_);
        victim.call("worker.start",
                    "\"queue\": \"" + queueName() +
                        R"(", "worker": "w", "behaviours": {"*": {"do": "hold"}}, )"
                        R"("opts": {"lockDuration": 300, "skipStalledCheck": true})");
        const std::string id = add(Side::Ours, "hold", "{}", opts);
        untilState(id, "active");
        victim.kill();
        return id;
    }

    void expectStalledForGood(const std::string& id) {
        untilState(id, "failed");
        assertEqual(kTooOften, field(id, "failedReason"));
        assertEqual("(none)", fieldOrNone(id, "defa"));
        // Once, before it stalled.
        const std::vector<SeenJob> seen = seenByOurs();
        CPPUNIT_ASSERT_EQUAL(1L, std::count_if(seen.begin(), seen.end(), [&](const SeenJob& job) {
                                 return job.id == id;
                             }));
    }
};

namespace {

const Statements<StalledSection> kRegistered(
    {STATEMENT(StalledSection, c144_nodeRecoversAJobOfOursThatIsNotRenewed),
     STATEMENT(StalledSection, c145_weRecoverAJobOfNodesThatIsNotRenewed),
     STATEMENT(StalledSection, c146_oneCheckPreventsFurtherChecks),
     STATEMENT(StalledSection, c147_theChecksKeyLivesForTheInterval),
     STATEMENT(StalledSection, c148_overTheLimitTheJobFailsUnrunOnEitherSide),
     STATEMENT(StalledSection, c149_aSchedulersJobIsNeverFailedForStalling),
     STATEMENT(StalledSection, c150_aStalledPrioritizedJobGoesToWait),
     STATEMENT(StalledSection, c151_aLiveLockProtectsTheJob),
     STATEMENT(StalledSection, c152_nodesWorkerEmitsStalledForOurJob)});

}  // namespace
