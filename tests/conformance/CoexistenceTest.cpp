#include <cstdlib>
#include <random>

#include <cppunit/TestAssert.h>

#include "conformance/SharedQueueSection.h"
#include "drover/JobControl.h"
#include "drover/QueueMaintenance.h"
#include "queue/ops/Settle.h"
#include "queue/ops/Stalled.h"
#include "support/Assert.h"
#include "support/WholeQueue.h"
#include "worker/SchedulerIterator.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;

constexpr std::int64_t kHour = 3600000;
/// 5.48.1 counts a delay from a moment before the one that it stores: by how much depends on how busy the machine is.
constexpr std::int64_t kLate = 5000;

}  // namespace

/// Section Q: adds, pauses and resumes of a queue that clients of BullMQ 5.x share.
class CoexistenceSection : public SharedQueueSection {
public:
    using SharedQueueSection::SharedQueueSection;

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
            (void)this->six();  // A Node process needs its time to start, which is not measured.
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
        const std::string failed = begin("failed");
        const std::string failedLater = begin("failedLater");
        CPPUNIT_ASSERT_EQUAL(0, finish(failed, "failed", false));
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
        const std::string due =
            add(Side::Node, "mail", "{}", "{\"delay\": " + std::to_string(kHour) + "}");
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
        const std::string promoted =
            add(Side::Node, "mail", "{}", "{\"delay\": " + std::to_string(kHour) + "}");
        const std::string ranked = add(Side::Node, "mail", "{}", R"({"priority":3})");
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

        redis({"ZADD", key("delayed"), std::to_string(clock_.wallMs() * 4096), due});
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

        JobControl jobs(handleOf(options()), {"bull", queueName(), bullmq5_});
        QueueMaintenance work(handleOf(options()), {"bull", queueName(), bullmq5_});
        jobs.promote(promoted);
        expectPaused(promoted, false);
        jobs.changePriority(ranked, 0);
        expectPaused(ranked, false);
        jobs.retry(failed);
        expectPaused(failed, false);
        CPPUNIT_ASSERT_EQUAL(0, finish(failedLater, "failedLater", false));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, work.retryJobs());
        expectPaused(failedLater, false);
        const std::string delayed =
            add(Side::Node, "mail", "{}", "{\"delay\": " + std::to_string(kHour) + "}");
        redis({"DEL", key("marker")});  // The add has marked when the job is due.
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, work.promoteJobs());
        expectPaused(delayed, false);

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
        NodePeer five(is670() ? "5.81.5" : peer().version(), *server_);
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
        NodePeer other(peer().version(), *server_);
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
        WholeQueue second(options(), ownSettings(mode));
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
                WholeQueue& mine = random() % 2 == 0 ? queue() : second;
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
};

namespace {

const Statements<CoexistenceSection> kRegistered(
    {STATEMENT(CoexistenceSection, c267_ourResumeDrainsALegacyPausedList),
     STATEMENT(CoexistenceSection, c270_ourAddsGoWhereTheResumeFindsThem),
     STATEMENT(CoexistenceSection, c271_theSameForAQueueThatWasEmpty),
     STATEMENT(CoexistenceSection, c273_whilePausedNoWayOfOursLeadsToWait),
     STATEMENT(CoexistenceSection, c275_ourNextStepHealsTwoFilledLists),
     STATEMENT(CoexistenceSection, c276_aRaceOfAllKindsOfClientsLosesNothing),
     STATEMENT(CoexistenceSection, c277_theSweepFindsJobsThatOtherClientsLost),
     STATEMENT(CoexistenceSection, c288_aGlobalLimitBindsUs),
     STATEMENT(CoexistenceSection, c289_evidenceIsReadWithTheWrite),
     STATEMENT(CoexistenceSection, c290_autoCanLoseWhereOnDoesNot)});

}  // namespace
