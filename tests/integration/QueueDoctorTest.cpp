#include <algorithm>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "drover/JobSchedulers.h"
#include "drover/operate/OperateJson.h"
#include "drover/operate/QueueDoctor.h"
#include "operate/ServerExamination.h"
#include "queue/ops/Add.h"
#include "queue/ops/Replies.h"
#include "support/ManualClock.h"
#include "support/WorkerFixture.h"

namespace {

using namespace drover;
using namespace drover::test;
using Strings = std::vector<std::string>;
using Findings = std::vector<QueueFinding>;

}  // namespace

/// Each fault is planted, found and repaired, and the queue then equals what it was without the fault.
class QueueDoctorTest : public WorkerFixture {
    CPPUNIT_TEST_SUITE(QueueDoctorTest);
    CPPUNIT_TEST(aSoundQueueHasNoFindings);
    CPPUNIT_TEST(aLostJobThatWaitedWaitsAgain);
    CPPUNIT_TEST(aLostJobWithAPriorityIsBehindIt);
    CPPUNIT_TEST(aLostDelayedJobWaitsForItsTime);
    CPPUNIT_TEST(aLostFinishedJobIsFinished);
    CPPUNIT_TEST(aLostParentWaitsForItsChildren);
    CPPUNIT_TEST(anIdWithoutAHashIsDropped);
    CPPUNIT_TEST(aLegacyMarkerIsDropped);
    CPPUNIT_TEST(anActiveJobWithoutALockGoesAsAStalledOne);
    CPPUNIT_TEST(keysOfAJobThatIsGoneAreRemoved);
    CPPUNIT_TEST(aWatchedJobThatIsNotActiveIsForgotten);
    CPPUNIT_TEST(anIdThatWasSetAsideIsShown);
    CPPUNIT_TEST(aCounterBehindItsJobsIsRaised);
    CPPUNIT_TEST(pausedJobsOfAQueueThatIsNotPausedWait);
    CPPUNIT_TEST(keysOfOldVersionsAreRemoved);
    CPPUNIT_TEST(keysWithoutAnEndAreRemoved);
    CPPUNIT_TEST(markersThatMisleadAreRemoved);
    CPPUNIT_TEST(aJobThatIsKeptBackByNothingIsAdded);
    CPPUNIT_TEST(whatAPersonMustDecideIsNotFixable);
    CPPUNIT_TEST(aRepairChecksAgain);
    CPPUNIT_TEST(jobsThatWorkersMoveAreNotFindings);
    CPPUNIT_TEST(manyFaultsAreFoundPageByPage);
    CPPUNIT_TEST(aCallOfARepairWalksOverSoMuch);
    CPPUNIT_TEST(anExaminationEndsEarly);
    CPPUNIT_TEST(theServerIsExamined);
    CPPUNIT_TEST(aClockThatIsOffIsShown);
    CPPUNIT_TEST_SUITE_END();

public:
    void aSoundQueueHasNoFindings() {
        fillQueue();
        const Strings before = dump();
        expectFindings({});
        CPPUNIT_ASSERT_MESSAGE("an examination writes nothing", before == dump());
    }

    void aLostJobThatWaitedWaitsAgain() {
        fillQueue();
        const std::string oldest = list(keys().wait).back();
        expectRepaired("lost-job", oldest, [&] { redis({"LREM", keys().wait, "0", oldest}); });
    }

    void aLostJobWithAPriorityIsBehindIt() {
        fillQueue();
        const std::string id = addWith(0, 5);
        // Its place among equals depends on the counter of priorities.
        redis({"SET", keys().pc, "1"});
        redis({"ZADD", keys().prioritized, scoreOf(5, 2), id});
        redis({"SET", keys().pc, "2"});
        expectRepaired("lost-job", id, [&] {
            redis({"ZREM", keys().prioritized, id});
            redis({"SET", keys().pc, "1"});
        });
    }

