#include <atomic>
#include <chrono>
#include <stdexcept>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "queue/QueueContext.h"
#include "queue/ops/Add.h"
#include "queue/ops/Advance.h"
#include "queue/ops/Stalled.h"
#include "support/Assert.h"
#include "support/Patience.h"
#include "support/WorkerFixture.h"
#include "worker/upkeep/LostJobs.h"
#include "worker/upkeep/PeriodicThread.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using SteadyClock = std::chrono::steady_clock;
using Strings = std::vector<std::string>;

const std::string kTooOften = "job stalled more than allowable limit";

}  // namespace

/// Jobs whose lock expired return to wait, and only so often: the script, and the thread that calls it.
class StalledSweeperTest : public WorkerFixture {
    CPPUNIT_TEST_SUITE(StalledSweeperTest);
    CPPUNIT_TEST(aJobIsMarkedByOneCheckAndRecoveredByTheNext);
    CPPUNIT_TEST(aCheckThatIsStillValidPreventsAnother);
    CPPUNIT_TEST(aLiveLockIsLeftAlone);
    CPPUNIT_TEST(manyJobsAreRecoveredInChunks);
    CPPUNIT_TEST(aCheckThatBrokeOffIsFinishedByTheNext);
    CPPUNIT_TEST(aPrioritizedJobReturnsToWait);
    CPPUNIT_TEST(aPausedQueueGetsNoMarker);
    CPPUNIT_TEST(aJobOverTheLimitIsMarkedToFail);
    CPPUNIT_TEST(bothCountersCount);
    CPPUNIT_TEST(aSchedulersJobIsNeverMarkedToFail);
    CPPUNIT_TEST(anActiveIdWithoutHashIsDropped);
    CPPUNIT_TEST(jobWithExpiredLockReturnsToWait);
    CPPUNIT_TEST(jobStalledTooOftenFails);
    CPPUNIT_TEST(anEffectThatIsThereIsNotFailed);
    CPPUNIT_TEST(aKilledHoldersJobRunsWithinLockAndInterval);
    CPPUNIT_TEST(jobsThatFiveXLostComeBackOnce);
    CPPUNIT_TEST(theSweeperFindsLostJobsInEveryQueue);
    CPPUNIT_TEST(aQueueThatTurnsOutToBeSharedIsSearchedByItsInterval);
    CPPUNIT_TEST(aResumeThatAWorkerSeesIsFollowedByALook);
    CPPUNIT_TEST(theSweeperSurvivesAnOutage);
    CPPUNIT_TEST(anotherQueueIsSweptAlthoughOneIsBroken);
    CPPUNIT_TEST(aVisitThatThrowsAnythingWaitsForTheNext);
    CPPUNIT_TEST_SUITE_END();

public:
    void aJobIsMarkedByOneCheckAndRecoveredByTheNext() {
        abandon(1);
        CPPUNIT_ASSERT(check().recovered.empty());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"SISMEMBER", keys().stalled, "1"}));
        redis({"DEL", keys().marker});
        addJob();
        const StalledResult second = check();
        CPPUNIT_ASSERT(second.state == StalledResult::State::Done);
        CPPUNIT_ASSERT((Strings{"1"} == second.recovered));
        CPPUNIT_ASSERT((Strings{"2", "1"} == list(keys().wait)));
        assertEqual("1", hash("1")["stc"]);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, hash("1").count("atm"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, hash("1").count("defa"));
        assertEqual("0", text({"ZSCORE", keys().marker, "0"}));
        const Strings seen = events();
        assertEqual("waiting 1 prev=active", seen[seen.size() - 2]);
        assertEqual("stalled 1", seen.back());
    }

    void aCheckThatIsStillValidPreventsAnother() {
        abandon(1);
        check(false);
        const std::int64_t left = number({"PTTL", keys().stalledCheck});
        CPPUNIT_ASSERT(left > 25000 && left <= 30000);
        CPPUNIT_ASSERT(check(false).state == StalledResult::State::NotDue);
        CPPUNIT_ASSERT(stateOf("1") == JobState::Active);
    }

    void aLiveLockIsLeftAlone() {
        addJob();
        claim(1);
        check();
        CPPUNIT_ASSERT(check().recovered.empty());
        CPPUNIT_ASSERT(stateOf("1") == JobState::Active);
    }

    void manyJobsAreRecoveredInChunks() {
        abandon(250);
        check();
        StalledResult result = check();
        CPPUNIT_ASSERT(result.state == StalledResult::State::More);
        CPPUNIT_ASSERT_EQUAL(std::size_t{100}, result.recovered.size());
        result = goOn();
        CPPUNIT_ASSERT(result.state == StalledResult::State::More);
        CPPUNIT_ASSERT_EQUAL(std::size_t{100}, result.recovered.size());
        result = goOn();
        CPPUNIT_ASSERT(result.state == StalledResult::State::Done);
        CPPUNIT_ASSERT_EQUAL(std::size_t{50}, result.recovered.size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{250}, number({"LLEN", keys().wait}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().active, keys().stalled}));
    }

    void aCheckThatBrokeOffIsFinishedByTheNext() {
        abandon(250);
        check();
        CPPUNIT_ASSERT(check().state == StalledResult::State::More);
        // Its caller died here. The next one, an interval later, recovers the rest.
        std::size_t recovered = 100;
        StalledResult result = check();
        recovered += result.recovered.size();
        while (result.state == StalledResult::State::More) {
            result = goOn();
            recovered += result.recovered.size();
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{250}, recovered);
    }

    void aPrioritizedJobReturnsToWait() {
        JobRecord item;
        item.name = "test";
        item.data = "{}";
        item.opts = "{}";
        item.timestampMs = clock_.wallMs();
        item.priority = 4;
        ops::addJobs(context(), client(), {item}, clock_.wallMs());
        claim(1);
        redis({"DEL", keys().job("1") + ":lock"});
        check();
        check();
        CPPUNIT_ASSERT((Strings{"1"} == list(keys().wait)));
    }

    void aPausedQueueGetsNoMarker() {
        abandon(1);
        check();
        redis({"HSET", keys().meta, "paused", "1"});
        redis({"DEL", keys().marker});
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, check().recovered.size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().marker}));
    }

    void aJobOverTheLimitIsMarkedToFail() {
        stallAgain("");
        stallAgain(kTooOften);
        assertEqual("2", hash("1")["stc"]);
        CPPUNIT_ASSERT((Strings{"1"} == list(keys().wait)));
    }

    void bothCountersCount() {
        abandon(1);
        redis({"HSET", keys().job("1"), "stalledCounter", "4"});
        check();
        check();
        assertEqual("5", hash("1")["stc"]);
        CPPUNIT_ASSERT_EQUAL(kTooOften, hash("1")["defa"]);
    }

    void aSchedulersJobIsNeverMarkedToFail() {
        abandon(3);
        for (const char* id : {"1", "2", "3"}) {
            redis({"HSET", keys().job(id), "rjk", std::string("s") + id, "stc", "9"});
        }
        // By its record, by its place in the schedule; the third one's scheduler is gone.
        redis({"HSET", keys().job("repeat:s1"), "name", "nightly"});
        redis({"ZADD", keys().repeat, "1", "s2"});
        check();
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, check().recovered.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, hash("1").count("defa"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, hash("2").count("defa"));
        CPPUNIT_ASSERT_EQUAL(kTooOften, hash("3")["defa"]);
    }

    void anActiveIdWithoutHashIsDropped() {
        abandon(1);
        redis({"DEL", keys().job("1")});
        check();
        CPPUNIT_ASSERT(check().recovered.empty());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number({"EXISTS", keys().job("1"), keys().active, keys().wait}));
    }

    void jobWithExpiredLockReturnsToWait() {
        abandon(1);
        sweep(milliseconds(100), 1);
        eventually("recovered", [&] { return stateOf("1") == JobState::Waiting; });
        assertEqual("1", hash("1")["stc"]);
    }

    void jobStalledTooOftenFails() {
        abandon(1);
        redis({"HSET", keys().job("1"), "stc", "1"});
        std::atomic<int> asked{0};
        auto handler = std::make_shared<FakeHandler>(completeAll);
        handler->outcomeOf = [&asked](RunningJob&) { ++asked; };
        run(handler);
        sweep(milliseconds(100), 1);
        eventually("failed", [&] { return stateOf("1") == JobState::Failed; });
        CPPUNIT_ASSERT_EQUAL(kTooOften, hash("1")["failedReason"]);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, handler->seen());
        CPPUNIT_ASSERT_EQUAL(1, asked.load());
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, hash("1").count("defa"));
    }

    void anEffectThatIsThereIsNotFailed() {
        abandon(1);
        redis({"HSET", keys().job("1"), "stc", "1"});
        auto handler = std::make_shared<FakeHandler>(completeAll);
        handler->outcomeOf = [](RunningJob& job) {
            job.setOutcome({JobOutcome::Kind::Completed, "{\"seat\":7}", "", 0});
        };
        run(handler);
        sweep(milliseconds(100), 1);
        eventually("completed", [&] { return stateOf("1") == JobState::Completed; });
        assertEqual("{\"seat\":7}", hash("1")["returnvalue"]);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, handler->seen());
    }

    void aKilledHoldersJobRunsWithinLockAndInterval() {
        constexpr milliseconds kLock(1000);
        constexpr milliseconds kInterval(500);
        auto handler = std::make_shared<FakeHandler>(completeAll);
        sweep(kInterval, 10);
        for (int i = 0; i < 10; ++i) {
            addJob();
        }
        // Claimed by a worker that ends without a trace.
        CPPUNIT_ASSERT_EQUAL(std::size_t{10}, claim(10, "dead", kLock).size());
        const auto died = SteadyClock::now();
        run(handler);
        eventually("completed", [&] { return number({"ZCARD", keys().completed}) == 10; });
        CPPUNIT_ASSERT(SteadyClock::now() - died >= kLock);
        CPPUNIT_ASSERT(SteadyClock::now() - died < kLock + kInterval + kAtOnce);
        // A job that stalled before runs alone.
        for (const std::size_t size : handler->batches()) {
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, size);
        }
    }

    void jobsThatFiveXLostComeBackOnce() {
        const QueueContext shared(keys(), Bullmq5::On);
        const std::string completed = addJob();
        claim(1);
        AdvanceRequest request;
        FinishItem item;
        item.id = completed;
        item.token = "token";
        request.finish = {item};
        ops::advance(context(), client(), request, clock_.wallMs());
        const std::string active = addJob();
        claim(1);
        const std::string waiting = addJob();
        const std::string lost = addJob();
        JobRecord delayed;
        delayed.name = "later";
        delayed.data = "{}";
        delayed.opts = "{}";
        delayed.timestampMs = clock_.wallMs();
        delayed.delayMs = 60000;
        ops::addJobs(context(), client(), {delayed}, clock_.wallMs());
        redis({"LREM", keys().wait, "1", lost});
        redis({"HSET",
               keys().job("dn:x"),
               "name",
               "next",
               "data",
               "{}",
               "opts",
               R"({"de":{"id":"x"}})"});
        redis({"HSET", keys().job("dn:y"), "name", "next", "data", "{}", "opts", "{}"});
        redis({"SET", keys().job("de:y"), active});

        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, rescueLost(shared));
        const std::string replayed = text({"GET", keys().idCounter});
        CPPUNIT_ASSERT((Strings{replayed, waiting, lost} == list(keys().wait)));
        assertEqual("next", hash(replayed)["name"]);
        CPPUNIT_ASSERT_EQUAL(replayed, text({"GET", keys().job("de:x")}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().job("dn:x")}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"EXISTS", keys().job("dn:y")}));
        CPPUNIT_ASSERT((Strings{active} == list(keys().active)));

        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, rescueLost(shared));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, number({"LLEN", keys().wait}));
        // While the queue is paused it goes where 5.x looks for it.
        redis({"HSET", keys().meta, "paused", "1"});
        redis({"LREM", keys().wait, "1", lost});
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, rescueLost(shared));
        CPPUNIT_ASSERT((Strings{replayed, waiting, lost} == list(keys().paused)));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().wait}));
    }

    void theSweeperFindsLostJobsInEveryQueue() {
        const std::string lost = addJob();
        {
            redis({"DEL", keys().wait});
            const QueueContext context(keys(), Bullmq5::Off);
            StalledSweeper sweeper(std::make_unique<RedisClient>(options(), "sweep"), clock_);
            sweeper.watch(context, milliseconds(50), 1, seconds(2));
            sweeper.start();
            eventually("rescued", [&] { return (Strings{lost} == list(keys().wait)); });
            redis({"DEL", keys().wait});
            eventually("again", [&] { return (Strings{lost} == list(keys().wait)); });
        }
        redis({"DEL", keys().wait});
        // Although BullMQ's workers make all checks.
        const QueueContext shared(keys(), Bullmq5::On);
        redis({"SET", keys().stalledCheck, "1", "PX", "600000"});
        StalledSweeper sweeper(std::make_unique<RedisClient>(options(), "sweep"), clock_);
        sweeper.watch(shared, milliseconds(50), 1);
        sweeper.start();
        eventually("rescued", [&] { return (Strings{lost} == list(keys().wait)); });
    }

    void aQueueThatTurnsOutToBeSharedIsSearchedByItsInterval() {
        const QueueContext context(keys(), Bullmq5::Auto);
        StalledSweeper sweeper(std::make_unique<RedisClient>(options(), "sweep"), clock_);
        sweeper.watch(context, milliseconds(50), 1, std::chrono::minutes(10));
        sweeper.start();
        eventually("searched", [this] { return number({"EXISTS", keys().rescue}) == 1; });
        const std::string lost = addJob();
        redis({"DEL", keys().wait});
        redis({"HSET", keys().meta, "version", "bullmq:5.48.1"});
        eventually("rescued", [&] { return (Strings{lost} == list(keys().wait)); });
    }

    void aResumeThatAWorkerSeesIsFollowedByALook() {
        const std::string lost = addJob();
        redis({"DEL", keys().wait});
        redis({"HSET", keys().meta, "paused", "1"});
        // Without the resume no worker would look for ten minutes.
        for (const std::string& key : {keys().stalledCheck, keys().rescue, keys().rescueShared}) {
            redis({"SET", key, "1", "PX", "600000"});
        }
        settings_.bullmq5 = Bullmq5::On;
        worker_ = makeWorker(std::make_shared<FakeHandler>(completeAll), options());
        sweeper_ = std::make_unique<StalledSweeper>(
            std::make_unique<RedisClient>(options(), "stalled"), clock_);
        sweeper_->watch(worker_->queue(), std::chrono::minutes(10), 1);
        worker_->onResumed([this] { sweeper_->onResumed(worker_->queue()); });
        sweeper_->start();
        worker_->start();
        untilBlocked();
        CPPUNIT_ASSERT_EQUAL(JobState::Unknown, stateOf(lost));
        redis({"HDEL", keys().meta, "paused"});
        redis({"ZADD", keys().marker, "0", "0"});
        eventually("rescued and done", [&] { return stateOf(lost) == JobState::Completed; });
    }

    void theSweeperSurvivesAnOutage() {
        useOwnServer();
        addJob();
        claim(1, "dead", milliseconds(300));
        sweep(milliseconds(200), 10);
        own_->stop();
        own_->start();
        eventually("recovered", [&] {
            try {
                return stateOf("1") == JobState::Waiting;
            } catch (const RedisIoException&) {
                return false;
            }
        });
        sweeper_.reset();
    }

    void anotherQueueIsSweptAlthoughOneIsBroken() {
        abandon(1);
        const QueueContext broken(QueueKeys("bull", "broken"));
        redis({"SET", broken.keys().stalled, "a string"});
        redis({"DEL", broken.keys().stalledCheck});
        sweeper_ = std::make_unique<StalledSweeper>(
            std::make_unique<RedisClient>(options(), "stalled"), clock_);
        sweeper_->watch(broken, milliseconds(50), 1);
        sweeper_->watch(context(), milliseconds(100), 1);
        redis({"CONFIG", "RESETSTAT"});
        sweeper_->start();
        eventually("recovered", [&] { return stateOf("1") == JobState::Waiting; });
        sweeper_.reset();
    }

    void aVisitThatThrowsAnythingWaitsForTheNext() {
        std::atomic<int> thrown{0}, visits{0};
        PeriodicThread rounds("rounds", std::make_unique<RedisClient>(options(), "rounds"), clock_);
        rounds.add(
            [&](RedisClient&) -> PeriodicThread::Time {
                ++thrown;
                throw std::runtime_error("no room");
            },
            std::chrono::hours(1),
            clock_.monotonic());
        rounds.add(
            [&](RedisClient&) {
                ++visits;
                return clock_.monotonic();
            },
            std::chrono::hours(1),
            clock_.monotonic());
        rounds.start();
        eventually("the other is visited", [&] { return visits > 2; });
        rounds.stop();
        CPPUNIT_ASSERT_EQUAL(1, thrown.load());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count("rounds: no room"));
    }

private:
    /// Adds jobs and makes them look as a killed worker leaves them: active, their locks expired.
    void abandon(int count) {
        for (int i = 0; i < count; ++i) {
            const std::string id = addJob();
            claim(1, "dead");
            redis({"DEL", keys().job(id) + ":lock"});
        }
    }
    /// One check; `expired`: as if the interval since the last one were over.
    StalledResult check(bool expired = true) {
        if (expired) {
            redis({"DEL", keys().stalledCheck});
        }
        return ops::checkStalled(
            context(), client(), clock_.wallMs(), milliseconds(30000), 1, 100, false);
    }
    StalledResult goOn() {
        return ops::checkStalled(
            context(), client(), clock_.wallMs(), milliseconds(30000), 1, 100, true);
    }
    void stallAgain(const std::string& expectedDeferredFailure) {
        if (number({"EXISTS", keys().job("1")}) == 0) {
            addJob();
        }
        claim(1, "dead");
        redis({"DEL", keys().job("1") + ":lock"});
        check();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, check().recovered.size());
        CPPUNIT_ASSERT_EQUAL(expectedDeferredFailure, hash("1")["defa"]);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(StalledSweeperTest);
