#include <cstdlib>
#include <memory>
#include <random>

#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "core/Cron.h"
#include "queue/ops/Advance.h"
#include "queue/ops/Settle.h"
#include "queue/ops/Stalled.h"
#include "support/Assert.h"
#include "worker/SchedulerIterator.h"
#include "worker/upkeep/LostJobs.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;

constexpr std::int64_t kHour = 3600000;
/// 5.48.1 counts a delay from a moment before the one that it stores: by how much depends on how busy the machine is.
constexpr std::int64_t kLate = 5000;

}  // namespace

/// Section Q: a queue that clients of BullMQ 5.x share.
class CoexistenceSection : public Conformance {
public:
    using Conformance::Conformance;

    void c267_ourResumeDrainsALegacyPausedList() {
        std::vector<std::string> ids;
        for (int i = 0; i < 3; ++i) {
            ids.push_back(add(Side::Node, "mail"));
        }
        redis({"RENAME", key("wait"), key("paused")});
        redis({"HSET", key("meta"), "paused", "1"});
        ids.push_back(add(Side::Ours, "mail"));
        queue().resume();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"paused"}));
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, list(key("wait")).size());
        CPPUNIT_ASSERT_EQUAL(0.0, scoreOf("marker", "0"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, countOf("resumed"));
        startWorker(Side::Ours);
        eventually("all ran", [&] { return number({"ZCARD", key("completed")}) == 4; });
    }

    void c269_legacyRepeatableJobsRunAndAreNotRepeatedByUs() {
        // As 5.x leaves them: a record without iteration count, under a hash of its options.
        const std::string id = "c602666ed0e1b2ab3a8f6be9ab60c9e1";
        redis({"HSET", key("repeat:" + id), "name", "mail", "every", "60000"});
        redis({"ZADD", key("repeat"), "1795384200000", id});
        const auto addRun = [&](const std::string& ms) {
            redis({"HSET",
                   key("repeat:" + id + ":" + ms),
                   "name",
                   "mail",
                   "data",
                   "{}",
                   "opts",
                   R"({"repeat":{"every":60000,"count":1},"attempts":0})",
                   "timestamp",
                   "1795384100000",
                   "delay",
                   "0",
                   "priority",
                   "0",
                   "rjk",
                   id});
            redis({"LPUSH", key("wait"), "repeat:" + id + ":" + ms});
        };
        addRun("1795384200000");
        const auto record = fieldsOf("repeat:" + id);
        startWorker(Side::Ours);
        untilState("repeat:" + id + ":1795384200000", "completed");
        addRun("1795384260000");
        redis({"ZADD", key("marker"), "0", "0"});
        untilState("repeat:" + id + ":1795384260000", "completed");
        CPPUNIT_ASSERT(record == fieldsOf("repeat:" + id));
        CPPUNIT_ASSERT_EQUAL(1795384200000.0, scoreOf("repeat", id));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"delayed", "wait"}));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count(id));
        if (is670()) {
            return;
        }

        // Those that a client of the version makes itself.
        stopWorker(Side::Ours);
        useQueue(queueName() + "-real");
        for (const char* opts : {R"({"repeat": {"every": 60000}})",
                                 R"({"repeat": {"pattern": "0 0 1 1 *"}})",
                                 R"({"repeat": {"every": 50000, "key": "own"}})"}) {
            const rapidjson::Document job =
                node("queue.add", R"("args": ["mail", {"n": 1}, )" + std::string(opts) + "]");
            const std::string made = job["id"].GetString();
            if (nodeState(made) == "delayed") {
                node("job.promote", R"("job": ")" + made + "\"");
            }
        }
        const std::vector<std::string> repeated = members("repeat");
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, repeated.size());
        std::vector<std::map<std::string, std::string>> records;
        std::vector<double> scores;
        for (const std::string& one : repeated) {
            records.push_back(fieldsOf("repeat:" + one));
            scores.push_back(scoreOf("repeat", one));
        }
        startWorker(Side::Ours);
        eventually("all ran", [&] { return number({"ZCARD", key("completed")}) == 3; });
        CPPUNIT_ASSERT(repeated == members("repeat"));
        for (std::size_t i = 0; i < repeated.size(); ++i) {
            CPPUNIT_ASSERT(records[i] == fieldsOf("repeat:" + repeated[i]));
            CPPUNIT_ASSERT_EQUAL(scores[i], scoreOf("repeat", repeated[i]));
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count(repeated[i]));
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"delayed", "wait", "active"}));
    }

    void c270_ourAddsGoWhereTheResumeFindsThem() {
        share(Bullmq5::On);
        for (const bool six : {false, true}) {
            const std::string first = add(Side::Node, "mail");
            node("queue.pause");
            const std::string second = add(Side::Ours, "mail");
            const std::string third = add(Side::Node, "mail");
            const std::string fourth = add(Side::Ours, "mail");
            const std::string order = joined({fourth, third, second, first});
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"wait", "marker"}));
            CPPUNIT_ASSERT_EQUAL(order, joined(list(key("paused"))));
            resume(six);
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"paused"}));
            CPPUNIT_ASSERT_EQUAL(order, joined(list(key("wait"))));
            startWorker(Side::Ours);
            untilState(fourth, "completed");
            stopWorker(Side::Ours);
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{8}, seenByOurs().size());
    }

    void c271_theSameForAQueueThatWasEmpty() {
        share(Bullmq5::On);
        for (const bool six : {false, true}) {
            node("queue.pause");
            startWorker(Side::Node);
            untilAsleep();
            const std::string id = add(Side::Ours, "mail");
            CPPUNIT_ASSERT_EQUAL(id, joined(list(key("paused"))));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"wait"}));
            const std::int64_t resumed = clock_.wallMs();
            resume(six);
            untilState(id, "completed");
            CPPUNIT_ASSERT(std::stoll(field(id, "processedOn")) - resumed < 2000);
            stopWorker(Side::Node);
        }
    }

    void c273_whilePausedNoWayOfOursLeadsToWait() {
        share(Bullmq5::On);
        const auto begin = [&](const std::string& name) {
            const std::string id = add(Side::Node, name);
            CPPUNIT_ASSERT_EQUAL(id, claimed(name));
            return id;
        };
        const std::string retried = begin("retried");
        const std::string givenBack = begin("givenBack");
        const std::string stalled = begin("stalled");
        const std::string owner = begin("owner");
        upsert("{\"every\": " + std::to_string(kHour) + "}");
        const ClaimedJob tick = claimOne(clock_.wallMs() + kLate, "tick");
        redis({"HSET", key(owner), "deid", "once"});
        redis({"SET", key("de:once"), owner});
        peer().call(
            "flow.add",
            R"("args": [{"name": "sum", "queueName": ")" + queueName() +
                R"(", "opts": {"jobId": "p"}, "children": [{"name": "mail", "queueName": ")" +
                queueName() + R"(", "opts": {"jobId": "c"}}]}])");
        assertEqual("c", claimed("child"));
        const std::string due = add(Side::Node, "mail", "{}", R"({"delay":100})");
        redis({"HSET",
               key("dn:once"),
               "name",
               "mail",
               "data",
               R"({"n":2})",
               "opts",
               "{}",
               "jid",
               "next"});
        node("queue.pause");

        std::vector<std::string> expected;
        const auto expectPaused = [&](const std::string& id, bool front) {
            expected.insert(front ? expected.end() : expected.begin(), id);
            CPPUNIT_ASSERT_EQUAL(joined(expected), joined(list(key("paused"))));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"wait", "marker"}));
        };
        RetryItem retry;
        retry.id = retried;
        retry.token = "retried";
        retry.stacktrace = "[]";
        CPPUNIT_ASSERT_EQUAL(
            0, ops::retryJobs(ours(), client(), {retry}, clock_.wallMs()).codes.at(0));
        expectPaused(retried, false);

        HandBackItem back;
        back.id = givenBack;
        back.token = "givenBack";
        CPPUNIT_ASSERT_EQUAL(
            0, ops::handBackJobs(ours(), client(), {back}, clock_.wallMs()).codes.at(0));
        expectPaused(givenBack, true);

        redis({"DEL", key(stalled + ":lock")});
        redis({"SADD", key("stalled"), stalled});
        ops::checkStalled(ours(), client(), clock_.wallMs(), milliseconds(1), 5, 100, false);
        expectPaused(stalled, true);

        CPPUNIT_ASSERT_EQUAL(0, finish("c", "child"));
        expectPaused("p", true);

        CPPUNIT_ASSERT_EQUAL(0, finish(owner, "owner"));
        expectPaused("next", false);

        eventually("it is due", [&] { return clock_.wallMs() > dueOf(due); });
        CPPUNIT_ASSERT_EQUAL(std::string(), claimed("none"));
        expectPaused(due, false);

        // A next iteration that is due as it is made.
        const std::int64_t slot =
            nextRun() + (is548() ? optsOf(tick.id)["repeat"]["offset"].GetInt64() : 0);
        const Iteration made = SchedulerIterator(ours()).iterate(client(), tick, slot + kHour);
        CPPUNIT_ASSERT(made.state == Iteration::State::Done);
        expectPaused(made.text, false);
        CPPUNIT_ASSERT_EQUAL(0, finish(tick.id, "tick"));

        expectPaused(add(Side::Ours, "mail"), false);
        node("queue.resume");
        startWorker(Side::Ours);
        eventually("all ran", [&] {
            return number({"ZCARD", key("completed")}) ==
                   static_cast<std::int64_t>(expected.size()) + 3;
        });
    }

    void c275_ourNextStepHealsTwoFilledLists() {
        share(Bullmq5::On);
        const std::string first = add(Side::Node, "mail");
        node("queue.pause");
        const std::string second =
            six().call("queue.add", target() + R"(, "args": ["mail", {}, {}])")["id"].GetString();
        CPPUNIT_ASSERT_EQUAL(second, joined(list(key("wait"))));
        CPPUNIT_ASSERT_EQUAL(first, joined(list(key("paused"))));
        startWorker(Side::Ours);
        eventually("healed", [&] { return existing({"wait"}) == 0; });
        CPPUNIT_ASSERT_EQUAL(joined({second, first}), joined(list(key("paused"))));
        stopWorker(Side::Ours);
        node("queue.resume");
        CPPUNIT_ASSERT_EQUAL(joined({second, first}), joined(list(key("wait"))));
    }

    void c276_aRaceOfAllKindsOfClientsLosesNothing() {
        for (const Bullmq5 mode : {Bullmq5::On, Bullmq5::Auto}) {
            race(mode, false);
        }
    }

    void c277_theSweepFindsJobsThatOtherClientsLost() {
        for (const Bullmq5 mode : {Bullmq5::On, Bullmq5::Auto}) {
            race(mode, true);
        }
    }

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

    void c284_aWorkerOf548GoesOnFromOurs() {
        share(Bullmq5::On);
        upsert("{\"every\": " + std::to_string(kHour) + "}");
        runNodes();
        const std::int64_t made = runOurs(dueAt(nextRun()) + 5);
        const rapidjson::Document opts = optsOf(idAt(made));
        CPPUNIT_ASSERT(opts.HasMember("prevMillis") && opts["repeat"].HasMember("offset"));
        CPPUNIT_ASSERT_EQUAL(made, opts["prevMillis"].GetInt64());
        CPPUNIT_ASSERT_EQUAL(field("repeat:tick", "offset"),
                             std::to_string(opts["repeat"]["offset"].GetInt64()));
        runNodes();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", key("delayed")}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"wait"}));
        const std::int64_t due = dueAt(nextRun());
        CPPUNIT_ASSERT_MESSAGE(std::to_string(due - made),
                               due >= made + kHour && due < made + kHour + kLate);
    }

    void c285_takingTurnsWith548NoneIsCloseOrDoubled() {
        share(Bullmq5::On);
        upsert("{\"every\": " + std::to_string(kHour) + "}");
        std::int64_t due = clock_.wallMs();
        for (int run = 1; run <= 9; ++run) {
            if (run % 3 == 2) {
                const std::int64_t wanted = periodDue(idAt(nextRun())) + kHour;
                CPPUNIT_ASSERT_EQUAL(wanted, runOurs(due + 5));
                CPPUNIT_ASSERT_EQUAL(std::to_string(wanted % kHour),
                                     field("repeat:tick", "offset"));
            } else {
                runNodes();
            }
            const std::int64_t before = due;
            due = dueAt(nextRun());
            CPPUNIT_ASSERT_MESSAGE(
                "run " + std::to_string(run) + ": " + std::to_string(due - before) + " ms later",
                due - before >= kHour - kLate);
            CPPUNIT_ASSERT_EQUAL(std::int64_t{run}, number({"ZCARD", key("completed")}));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", key("delayed")}));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"wait"}));
        }
    }

    void c286_what548LeavesToFollowIsAddedOnce() {
        share(Bullmq5::On);
        const auto addBySix = [&](const std::string& name, const std::string& data) {
            const rapidjson::Document job =
                six().call("queue.add",
                           target() + ", \"args\": [\"" + name + "\", " + data +
                               R"(, {"deduplication": {"id": "once", "keepLastIfActive": true}}])");
            return std::string(job["id"].GetString());
        };
        startWorker(Side::Node);
        const std::string first = addBySix("hold", R"({"n":1})");
        untilState(first, "active");
        addBySix("mail", R"({"n":2})");
        addBySix("mail", R"({"n":3})");
        release(Side::Node);
        untilState(first, "completed");
        stopWorker(Side::Node);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"de:once", "wait"}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, existing({"dn:once"}));

        weCheck(200);
        eventually("it follows", [&] { return number({"LLEN", key("wait")}) == 1; });
        sweeper_.reset();
        const std::string next = list(key("wait"))[0];
        CPPUNIT_ASSERT(next != first);
        assertEqual(R"({"n":3})", field(next, "data"));
        CPPUNIT_ASSERT_EQUAL(next, text({"GET", key("de:once")}));
        assertEqual("added name=mail | waiting", eventsOf(next));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"dn:once"}));
        rescueLost(ours());
        CPPUNIT_ASSERT_EQUAL(next, joined(list(key("wait"))));
        startWorker(Side::Ours);
        untilState(next, "completed");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"de:once", "dn:once", "wait", "active"}));
    }

    void c287_aRecordWithBothKindsGoesByTheJob() {
        share(Bullmq5::On);
        upsert(R"({"every": 60000})");
        upsert(R"({"pattern": "0 0 1 1 *", "tz": "UTC"})");
        assertEqual("60000", field("repeat:tick", "every"));
        const std::int64_t newYear = nextRun();
        const std::int64_t following = runOurs(dueAt(newYear));
        CPPUNIT_ASSERT_EQUAL(Cron("0 0 1 1 *").next(newYear, TimeZone::named("UTC")).value(),
                             following);
        CPPUNIT_ASSERT(optsOf(idAt(following))["repeat"].HasMember("pattern"));

        // The other way round.
        useQueue(queueName() + "-every");
        upsert(R"({"pattern": "0 0 1 1 *", "tz": "UTC"})");
        upsert("{\"every\": " + std::to_string(kHour) + "}");
        assertEqual("0 0 1 1 *", field("repeat:tick", "pattern"));
        const std::int64_t due = periodDue(idAt(nextRun()));
        const std::int64_t next = runOurs(due + kLate);
        CPPUNIT_ASSERT_EQUAL(due + kHour, next);
        CPPUNIT_ASSERT(optsOf(idAt(next))["repeat"].HasMember("every"));
    }

    void c288_aGlobalLimitBindsUs() {
        redis({"HSET", key("meta"), "max", "1", "duration", "60000"});
        startWorker(Side::Ours);
        run(Side::Node, "mail");
        const std::string second = add(Side::Node, "mail");
        const std::string third = add(Side::Node, "mail");
        eventually("ours is stopped", [&] { return number({"LLEN", key("wait")}) == 2; });
        startWorker(Side::Node);
        untilState(second, "completed");
        untilState(third, "completed");
        CPPUNIT_ASSERT_EQUAL(joined({second, third}), joined(begun(Side::Node)));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, begun(Side::Ours).size());
    }

    void c289_evidenceIsReadWithTheWrite() {
        share(Bullmq5::Auto);
        redis({"HSET", key("meta"), "version", "bullmq:6.7.0", "paused", "1"});
        const std::string waits = add(Side::Ours, "mail");
        CPPUNIT_ASSERT_EQUAL(waits, joined(list(key("wait"))));
        // The version appears between two adds of one client.
        redis({"HSET", key("meta"), "version", "bullmq:5.48.1"});
        const std::string paused = add(Side::Ours, "mail");
        CPPUNIT_ASSERT_EQUAL(joined({paused, waits}), joined(list(key("paused"))));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"wait"}));
        // So does the list alone.
        share(Bullmq5::Auto);
        redis({"HSET", key("meta"), "version", "bullmq:6.7.0"});
        const std::string more = add(Side::Ours, "mail");
        CPPUNIT_ASSERT_EQUAL(joined({more, paused, waits}), joined(list(key("paused"))));
        // A client that was seen once counts on.
        redis({"DEL", key("paused"), key(waits), key(paused), key(more)});
        const std::string last = add(Side::Ours, "mail");
        CPPUNIT_ASSERT_EQUAL(last, joined(list(key("paused"))));
        // Ours never writes over a 5.x version.
        redis({"HSET", key("meta"), "version", "bullmq:5.81.5"});
        share(Bullmq5::On);
        add(Side::Ours, "mail");
        startWorker(Side::Ours);
        untilAsleep();
        assertEqual("bullmq:5.81.5", field("meta", "version"));
    }

    void c290_autoCanLoseWhereOnDoesNot() {
        NodePeer five(is670() ? "5.81.5" : peer().version(), server_->port());
        const std::string base = queueName();
        for (const Bullmq5 mode : {Bullmq5::Auto, Bullmq5::On}) {
            bullmq5_ = mode;
            useQueue(base + (mode == Bullmq5::On ? "-on" : "-auto"));
            five.call("queue.pause", target());
            six().call("queue.open", target());
            const std::string ours = add(Side::Ours, "mail");
            five.call("queue.add", target() + R"(, "args": ["mail", {}, {}])");
            five.call("queue.resume", target());
            const bool lost = joined(list(key("wait"))).find(ours) == std::string::npos;
            CPPUNIT_ASSERT_EQUAL(mode == Bullmq5::Auto, lost);
            if (lost) {
                leaves(ours + " is a hash in no set");
            }
        }
    }