    void aLostDelayedJobWaitsForItsTime() {
        fillQueue();
        const std::string id = addWith(3600000, 0);
        expectRepaired("lost-job", id, [&] {
            redis({"ZREM", keys().delayed, id});
            redis({"DEL", keys().marker});
        });
    }

    void aLostFinishedJobIsFinished() {
        fillQueue();
        const Strings done = ops::textsOf(redis({"ZRANGE", keys().completed, "0", "-1"}));
        expectRepaired("lost-job", done.at(0), [&] {
            redis({"ZREM", keys().completed, done.at(0)});
        });
        const Strings failed = ops::textsOf(redis({"ZRANGE", keys().failed, "0", "-1"}));
        expectRepaired("lost-job", failed.at(0), [&] {
            redis({"ZREM", keys().failed, failed.at(0)});
        });
    }

    void aLostParentWaitsForItsChildren() {
        FlowProducer flows(handleOf(options()), {});
        FlowJob parent;
        parent.queue = name();
        parent.job.name = "parent";
        parent.job.opts.jobId = "parent";
        FlowJob child = parent;
        child.job.opts.jobId = "child";
        parent.children.push_back(child);
        CPPUNIT_ASSERT(flows.add(parent).status == AddResult::Status::Added);
        expectRepaired("lost-job", "parent", [&] {
            redis({"ZREM", keys().waitingChildren, "parent"});
        });
    }

    void anIdWithoutAHashIsDropped() {
        fillQueue();
        for (const std::string& key : {keys().wait, keys().active}) {
            expectRepaired("missing-job", "999", [&] {
                redis({"LPUSH", key, "999"});
                if (key == keys().active) {
                    redis({"SADD", keys().stalled, "999"});
                }
            });
        }
        for (const std::string& key : {keys().prioritized,
                                       keys().delayed,
                                       keys().waitingChildren,
                                       keys().completed,
                                       keys().failed}) {
            expectRepaired("missing-job", "x-y", [&] { redis({"ZADD", key, "9e15", "x-y"}); });
        }
    }

    void aLegacyMarkerIsDropped() {
        fillQueue();
        expectRepaired("legacy-id", "0:1700000000000", [&] {
            redis({"LPUSH", keys().wait, "0:1700000000000"});
        });
    }

