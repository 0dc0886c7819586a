#include <memory>
#include <random>

#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;

}  // namespace

/// 8.Q: a queue that clients of BullMQ 5.x share.
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
        redis({"HSET", key(owner), "deid", "once"});
        redis({"SET", key("de:once"), owner});
        peer().call(
            "flow.add",
            R"("args": [{"name": "sum", "queueName": ")" + queueName() +
                R"(", "opts": {"jobId": "p"}, "children": [{"name": "mail", "queueName": ")" +
                queueName() + R"(", "opts": {"jobId": "c"}}]}])");
        CPPUNIT_ASSERT_EQUAL(std::string("c"), claimed("child"));
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
        CPPUNIT_ASSERT_EQUAL(0, ours().retryJobs(client(), {retry}, clock_.wallMs()).at(0));
        expectPaused(retried, false);

        HandBackItem back;
        back.id = givenBack;
        back.token = "givenBack";
        CPPUNIT_ASSERT_EQUAL(0, ours().handBackJobs(client(), {back}, clock_.wallMs()).at(0));
        expectPaused(givenBack, true);

        redis({"DEL", key(stalled + ":lock")});
        redis({"SADD", key("stalled"), stalled});
        ours().checkStalled(client(), clock_.wallMs(), milliseconds(1), 5, 100, false);
        expectPaused(stalled, true);

        CPPUNIT_ASSERT_EQUAL(0, finish("c", "child"));
        expectPaused("p", true);

        CPPUNIT_ASSERT_EQUAL(0, finish(owner, "owner"));
        expectPaused("next", false);

        eventually("it is due", [&] { return clock_.wallMs() > dueOf(due); });
        CPPUNIT_ASSERT_EQUAL(std::string(), claimed("none"));
        expectPaused(due, false);

        expectPaused(add(Side::Ours, "mail"), false);
        node("queue.resume");
        startWorker(Side::Ours);
        eventually("all ran", [&] {
            return number({"ZCARD", key("completed")}) ==
                   static_cast<std::int64_t>(expected.size()) + 2;
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
        // Two 5.x clients and two of ours add, pause and resume, one of 6.x only resumes; a worker of each kind.
        for (const Bullmq5 mode : {Bullmq5::On, Bullmq5::Auto}) {
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
            // The 5.x Queue objects are what auto sees; the 6.x one must not write its version.
            other.call("queue.open", target());
            node("queue.open");
            six().call("queue.open", target() + R"(, "opts": {"skipMetasUpdate": true})");
            std::minstd_rand random(7);
            std::int64_t added = 0;
            const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(6);
            Queue second(options(), ownSettings(mode));
            while (std::chrono::steady_clock::now() < end) {
                // Several at once: their order at the server is the race.
                std::vector<std::pair<NodePeer*, int>> pending;
                for (int i = 0; i < 6; ++i) {
                    NodePeer& five = random() % 2 == 0 ? peer() : other;
                    const unsigned what = random() % 10;
                    if (what < 6) {
                        pending.emplace_back(
                            &five,
                            five.begin("queue.add", target() + R"(, "args": ["mail", {}, {}])"));
                        ++added;
                    } else {
                        pending.emplace_back(
                            &five, five.begin(what < 8 ? "queue.pause" : "queue.resume", target()));
                    }
                }
                if (random() % 4 == 0) {
                    pending.emplace_back(&six(), six().begin("queue.resume", target()));
                }
                for (int i = 0; i < 4; ++i) {
                    Queue& mine = random() % 2 == 0 ? queue() : second;
                    const unsigned what = random() % 10;
                    if (what < 6) {
                        CPPUNIT_ASSERT(mine.add({"mail", "{}", {}}).status ==
                                       AddResult::Status::Added);
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
                std::chrono::seconds(30));
            const std::string look =
                "local n = 0 for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do "
                "if redis.call('HGET', ARGV[1] .. id, 'ats') ~= '1' then n = n + 1 end end "
                "return n";
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                                 number({"EVAL", look, "1", key("completed"), key("")}));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                                 existing({"wait", "paused", "active", "delayed", "failed"}));
            CPPUNIT_ASSERT_MESSAGE("ours worked too", seenByOurs().size() > before);
            stopWorker(Side::Ours);
            for (NodePeer* peer : {&other, &six()}) {
                peer->call("worker.close", R"("worker": "w)" + queueName() + "\"");
            }
        }
    }

    void c278_stallsAreCountedTogether() {
        share(Bullmq5::On);
        for (const bool bySix : {false, true}) {
            const std::string id = add(Side::Ours, "mail");
            CPPUNIT_ASSERT_EQUAL(id, claimed("token"));
            CPPUNIT_ASSERT_EQUAL(std::string("(none)"), fieldOrNone(id, "stc"));
            CPPUNIT_ASSERT_EQUAL(std::string("(none)"), fieldOrNone(id, "stalledCounter"));
            redis({"DEL", key(id + ":lock"), key("stalled-check")});
            redis({"SADD", key("stalled"), id});
            NodePeer& checker = bySix ? six() : peer();
            checker.call("worker.start",
                         target() + R"(, "worker": "checker", "opts": {"autorun": false})");
            checker.call("worker.startStalledCheckTimer", R"("worker": "checker")");
            untilState(id, "waiting");
            checker.call("worker.close", R"("worker": "checker")");
            CPPUNIT_ASSERT_EQUAL(std::string("1"), field(id, bySix ? "stc" : "stalledCounter"));
            CPPUNIT_ASSERT_EQUAL(id, claimed("token"));
            stall(id, 1);
            CPPUNIT_ASSERT_EQUAL(std::string("2"), field(id, "stc"));
            CPPUNIT_ASSERT_EQUAL(std::string("2"), field(id, "stalledCounter"));
            CPPUNIT_ASSERT_EQUAL(std::string("failed"), nodeState(id));
        }
    }

    void c279_overTheLimitOurCheckFailsTheJobItself() {
        share(Bullmq5::On);
        const std::string reason = "job stalled more than allowable limit";
        const std::string id = add(Side::Node, "mail", "{}", R"({"deduplication":{"id":"once"}})");
        CPPUNIT_ASSERT_EQUAL(id, claimed("token"));
        stall(id, 0);
        CPPUNIT_ASSERT_EQUAL(std::string("failed"), nodeState(id));
        CPPUNIT_ASSERT_EQUAL(reason, field(id, "failedReason"));
        CPPUNIT_ASSERT_EQUAL(std::stod(field(id, "finishedOn")), scoreOf("failed", id));
        CPPUNIT_ASSERT_EQUAL(std::string("(none)"), fieldOrNone(id, "defa"));
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
        CPPUNIT_ASSERT_EQUAL(std::string("c-p"), claimed("token"));
        stall("c-p", 0);
        CPPUNIT_ASSERT_EQUAL(std::string("failed"), nodeState("p"));

        // The schedule of a live scheduler goes on.
        node("queue.upsertJobScheduler",
             R"("args": ["tick", {"every": 3600000}, {"name": "mail"}])");
        const std::string tick = claimed("token");
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, tick.find("repeat:tick:"));
        stall(tick, 0);
        CPPUNIT_ASSERT_EQUAL(std::string("waiting"), nodeState(tick));
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
        CPPUNIT_ASSERT_EQUAL(std::string("failed"), nodeState("middle"));
        CPPUNIT_ASSERT_EQUAL(std::string("failed"), nodeState("top"));
        const std::string why = "child " + key("middle") + " failed";
        CPPUNIT_ASSERT_EQUAL(why, field("top", "failedReason"));
        CPPUNIT_ASSERT_EQUAL(std::string("(none)"), fieldOrNone("top", "defa"));
        CPPUNIT_ASSERT_EQUAL("added name=top | waiting-children | failed failedReason=" + why +
                                 " prev=waiting-children",
                             eventsOf("top"));
        CPPUNIT_ASSERT_EQUAL(
            std::string("failed"),
            std::string(
                six().call("queue.getJobState", target() + R"(, "args": ["top"])").GetString()));

        stopWorker(Side::Ours);

        // A parent that was released earlier, and waits in some other way.
        for (const char* set : {"delayed", "prioritized"}) {
            const std::string id = std::string("p-") + set;
            family(id, R"("failParentOnFailure": true)", "{}");
            CPPUNIT_ASSERT_EQUAL("c-" + id, claimed("token"));
            redis({"ZREM", key("waiting-children"), id});
            redis({"ZADD", key(set), "9999999999999999", id});
            CPPUNIT_ASSERT_EQUAL(0, finish("c-" + id, "token", false));
            CPPUNIT_ASSERT_EQUAL(std::string("failed"), nodeState(id));
            CPPUNIT_ASSERT_EQUAL("added name=mail | waiting-children | failed failedReason=child " +
                                     key("c-" + id) + " failed prev=" + set,
                                 eventsOf(id));
        }
        family("p-wait", R"("failParentOnFailure": true)", "{}");
        CPPUNIT_ASSERT_EQUAL(std::string("c-p-wait"), claimed("token"));
        redis({"ZREM", key("waiting-children"), "p-wait"});
        redis({"LPUSH", key("wait"), "p-wait"});
        CPPUNIT_ASSERT_EQUAL(0, finish("c-p-wait", "token", false));
        CPPUNIT_ASSERT_EQUAL(std::string("waiting"), nodeState("p-wait"));
        CPPUNIT_ASSERT_EQUAL("child " + key("c-p-wait") + " failed", field("p-wait", "defa"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", key("p-wait:unsuccessful")}));
        startWorker(Side::Ours);
        untilState("p-wait", "failed");
        CPPUNIT_ASSERT_EQUAL(std::string("leaf"), joined(begun(Side::Ours)));
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
            CPPUNIT_ASSERT_EQUAL(std::string(set), nodeState(id));
            CPPUNIT_ASSERT_EQUAL(std::string("(none)"), fieldOrNone(id, "stc"));
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
        CPPUNIT_ASSERT_EQUAL(std::string("p"), seenByOurs().back().id);
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
        // What was seen once counts on.
        redis({"DEL", key("paused"), key(waits), key(paused), key(more)});
        const std::string last = add(Side::Ours, "mail");
        CPPUNIT_ASSERT_EQUAL(last, joined(list(key("paused"))));
        // Ours never writes over a 5.x version.
        redis({"HSET", key("meta"), "version", "bullmq:5.81.5"});
        share(Bullmq5::On);
        add(Side::Ours, "mail");
        startWorker(Side::Ours);
        untilAsleep();
        CPPUNIT_ASSERT_EQUAL(std::string("bullmq:5.81.5"), field("meta", "version"));
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

    /// Takes one job with that token; its id, "" if there is none.
    std::string claimed(const std::string& token) {
        AdvanceRequest request;
        request.claim = 1;
        request.token = token;
        request.lockDuration = std::chrono::seconds(10);
        const auto jobs = ours().advance(client(), request, clock_.wallMs()).jobs();
        return jobs.empty() ? "" : jobs[0].id;
    }

    /// One check of ours that finds the job without lock.
    void stall(const std::string& id, int maxStalledCount) {
        redis({"DEL", key(id + ":lock"), key("stalled-check")});
        redis({"SADD", key("stalled"), id});
        ours().checkStalled(
            client(), clock_.wallMs(), milliseconds(1), maxStalledCount, 100, false);
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
     STATEMENT(CoexistenceSection, c278_stallsAreCountedTogether),
     STATEMENT(CoexistenceSection, c279_overTheLimitOurCheckFailsTheJobItself),
     STATEMENT(CoexistenceSection, c280_ourFailedChildFailsItsParentItself),
     STATEMENT(CoexistenceSection, c282_anActiveIdThatHasFinishedIsNotRunAgain),
     STATEMENT(CoexistenceSection, c283_aParentReleasedEarlyCanComplete),
     STATEMENT(CoexistenceSection, c288_aGlobalLimitBindsUs),
     STATEMENT(CoexistenceSection, c289_evidenceIsReadWithTheWrite),
     STATEMENT(CoexistenceSection, c290_autoCanLoseWhereOnDoesNot)});

}  // namespace
