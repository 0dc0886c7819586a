#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <set>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "queue/ops/Add.h"
#include "queue/ops/Settle.h"
#include "support/Assert.h"
#include "support/Patience.h"
#include "support/TcpProxy.h"
#include "support/WorkerFixture.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using SteadyClock = std::chrono::steady_clock;

/// Longer than the block timeout below, and than a command's deadline.
constexpr milliseconds kOutage{2500};
constexpr milliseconds kBlock{300};

}  // namespace

/// Redis goes away and comes back: a worker goes on by itself, loses no job and burns no attempt.
class OutageTest : public WorkerFixture {
    CPPUNIT_TEST_SUITE(OutageTest);
    CPPUNIT_TEST(anIdleWorkerGoesOnAfterARestart);
    CPPUNIT_TEST(anIdleWorkerGoesOnAfterAFreeze);
    CPPUNIT_TEST(aWorkerThatStartedWithoutRedisBegins);
    CPPUNIT_TEST(outcomesThatWereReadyMeanwhileAreSentAfterwards);
    CPPUNIT_TEST(outcomesThatWereReadyDuringAFreezeAreSentAfterwards);
    CPPUNIT_TEST(aLostReplyOfAFinishIsRecognised);
    CPPUNIT_TEST(aLostReplyOfAClaimGivesItsJobsBack);
    CPPUNIT_TEST(aLostReplyOfARetryIsRecognised);
    CPPUNIT_TEST(aLostReplyOfAHandBackIsRecognised);
    CPPUNIT_TEST(anOutcomeNeverSentIsStillALossWhenAnotherWorkerHasTheJob);
    CPPUNIT_TEST(aClaimThatNeedsLongerThanADeadlineGetsOn);
    CPPUNIT_TEST(resultsThatNeedLongerThanADeadlineGetOn);
    CPPUNIT_TEST(largeJobsGetOnAndSoDoSmallOnesBehindThem);
    CPPUNIT_TEST(theBytesOfHeldJobsAreBounded);
    CPPUNIT_TEST(aLostClaimIsFollowedBySmallerOnes);
    CPPUNIT_TEST(aBusyWorkerNoticesThatRedisIsAway);
    CPPUNIT_TEST(restartsUnderLoadLoseNothing);
    CPPUNIT_TEST(afterAnOutageTheWorkerPausesForItsRetryDelay);
    CPPUNIT_TEST(aWorkerThatPausesAfterAnOutageCanBeDrained);
    CPPUNIT_TEST(aWorkerCanBeDrainedDuringAnOutage);
    CPPUNIT_TEST(aWorkerCanBeStoppedDuringAnOutage);
    CPPUNIT_TEST(aKeyOfAnotherTypeStopsTheWorkerWithoutSpinning);
    CPPUNIT_TEST(aKilledBlockingConnectionIsReplaced);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        WorkerFixture::setUp();
        useOwnServer();
        settings_.drainDelay = kBlock;
        hold_ = true;
    }
    void tearDown() override {
        hold_ = false;
        own_->thaw();
        WorkerFixture::tearDown();
        proxy_.reset();
    }

    void anIdleWorkerGoesOnAfterARestart() {
        run(std::make_shared<FakeHandler>(completeAll));
        untilBlocked();
        own_->stop();
        pass(kOutage);
        own_->start();
        goesOnAtOnce();
    }

    void anIdleWorkerGoesOnAfterAFreeze() {
        run(std::make_shared<FakeHandler>(completeAll));
        untilBlocked();
        own_->freeze();
        pass(kOutage);
        own_->thaw();
        goesOnAtOnce();
    }

    void aWorkerThatStartedWithoutRedisBegins() {
        own_->stop();
        run(std::make_shared<FakeHandler>(completeAll));
        pass(milliseconds(1000));
        CPPUNIT_ASSERT(!worker_->stats().redisHealthy);
        own_->start();
        goesOnAtOnce();
    }

    void outcomesThatWereReadyMeanwhileAreSentAfterwards() {
        holdTwenty();
        own_->stop();
        hold_ = false;
        pass(kOutage);
        CPPUNIT_ASSERT_EQUAL(std::size_t{20}, worker_->stats().held);
        own_->start();
        twentyAreDoneOnce();
    }

    void outcomesThatWereReadyDuringAFreezeAreSentAfterwards() {
        holdTwenty();
        own_->freeze();
        hold_ = false;
        pass(kOutage);
        own_->thaw();
        twentyAreDoneOnce();
    }

    void aLostReplyOfAFinishIsRecognised() {
        holdOneThroughProxy(JobOutcome{JobOutcome::Kind::Completed, "\"the-result\"", "", 0},
                            "{\"attempts\":0}");
        proxy_->loseReply("the-result");
        hold_ = false;
        eventually("told again", [&] { return worker_->stats().held == 0; });
        CPPUNIT_ASSERT_EQUAL(1, proxy_->lost());
        CPPUNIT_ASSERT(stateOf("1") == JobState::Completed);
        assertEqual("1", hash("1")["atm"]);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, worker_->stats().lost);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, log_->count("the outcome is discarded"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count("whose reply was lost"));
        goesOnAtOnce();
    }

    void aLostReplyOfAClaimGivesItsJobsBack() {
        // One slot: the call that finishes the first job is the one that claims the second.
        settings_.concurrency = 1;
        holdOneThroughProxy(JobOutcome{JobOutcome::Kind::Completed, "\"the-result\"", "", 0},
                            "{\"attempts\":0}");
        addJob("test", "{}", "{\"attempts\":0}");
        proxy_->loseReply("the-result");
        hold_ = false;
        // Long before the lock of 30 s expires, and not as a stalled job.
        eventually("both done", [&] { return number({"ZCARD", keys().completed}) == 2; });
        CPPUNIT_ASSERT_EQUAL(1, proxy_->lost());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count("jobs of a claim whose reply was lost"));
        assertEqual("1", hash("2")["ats"]);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, hash("2").count("stc"));
    }

    void aLostReplyOfARetryIsRecognised() {
        holdOneThroughProxy(JobOutcome{JobOutcome::Kind::Failed, "the-reason", "", 0},
                            "{\"attempts\":3,\"backoff\":{\"type\":\"fixed\",\"delay\":60000}}");
        proxy_->loseReply("the-reason");
        hold_ = false;
        eventually("told again", [&] { return worker_->stats().held == 0; });
        CPPUNIT_ASSERT_EQUAL(1, proxy_->lost());
        CPPUNIT_ASSERT(stateOf("1") == JobState::Delayed);
        assertEqual("1", hash("1")["atm"]);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, worker_->stats().lost);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, log_->count("the outcome is discarded"));
    }

    void aLostReplyOfAHandBackIsRecognised() {
        const std::int64_t until = clock_.wallMs() + 61234;
        holdOneThroughProxy(JobOutcome{JobOutcome::Kind::Delayed, "", "", until},
                            "{\"attempts\":0}");
        proxy_->loseReply(std::to_string(until));
        hold_ = false;
        eventually("told again", [&] { return worker_->stats().held == 0; });
        CPPUNIT_ASSERT_EQUAL(1, proxy_->lost());
        CPPUNIT_ASSERT(stateOf("1") == JobState::Delayed);
        assertEqual("1", hash("1")["ats"]);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, worker_->stats().lost);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, log_->count("the outcome is discarded"));
    }

    void anOutcomeNeverSentIsStillALossWhenAnotherWorkerHasTheJob() {
        // The proxy is the only way to Redis, and it is gone when the outcome is ready: nothing was sent.
        holdOneThroughProxy(JobOutcome{JobOutcome::Kind::Completed, "1", "", 0}, "{}");
        const int port = proxy_->port();
        proxy_.reset();
        // Once the worker has noticed it. For the worker, bytes sent into a dead connection may have arrived.
        eventually("noticed", [&] { return !worker_->stats().redisHealthy; });
        hold_ = false;
        pass(milliseconds(500));
        redis({"SET", keys().job("1") + ":lock", "thief"});
        proxy_ = std::make_unique<TcpProxy>(own_->plainPort(), port);
        eventually("let go", [&] { return worker_->stats().held == 0; });
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, worker_->stats().lost);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count("the outcome is discarded"));
    }

    void aClaimThatNeedsLongerThanADeadlineGetsOn() {
        addLarge(500, 100'000);
        addLarge(50, 10);
        proxy_ = std::make_unique<TcpProxy>(own_->port());
        // A hundred megabits: the fifty megabytes take four seconds.
        proxy_->throttle(12'500'000);
        settings_.lockDuration = seconds(2);
        run(std::make_shared<FakeHandler>(completeAll), through(milliseconds(500)));
        keepLocks(options());
        sweep(milliseconds(500), 0);
        eventually(
            "all done", [&] { return worker_->stats().completed == 550; }, seconds(40));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{550}, number({"ZCARD", keys().completed}));
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{550}, worker_->stats().claimed);
        proxy_->throttle(0);
    }

    void resultsThatNeedLongerThanADeadlineGetOn() {
        addLarge(12, 10);
        proxy_ = std::make_unique<TcpProxy>(own_->port());
        const std::string result = "\"" + std::string(1'000'000, 'r') + "\"";
        run(std::make_shared<FakeHandler>([&](std::span<RunningJob* const> jobs) {
                for (RunningJob* job : jobs) {
                    job->setOutcome({JobOutcome::Kind::Completed, result, "", 0});
                }
            }),
            through(milliseconds(500)));
        keepLocks(options());
        // The part in the kernel's buffers is on its way for longer than the deadline, too.
        proxy_->throttle(2'000'000);
        eventually(
            "all done", [&] { return worker_->stats().completed == 12; }, seconds(60));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{12}, number({"ZCARD", keys().completed}));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, log_->count("had done it"));
        proxy_->throttle(0);
    }

    void largeJobsGetOnAndSoDoSmallOnesBehindThem() {
        addLarge(40, 16 << 20);
        addLarge(50, 10);
        std::int64_t most = 0;
        run(std::make_shared<FakeHandler>(completeAll));
        keepLocks(options());
        eventually(
            "all done",
            [&] {
                most = std::max(most, worker_->held().bytes());
                return worker_->stats().completed == 90;
            },
            seconds(60));
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{90}, worker_->stats().claimed);
        CPPUNIT_ASSERT(most <= settings_.maxBytes + (17 << 20));
    }

    void theBytesOfHeldJobsAreBounded() {
        settings_.maxBytes = 1'000'000;
        settings_.threads = 2;
        addLarge(20, 300'000);
        run(holding());
        eventually("full", [&] { return log_->count("(maxBytes)") == 1; });
        // Three have less than a million bytes, the fourth passes it.
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, worker_->stats().held);
        pass(milliseconds(300));
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, worker_->stats().held);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count("(maxBytes)"));
        hold_ = false;
        eventually("all done", [&] { return worker_->stats().completed == 20; });
    }

    void aLostClaimIsFollowedBySmallerOnes() {
        proxy_ = std::make_unique<TcpProxy>(own_->plainPort());
        addLarge(40, 10);
        proxy_->loseReply("EVALSHA");
        std::mutex mutex;
        std::map<std::string, std::size_t> claims;  // By token, which counts them up.
        run(std::make_shared<FakeHandler>([&](std::span<RunningJob* const> jobs) {
                {
                    const std::lock_guard lock(mutex);
                    for (const RunningJob* job : jobs) {
                        ++claims[job->job().token];
                    }
                }
                completeAll(jobs);
            }),
            through(milliseconds(500), false));
        eventually("all done", [&] { return worker_->stats().completed == 40; });
        const std::lock_guard lock(mutex);
        CPPUNIT_ASSERT_EQUAL(std::size_t{32}, claims.begin()->second);
    }

    void aBusyWorkerNoticesThatRedisIsAway() {
        addLarge(1, 10);
        run(holding());
        eventually("it runs", [&] { return worker_->stats().held == 1; });
        own_->stop();
        eventually("noticed", [&] { return !worker_->stats().redisHealthy; });
        own_->start();
        eventually("back", [&] { return worker_->stats().redisHealthy; });
    }

    void restartsUnderLoadLoseNothing() {
        constexpr int kJobs = 20000;
        std::mutex mutex;
        std::set<std::string> seen;
        auto handler = std::make_shared<FakeHandler>([&](std::span<RunningJob* const> jobs) {
            {
                const std::lock_guard lock(mutex);
                for (RunningJob* job : jobs) {
                    seen.insert(job->job().id);
                }
            }
            completeAll(jobs);
        });
        for (int added = 0; added < kJobs; added += 500) {
            JobRecord item;
            item.name = "test";
            item.data = "{}";
            item.opts = "{\"attempts\":0}";
            item.timestampMs = clock_.wallMs();
            ops::addJobs(context(), client(), std::vector<JobRecord>(500, item), 0);
        }
        settings_.lockDuration = milliseconds(1000);
        run(handler);
        keepLocks(options());
        sweep(milliseconds(500), 10);
        for (int restart = 0; restart < 3; ++restart) {
            pass(milliseconds(150));
            own_->stop();
            own_->start();
        }
        eventually(
            "all done",
            [&] {
                try {
                    return number({"ZCARD", keys().completed}) == kJobs;
                } catch (const RedisIoException&) {
                    return false;
                }
            },
            seconds(60));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number({"EXISTS", keys().failed, keys().active, keys().wait}));
        for (int id = 1; id <= kJobs; id += 97) {
            assertEqual("1", hash(std::to_string(id))["atm"]);
        }
        const std::lock_guard lock(mutex);
        CPPUNIT_ASSERT_EQUAL(std::size_t{kJobs}, seen.size());
    }

    void afterAnOutageTheWorkerPausesForItsRetryDelay() {
        settings_.runRetryDelay = seconds(4);
        run(std::make_shared<FakeHandler>(completeAll));
        untilBlocked();
        const auto began = SteadyClock::now();
        own_->stop();
        own_->start();
        const std::string id = addJobAfterOutage();
        eventually(
            "completed", [&] { return stateOf(id) == JobState::Completed; }, seconds(30));
        // Without the pause the worker would be back within a second.
        CPPUNIT_ASSERT(SteadyClock::now() - began >= settings_.runRetryDelay);
        assertEqual("1", hash(id)["ats"]);
    }

    void aWorkerThatPausesAfterAnOutageCanBeDrained() {
        settings_.runRetryDelay = std::chrono::hours(24);
        holdTwenty();
        own_->stop();
        hold_ = false;
        eventually("noticed", [&] { return !worker_->stats().redisHealthy; });
        own_->start();
        worker_->drain();
        eventually("finished", [&] { return worker_->finished(); });
        twentyAreDoneOnce();
    }

    void aWorkerCanBeDrainedDuringAnOutage() {
        run(std::make_shared<FakeHandler>(completeAll));
        untilBlocked();
        own_->stop();
        worker_->drain();
        eventually("finished", [&] { return worker_->finished(); });
    }

    void aWorkerCanBeStoppedDuringAnOutage() {
        holdTwenty();
        own_->freeze();
        const auto began = SteadyClock::now();
        worker_->stop();
        CPPUNIT_ASSERT(SteadyClock::now() - began < kAtOnce);
        hold_ = false;
    }

    void aKeyOfAnotherTypeStopsTheWorkerWithoutSpinning() {
        redis({"SET", keys().wait, "a string"});
        redis({"CONFIG", "RESETSTAT"});
        run(std::make_shared<FakeHandler>(completeAll));
        eventually("left alone", [&] { return log_->count("left alone") == 1; });
        pass(milliseconds(1500));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count("left alone"));
        CPPUNIT_ASSERT(
            text({"INFO", "commandstats"}).find("cmdstat_evalsha:calls=1,") != std::string::npos ||
            text({"INFO", "commandstats"}).find("cmdstat_evalsha:calls=2,") != std::string::npos);
        // Cured, it works again after the quarantine.
        redis({"DEL", keys().wait});
        const std::string id = addJob();
        eventually("completed", [&] { return stateOf(id) == JobState::Completed; });
    }

    void aKilledBlockingConnectionIsReplaced() {
        settings_.drainDelay = seconds(5);
        run(std::make_shared<FakeHandler>(completeAll));
        untilBlocked();
        redis({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
        goesOnAtOnce();
    }

private:
    void addLarge(int count, std::size_t bytes) {
        JobRecord item;
        item.name = "test";
        item.data = "\"" + std::string(bytes, 'x') + "\"";
        item.opts = "{\"attempts\":0}";
        for (int i = 0; i < count; ++i) {
            ops::addJobs(context(), client(), {item}, clock_.wallMs());
        }
    }
    RedisOptions through(milliseconds commandTimeout, bool tlsAllowed = true) {
        RedisOptions options = tlsAllowed ? optionsAt(proxy_->port()) : plainAt(proxy_->port());
        options.commandTimeout = commandTimeout;
        return options;
    }
    /// Returns a handler that holds its jobs until `hold_` is false or a job is cancelled, and then ends them.
    std::shared_ptr<FakeHandler> holding(
        const std::function<void(std::span<RunningJob* const>)>& end = completeAll) {
        return std::make_shared<FakeHandler>([this, end](std::span<RunningJob* const> jobs) {
            while (hold_ && jobs.front()->waitCancelled(milliseconds(2)) == CancelReason::None) {
            }
            end(jobs);
        });
    }
    /// Time that has to go by, without an event to wait for.
    static void pass(milliseconds duration) {
        const auto until = SteadyClock::now() + duration;
        eventually("time", [&] { return SteadyClock::now() >= until; });
    }
    /// Adds a job as soon as Redis answers the test, and returns its id.
    std::string addJobAfterOutage() {
        std::string id;
        eventually("added", [&] {
            try {
                id = addJob();
                return true;
            } catch (const RedisIoException&) {
                return false;
            }
        });
        return id;
    }
    void goesOnAtOnce() {
        const auto began = SteadyClock::now();
        const std::string id = addJobAfterOutage();
        eventually("completed", [&] { return stateOf(id) == JobState::Completed; });
        CPPUNIT_ASSERT(SteadyClock::now() - began < kAtOnce);
        assertEqual("1", hash(id)["atm"]);
        assertEqual("1", hash(id)["ats"]);
        CPPUNIT_ASSERT(worker_->stats().redisHealthy);
    }
    void holdTwenty() {
        for (int i = 0; i < 20; ++i) {
            addJob();
        }
        settings_.unstartedMax = seconds(60);
        settings_.concurrency = 20;
        settings_.batchSize = 20;
        settings_.lockDuration = seconds(30);
        handler_ = holding();
        run(handler_);
        eventually("held", [&] { return worker_->stats().held == 20; });
    }
    void twentyAreDoneOnce() {
        const auto back = SteadyClock::now();
        eventually("all told", [&] {
            try {
                return number({"ZCARD", keys().completed}) == 20;
            } catch (const RedisIoException&) {
                return false;
            }
        });
        CPPUNIT_ASSERT(SteadyClock::now() - back < kAtOnce);
        eventually("let go", [&] { return worker_->stats().held == 0; });
        CPPUNIT_ASSERT_EQUAL(std::size_t{20}, handler_->seen());
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, worker_->stats().lost);
        for (int id = 1; id <= 20; ++id) {
            assertEqual("1", hash(std::to_string(id))["atm"]);
            assertEqual("1", hash(std::to_string(id))["ats"]);
        }
    }
    /// One job is held by a worker that reaches Redis only through the proxy; it will end with this outcome.
    void holdOneThroughProxy(const JobOutcome& outcome, const std::string& opts) {
        proxy_ = std::make_unique<TcpProxy>(own_->plainPort());
        const RedisOptions through = plainAt(proxy_->port());
        settings_.lockDuration = seconds(30);
        handler_ = holding([outcome](std::span<RunningJob* const> jobs) {
            for (RunningJob* job : jobs) {
                job->setOutcome(outcome);
            }
        });
        // The server has it before: otherwise the lost reply would be that to the unknown script.
        claim(1);
        ops::retryJobs(context(), client(), {}, clock_.wallMs());
        ops::handBackJobs(context(), client(), {}, clock_.wallMs());
        addJob("test", "{}", opts);
        run(handler_, through);
        eventually("running", [&] { return handler_->seen() == 1; });
    }

    std::unique_ptr<TcpProxy> proxy_;
    std::shared_ptr<FakeHandler> handler_;
    std::atomic<bool> hold_{true};
};

CPPUNIT_TEST_SUITE_REGISTRATION(OutageTest);