    void anActiveJobWithoutALockGoesAsAStalledOne() {
        // One queue has the fault and is repaired, a copy of it is left to the stalled check.
        addJob();
        addJob();
        claim(1);
        redis({"DEL", keys().job("1:lock")});
        const Strings active = list(keys().active);
        Strings repaired;
        {
            const Findings findings = examine();
            expectOne(findings, "unlocked-job", "1");
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, doctor().repair(findings).size());
            repaired = dump();
            assertEqual("stalled 1", events().back());
        }
        redis({"LREM", keys().wait, "0", "1"});
        redis({"LPUSH", keys().active, "1"});
        redis({"HDEL", keys().job("1"), "stc"});
        redis({"SADD", keys().stalled, "1"});
        sweep(std::chrono::milliseconds(50), 9);
        eventually("the stalled check", [&] { return list(keys().active).empty(); });
        sweeper_.reset();
        redis({"DEL", keys().stalledCheck, keys().rescue});
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, active.size());
        expectEqual(dump(), repaired);
        assertEqual("1", hash("1")["stc"]);
    }

    void keysOfAJobThatIsGoneAreRemoved() {
        fillQueue();
        expectRepaired("orphaned-keys", "77", [&] {
            redis({"RPUSH", keys().job("77:logs"), "row"});
            redis({"SADD", keys().job("77:dependencies"), "bull:x:1"});
            redis({"HSET", keys().job("77:processed"), "bull:x:2", "1"});
        });
    }

    void aWatchedJobThatIsNotActiveIsForgotten() {
        fillQueue();
        expectRepaired("stale-stalled", "77", [&] { redis({"SADD", keys().stalled, "77"}); });
    }

    void anIdThatWasSetAsideIsShown() {
        fillQueue();
        const std::string key = keys().job("drover:set-aside");
        expectRepaired("set-aside", "77", [&] { redis({"HSET", key, "77", "WRONGTYPE"}); });
        // Something else is under the job's key still.
        redis({"HSET", key, "78", "it has another type"});
        redis({"SET", keys().job("78"), "text"});
        const Findings findings = examine();
        expectOne(findings, "set-aside", "78");
        CPPUNIT_ASSERT(!findings.at(0).fixable);
        assertEqual("job 78 was set aside: it has another type", findings.at(0).sentence);
        CPPUNIT_ASSERT(doctor().repair(findings).empty());
    }

    void aCounterBehindItsJobsIsRaised() {
        fillQueue();
        // The scheduler has drawn the last id, for a job with another one.
        const std::string last = addJob();
        expectRepaired("counter-behind", last, [&] { redis({"SET", keys().idCounter, "2"}); });
    }

    void pausedJobsOfAQueueThatIsNotPausedWait() {
        addJob();
        addJob();
        // The oldest ones: they are to run first.
        const std::string oldest = list(keys().wait).back();
        expectRepaired("legacy-list", "", [&] {
            redis({"RPOPLPUSH", keys().wait, keys().paused});
        });
        assertEqual(oldest, list(keys().wait).back());
        // In a queue that 5.x clients paused they belong there.
        redis({"RENAME", keys().wait, keys().paused});
        redis({"HSET", keys().meta, "paused", "1"});
        redis({"DEL", keys().marker});
        expectFindings({});
    }

    void keysOfOldVersionsAreRemoved() {
        fillQueue();
        expectRepaired("legacy-key", "", [&] {
            redis({"ZADD", keys().job("priority"), "1", "7"});
        });
        expectRepaired("legacy-key", "", [&] {
            redis({"XADD", keys().job("delay"), "*", "nextTimestamp", "1"});
        });
    }

    void keysWithoutAnEndAreRemoved() {
        fillQueue();
        for (const char* key :
             {"stalled-check", "limiter", "drover:rescue", "drover:rescue-shared"}) {
            expectRepaired("endless-key", "", [&] { redis({"SET", keys().job(key), "1"}); });
            redis({"SET", keys().job(key), "1", "PX", "600000"});
            expectFindings({});
            redis({"DEL", keys().job(key)});
        }
    }

    void markersThatMisleadAreRemoved() {
        fillQueue();
        redis({"DEL", keys().marker});
        expectRepaired("stale-marker", "x", [&] { redis({"ZADD", keys().marker, "0", "x"}); });
        // It lets workers sleep past the next delayed job.
        addWith(3600000, 0);
        expectRepaired("stale-marker", "1", [&] { redis({"ZADD", keys().marker, "9e15", "1"}); });
        redis({"HSET", keys().meta, "paused", "1"});
        redis({"ZREM", keys().marker, "0"});
        expectRepaired("stale-marker", "0", [&] { redis({"ZADD", keys().marker, "0", "0"}); });
    }

    void aJobThatIsKeptBackByNothingIsAdded() {
        redis({"HSET",
               keys().job("dn:once"),
               "name",
               "next",
               "data",
               "{}",
               "opts",
               "{}",
               "jid",
               "5"});
        const Findings findings = examine();
        expectOne(findings, "ownerless-deduplication", "once");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, doctor().repair(findings).size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().job("dn:once")}));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, list(keys().wait).size());
    }

    void whatAPersonMustDecideIsNotFixable() {
        addJob();
        redis({"ZADD", keys().failed, "1", "1"});
        redis({"ZADD", keys().repeat, "1", "gone", "2", "old"});
        redis({"HSET", keys().job("repeat:old"), "name", "x", "pattern", "* * * * *"});
        const Findings findings = examine();
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, findings.size());
        assertEqual("two-states", findings.at(0).kind);
        assertEqual("scheduler-without-record", findings.at(1).kind);
        assertEqual("legacy-scheduler", findings.at(2).kind);
        const Strings before = dump();
        CPPUNIT_ASSERT(doctor().repair(findings).empty());
        CPPUNIT_ASSERT(before == dump());
    }

    void aRepairChecksAgain() {
        fillQueue();
        const std::string oldest = list(keys().wait).back();
        redis({"LREM", keys().wait, "0", oldest});
        const Findings findings = examine();
        expectOne(findings, "lost-job", oldest);
        redis({"RPUSH", keys().wait, oldest});
        const Strings before = dump();
        CPPUNIT_ASSERT(doctor().repair(findings).empty());
        CPPUNIT_ASSERT(before == dump());
        // Nor does it touch another queue.
        redis({"LREM", keys().wait, "0", oldest});
        QueueDoctor other(handleOf(options()), {"bull", name() + "-other", Bullmq5::Auto});
        CPPUNIT_ASSERT(other.repair(findings).empty());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, doctor().repair(findings).size());
    }

    void jobsThatWorkersMoveAreNotFindings() {
        settings_.concurrency = 8;
        run(std::make_shared<FakeHandler>(completeAll));
        keepLocks(options());
        const auto queue = makeQueue(options());
        std::vector<NewJob> jobs(200);
        for (NewJob& job : jobs) {
            job.name = "test";
        }
        // Pages as small as they may be, so that jobs move between them.
        QueueDoctor::Calls calls;
        calls.keys = 10;
        for (int round = 0; round < 10; ++round) {
            queue->addBulk(jobs, std::chrono::steady_clock::now() + std::chrono::seconds(20));
            const auto report = doctor().examine(calls);
            CPPUNIT_ASSERT_MESSAGE(report.findings.empty() ? "" : report.findings[0].sentence,
                                   report.findings.empty());
        }
    }

    void manyFaultsAreFoundPageByPage() {
        for (int i = 0; i < 350; ++i) {
            addJob();
        }
        redis({"DEL", keys().wait});
        for (int i = 0; i < 50; ++i) {
            redis({"ZADD", keys().delayed, std::to_string(i), "gone" + std::to_string(i)});
        }
        std::size_t pages = 0;
        QueueDoctor::Calls calls;
        calls.keys = 100;
        calls.onProgress = [&](const QueueDoctor::Progress&) { return ++pages > 0; };
        const auto report = doctor().examine(calls);
        CPPUNIT_ASSERT_EQUAL(std::size_t{400}, report.findings.size());
        CPPUNIT_ASSERT(report.complete && pages > 4);
        CPPUNIT_ASSERT(report.looked.keys >= 350);
        CPPUNIT_ASSERT_EQUAL(std::size_t{50}, report.looked.members);
        CPPUNIT_ASSERT_EQUAL(std::size_t{400}, doctor().repair(report.findings).size());
        expectFindings({});
        CPPUNIT_ASSERT_EQUAL(std::size_t{350}, list(keys().wait).size());
    }

    void aCallOfARepairWalksOverSoMuch() {
        useOwnServer();
        for (int i = 0; i < 40; ++i) {
            addJob();
        }
        redis({"DEL", keys().wait});
        const Findings findings = examine();
        CPPUNIT_ASSERT_EQUAL(std::size_t{40}, findings.size());
        // A script looks for each id in the whole list, and Redis serves no other client meanwhile.
        Strings many{"RPUSH", keys().wait};
        for (int i = 0; i < 100000; ++i) {
            many.push_back("id" + std::to_string(i));
        }
        redis(many);
        redis({"CONFIG", "RESETSTAT"});
        CPPUNIT_ASSERT_EQUAL(std::size_t{40}, doctor().repair(findings).size());
        const std::string stats = text({"INFO", "commandstats"});
        assertContains(stats, "cmdstat_evalsha:calls=10,");
    }

    void anExaminationEndsEarly() {
        for (int i = 0; i < 30; ++i) {
            redis({"LPUSH", keys().wait, "gone" + std::to_string(i)});
        }
        QueueDoctor::Calls calls;
        calls.mostFindings = 5;
        const auto some = doctor().examine(calls);
        CPPUNIT_ASSERT(some.findings.size() == 5 && !some.complete);
        calls = QueueDoctor::Calls();
        calls.keys = 10;
        calls.onProgress = [](const QueueDoctor::Progress& progress) {
            return progress.members < 20;
        };
        const auto page = doctor().examine(calls);
        CPPUNIT_ASSERT(page.findings.size() == 20 && !page.complete);
        calls.keys = 1;
        CPPUNIT_ASSERT_THROW(doctor().examine(calls), Poco::InvalidArgumentException);
    }

    void theServerIsExamined() {
        useOwnServer();
        redis({"CONFIG", "SET", "appendonly", "yes"});
        CPPUNIT_ASSERT(QueueDoctor::examineServer(handleOf(options())).empty());
        redis({"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
        redis({"CONFIG", "SET", "appendonly", "no"});
        redis({"CONFIG", "SET", "save", ""});
        const Findings findings = QueueDoctor::examineServer(handleOf(options()));
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, findings.size());
        assertEqual("eviction", findings.at(0).kind);
        assertContains(findings.at(0).sentence, "allkeys-lru");
        assertEqual("no-persistence", findings.at(1).kind);
        CPPUNIT_ASSERT(!findings.at(0).fixable && !findings.at(1).fixable);
        JsonWriter json;
        operate::write(json, findings.at(0));
        assertContains(json.str(), R"({"kind":"eviction","key":"maxmemory-policy","sentence":)");
    }

    void aClockThatIsOffIsShown() {
        useOwnServer();
        redis({"CONFIG", "SET", "appendonly", "yes"});
        // An hour is off by far, however long the test waits for its turn.
        const std::int64_t hourMs = 3600000;
        const std::int64_t nowMs = SystemClock().wallMs();
        for (const auto& [offMs, direction] :
             {std::pair(-hourMs, " ms ahead of "), std::pair(hourMs, " ms behind ")}) {
            const Findings findings = drover::examineServer(client(), ManualClock(nowMs + offMs));
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, findings.size());
            assertEqual("clock", findings.at(0).kind);
            assertEqual("TIME", findings.at(0).key);
            assertContains(findings.at(0).sentence, direction);
            CPPUNIT_ASSERT(!findings.at(0).fixable);
        }
        CPPUNIT_ASSERT(drover::examineServer(client(), SystemClock()).empty());
    }