private:
    Queue::Settings ownSettings(Bullmq5 mode) {
        Queue::Settings settings;
        settings.name = queueName();
        settings.addTimeout = std::chrono::seconds(10);
        settings.bullmq5 = mode;
        return settings;
    }

    [[nodiscard]] std::string target() const { return "\"queue\": \"" + queueName() + "\""; }

    /// A 6.7.0 beside the version under test.
    NodePeer& six() {
        if (six_ == nullptr) {
            six_ = std::make_unique<NodePeer>("6.7.0", server_->port());
        }
        return *six_;
    }

    void resume(bool bySix) {
        if (bySix) {
            six().call("queue.resume", target());
        } else {
            node("queue.resume");
        }
    }

    /// Two 5.x clients and two of ours add, pause and resume, one of 6.x only resumes, or adds and pauses too; a worker of each
    /// kind. In the end every job has run once.
    void race(Bullmq5 mode, bool sixAdds) {
        useQueue(keys().qualifiedName().substr(5) + (mode == Bullmq5::On ? "-on" : "-auto"));
        share(mode);
        NodePeer other(peer().version(), server_->port());
        settings_.drainDelay = milliseconds(50);
        const std::size_t before = seenByOurs().size();
        startWorker(Side::Ours);
        for (NodePeer* peer : {&other, &six()}) {
            peer->call("worker.start",
                       target() + R"(, "worker": "w)" + queueName() +
                           R"(", "opts": {"drainDelay": 0.05})");
        }
        other.call("queue.open", target());
        node("queue.open");
        // `auto` sees the 5.x Queue objects; a 6.x object that only resumes must not write its version over that of
        // 5.x.
        six().call("queue.open",
                   target() + (sixAdds ? "" : R"(, "opts": {"skipMetasUpdate": true})"));
        if (sixAdds) {
            // As in a process: what the worker has seen of 5.x clients counts for its check. The check alone might never see it.
            weCheck(worker_->queue(), 300);
        }
        std::minstd_rand random(7);
        std::int64_t added = 0;
        const char* const given = std::getenv("DROVER_RACE_SECONDS");
        const auto end = std::chrono::steady_clock::now() +
                         std::chrono::seconds(given == nullptr ? 2 : std::atoi(given));
        Queue second(options(), ownSettings(mode));
        while (std::chrono::steady_clock::now() < end) {
            // Several at once: their order at the server is the race.
            std::vector<std::pair<NodePeer*, int>> pending;
            const auto byNode = [&](NodePeer& one) {
                const unsigned what = random() % 10;
                if (what < 6) {
                    pending.emplace_back(
                        &one, one.begin("queue.add", target() + R"(, "args": ["mail", {}, {}])"));
                    ++added;
                } else {
                    pending.emplace_back(
                        &one, one.begin(what < 8 ? "queue.pause" : "queue.resume", target()));
                }
            };
            for (int i = 0; i < 6; ++i) {
                byNode(random() % 2 == 0 ? peer() : other);
            }
            if (sixAdds) {
                byNode(six());
            } else if (random() % 4 == 0) {
                pending.emplace_back(&six(), six().begin("queue.resume", target()));
            }
            for (int i = 0; i < 4; ++i) {
                Queue& mine = random() % 2 == 0 ? queue() : second;
                const unsigned what = random() % 10;
                if (what < 6) {
                    CPPUNIT_ASSERT(mine.add({"mail", "{}", {}}).status == AddResult::Status::Added);
                    ++added;
                } else if (what < 8) {
                    mine.pause();
                } else {
                    mine.resume();
                }
            }
            for (const auto& [peer, request] : pending) {
                peer->finish(request);
            }
        }
        queue().resume();
        eventually(
            "each has run",
            [&] {
                return number({"ZCARD", key("completed")}) == added;
            },
            std::chrono::seconds(60));
        const std::string look =
            "local n = 0 for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do "
            "if redis.call('HGET', ARGV[1] .. id, 'ats') ~= '1' then n = n + 1 end end "
            "return n";
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number({"EVAL", look, "1", key("completed"), key("")}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             existing({"wait", "paused", "active", "delayed", "failed"}));
        CPPUNIT_ASSERT_MESSAGE("ours worked too", seenByOurs().size() > before);
        if (sixAdds) {
            CPPUNIT_ASSERT_MESSAGE("nothing was lost: the race proves nothing",
                                   log_->count("were in no list") > 0);
        }
        sweeper_.reset();
        stopWorker(Side::Ours);
        for (NodePeer* peer : {&other, &six()}) {
            peer->call("worker.close", R"("worker": "w)" + queueName() + "\"");
        }
    }

    /// Takes the one job that is there at that moment.
    ClaimedJob claimOne(std::int64_t nowMs, const std::string& token = "token") {
        AdvanceRequest request;
        request.claim = 1;
        request.token = token;
        request.lockDuration = std::chrono::seconds(10);
        const auto jobs = ops::advance(ours(), client(), request, nowMs).jobs();
        CPPUNIT_ASSERT_EQUAL_MESSAGE("jobs to take", std::size_t{1}, jobs.size());
        return jobs[0];
    }

    /// Takes one job with that token; its id, "" if there is none.
    std::string claimed(const std::string& token) {
        AdvanceRequest request;
        request.claim = 1;
        request.token = token;
        request.lockDuration = std::chrono::seconds(10);
        const auto jobs = ops::advance(ours(), client(), request, clock_.wallMs()).jobs();
        return jobs.empty() ? "" : jobs[0].id;
    }

    /// The scheduler "tick".
    void upsert(const std::string& repeat) {
        node("queue.upsertJobScheduler",
             R"("args": ["tick", )" + repeat + R"(, {"name": "mail"}])");
    }
    std::int64_t nextRun() { return std::stoll(text({"ZSCORE", key("repeat"), "tick"})); }
    static std::string idAt(std::int64_t slot) { return "repeat:tick:" + std::to_string(slot); }
    /// When the job of a slot runs: 5.48.1 adds an offset to its period.
    std::int64_t dueAt(std::int64_t slot) {
        const bool delayed = !redis({"ZSCORE", key("delayed"), idAt(slot)}).isNil();
        return delayed ? dueOf(idAt(slot)) : slot;
    }
    /// When 5.48.1 means a job of its `every` to run.
    std::int64_t periodDue(const std::string& id) {
        const rapidjson::Document opts = optsOf(id);
        return opts["prevMillis"].GetInt64() + opts["repeat"]["offset"].GetInt64();
    }
    rapidjson::Document optsOf(const std::string& id) {
        rapidjson::Document opts;
        opts.Parse(field(id, "opts").c_str());
        return opts;
    }
    /// Takes the scheduler's job as if that were the time, makes the next one, and completes it. Returns the new slot.
    std::int64_t runOurs(std::int64_t nowMs) {
        const ClaimedJob job = claimOne(nowMs);
        const Iteration made = SchedulerIterator(ours()).iterate(client(), job, nowMs);
        CPPUNIT_ASSERT_MESSAGE(made.text, made.state == Iteration::State::Done);
        CPPUNIT_ASSERT_EQUAL(0, finish(job.id, "token"));
        return nextRun();
    }
    /// Node's worker runs the scheduler's job now, however far away it is.
    void runNodes() {
        const std::string id = idAt(nextRun());
        if (nodeState(id) == "delayed") {
            node("job.promote", R"("job": ")" + id + "\"");
        }
        startWorker(Side::Node);
        untilState(id, "completed");
        stopWorker(Side::Node);
    }

    /// One check of ours that finds the job without lock.
    void stall(const std::string& id, int maxStalledCount) {
        redis({"DEL", key(id + ":lock"), key("stalled-check")});
        redis({"SADD", key("stalled"), id});
        ops::checkStalled(
            ours(), client(), clock_.wallMs(), milliseconds(1), maxStalledCount, 100, false);
    }

    std::int64_t dueOf(const std::string& id) {
        return static_cast<std::int64_t>(scoreOf("delayed", id) / 4096);
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

    std::unique_ptr<NodePeer> six_;
};

namespace {

const Statements<CoexistenceSection> kRegistered(
    {STATEMENT(CoexistenceSection, c267_ourResumeDrainsALegacyPausedList),
     STATEMENT(CoexistenceSection, c269_legacyRepeatableJobsRunAndAreNotRepeatedByUs),
     STATEMENT(CoexistenceSection, c270_ourAddsGoWhereTheResumeFindsThem),
     STATEMENT(CoexistenceSection, c271_theSameForAQueueThatWasEmpty),
     STATEMENT(CoexistenceSection, c273_whilePausedNoWayOfOursLeadsToWait),
     STATEMENT(CoexistenceSection, c275_ourNextStepHealsTwoFilledLists),
     STATEMENT(CoexistenceSection, c276_aRaceOfAllKindsOfClientsLosesNothing),
     STATEMENT(CoexistenceSection, c277_theSweepFindsJobsThatOtherClientsLost),
     STATEMENT(CoexistenceSection, c278_stallsAreCountedTogether),
     STATEMENT(CoexistenceSection, c279_overTheLimitOurCheckFailsTheJobItself),
     STATEMENT(CoexistenceSection, c280_ourFailedChildFailsItsParentItself),
     STATEMENT(CoexistenceSection, c281_aDeferredFailureIsHonouredWhoeverWroteIt),
     STATEMENT(CoexistenceSection, c282_anActiveIdThatHasFinishedIsNotRunAgain),
     STATEMENT(CoexistenceSection, c283_aParentReleasedEarlyCanComplete),
     STATEMENT(CoexistenceSection, c284_aWorkerOf548GoesOnFromOurs),
     STATEMENT(CoexistenceSection, c285_takingTurnsWith548NoneIsCloseOrDoubled),
     STATEMENT(CoexistenceSection, c286_what548LeavesToFollowIsAddedOnce),
     STATEMENT(CoexistenceSection, c287_aRecordWithBothKindsGoesByTheJob),
     STATEMENT(CoexistenceSection, c288_aGlobalLimitBindsUs),
     STATEMENT(CoexistenceSection, c289_evidenceIsReadWithTheWrite),
     STATEMENT(CoexistenceSection, c290_autoCanLoseWhereOnDoesNot)});

}  // namespace