private:
    [[nodiscard]] std::string name() const { return keys().qualifiedName().substr(5); }
    [[nodiscard]] QueueDoctor& doctor() {
        doctor_ = std::make_unique<QueueDoctor>(
            handleOf(options()), QueueDoctor::Settings{"bull", name(), Bullmq5::Auto});
        return *doctor_;
    }
    Findings examine() { return doctor().examine().findings; }

    /// Jobs of most states, without the keys that expire or that wake.
    void fillQueue() {
        for (int i = 0; i < 6; ++i) {
            addJob();
        }
        run(std::make_shared<FakeHandler>([](std::span<RunningJob* const> jobs) {
            for (RunningJob* job : jobs) {
                const bool right = job->job().id != "2";
                job->setOutcome({right ? JobOutcome::Kind::Completed : JobOutcome::Kind::Failed,
                                 right ? "1" : "",
                                 right ? "" : "wrong",
                                 0});
            }
        }));
        eventually("done", [&] {
            return number({"ZCARD", keys().completed}) == 5 &&
                   number({"ZCARD", keys().failed}) == 1;
        });
        worker_.reset();
        for (int i = 0; i < 3; ++i) {
            addJob();
        }
        claim(1, "token", std::chrono::hours(1));
        addWith(0, 5);
        addWith(7200000, 0);
        JobSchedulers schedulers(handleOf(options()), {"bull", name(), Bullmq5::Auto});
        RepeatOptions repeat;
        repeat.pattern = "0 0 1 1 *";
        CPPUNIT_ASSERT(schedulers.upsert("yearly", repeat));
        redis({"DEL", keys().stalledCheck, keys().rescue});
    }

    std::string addWith(std::int64_t delayMs, int priority) {
        JobRecord record;
        record.name = "test";
        record.data = "{}";
        record.opts = "{}";
        record.timestampMs = clock_.wallMs();
        record.delayMs = delayMs;
        record.priority = priority;
        return ops::addJobs(context(), client(), {record}, clock_.wallMs()).front().id;
    }
    static std::string scoreOf(std::int64_t priority, std::int64_t count) {
        return std::to_string(priority * (std::int64_t{1} << 32) + count);
    }

    void expectFindings(const Strings& kinds) {
        const Findings findings = examine();
        std::string all;
        for (const QueueFinding& finding : findings) {
            all += finding.kind + ": " + finding.sentence + "\n";
        }
        CPPUNIT_ASSERT_EQUAL_MESSAGE(all, kinds.size(), findings.size());
    }
    static void expectOne(const Findings& findings,
                          const std::string& kind,
                          const std::string& id) {
        std::string all;
        for (const QueueFinding& finding : findings) {
            all += finding.kind + ": " + finding.sentence + "\n";
        }
        CPPUNIT_ASSERT_EQUAL_MESSAGE(all, std::size_t{1}, findings.size());
        assertEqual(kind, findings[0].kind);
        assertEqual(id, findings[0].id);
        CPPUNIT_ASSERT(!findings[0].key.empty() && !findings[0].sentence.empty());
    }

    template <typename Plant>
    void expectRepaired(const std::string& kind, const std::string& id, const Plant& plant) {
        const Strings before = dump();
        plant();
        const Findings findings = examine();
        expectOne(findings, kind, id);
        CPPUNIT_ASSERT(findings[0].fixable);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, doctor().repair(findings).size());
        expectEqual(before, dump());
        expectFindings({});
        CPPUNIT_ASSERT(doctor().repair(findings).empty());
    }

    static void expectEqual(const Strings& expected, const Strings& actual) {
        std::string differences;
        for (const std::string& line : expected) {
            if (std::find(actual.begin(), actual.end(), line) == actual.end()) {
                differences += "\n- " + line;
            }
        }
        for (const std::string& line : actual) {
            if (std::find(expected.begin(), expected.end(), line) == expected.end()) {
                differences += "\n+ " + line;
            }
        }
        CPPUNIT_ASSERT_MESSAGE(differences, differences.empty());
    }

    /// Every key of the queue with its value, but for the events, of which a repair adds some, and the member of the marker
    /// that wakes a worker.
    Strings dump() {
        Strings all;
        for (const std::string& key :
             ops::textsOf(redis({"KEYS", keys().qualifiedName() + ":*"}))) {
            const std::string type = text({"TYPE", key});
            if (key == keys().events) {
                continue;
            }
            Strings values;
            if (type == "string") {
                values = {text({"GET", key})};
            } else if (type == "list") {
                values = ops::textsOf(redis({"LRANGE", key, "0", "-1"}));
            } else if (type == "zset") {
                values = ops::textsOf(redis({"ZRANGE", key, "0", "-1", "WITHSCORES"}));
                if (key == keys().marker && values.size() >= 2 && values[0] == "0") {
                    values.erase(values.begin(), values.begin() + 2);
                }
            } else {
                values = ops::textsOf(redis({type == "hash" ? "HGETALL" : "SMEMBERS", key}));
            }
            std::string line = key + " " + type;
            for (const std::string& value : values) {
                line += " " + value;
            }
            if (!values.empty()) {
                all.push_back(std::move(line));
            }
        }
        std::sort(all.begin(), all.end());
        return all;
    }

    std::unique_ptr<QueueDoctor> doctor_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(QueueDoctorTest);
