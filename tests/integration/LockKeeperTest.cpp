#include <chrono>
#include <mutex>
#include <string>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "queue/QueueContext.h"
#include "queue/ops/Locks.h"
#include "support/Assert.h"
#include "support/Patience.h"
#include "support/TcpProxy.h"
#include "support/WorkerFixture.h"
#include "worker/upkeep/CancelListener.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using SteadyClock = std::chrono::steady_clock;

}  // namespace

/// Locks are renewed from the claim until Redis has the outcome, and a lost one is noticed.
class LockKeeperTest : public WorkerFixture {
    CPPUNIT_TEST_SUITE(LockKeeperTest);
    CPPUNIT_TEST(aLongJobHoldsItsLock);
    CPPUNIT_TEST(aGivenTimeBetweenRenewalsCounts);
    CPPUNIT_TEST(locksAreRenewedWhileDraining);
    CPPUNIT_TEST(waitingJobsHoldTheirLocksToo);
    CPPUNIT_TEST(aStolenLockSetsTheCancelToken);
    CPPUNIT_TEST(theOutcomeOfAStolenJobIsDiscarded);
    CPPUNIT_TEST(aLossOnlyTheFinishNoticesIsCountedOnce);
    CPPUNIT_TEST(aLostProbeDoesNotHoldTheBreakerShut);
    CPPUNIT_TEST(aRefusedRenewalIsNotALostLock);
    CPPUNIT_TEST(renewalGoesOnAfterAnOutage);
    CPPUNIT_TEST(aLockThatExpiredDuringAnOutageIsLost);
    CPPUNIT_TEST(moreLocksThanOneCallHasAreRenewed);
    CPPUNIT_TEST(aCancelFromOutsideSetsTheToken);
    CPPUNIT_TEST(aCancelArrivesAtOnceWithItsReason);
    CPPUNIT_TEST(aQueueThatIsWatchedLaterIsHeardToo);
    CPPUNIT_TEST(aCancelDuringAnOutageIsHeardAfterwards);
    CPPUNIT_TEST(aLockLostAfterACancelIsLost);
    CPPUNIT_TEST(stopEndsAtOnce);
    CPPUNIT_TEST_SUITE_END();

public:
    void tearDown() override {
        hold_ = false;
        listener_.reset();
        WorkerFixture::tearDown();
    }

    void aLongJobHoldsItsLock() {
        startHolding(milliseconds(400));
        // Three lock durations: without renewal it would be gone after one.
        const auto until = SteadyClock::now() + milliseconds(1200);
        while (SteadyClock::now() < until) {
            CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"EXISTS", lockOf("1")}));
        }
        hold_ = false;
        eventually("completed", [&] { return stateOf("1") == JobState::Completed; });
        CPPUNIT_ASSERT(handler_->batches().size() == 1);
    }

    void aGivenTimeBetweenRenewalsCounts() {
        settings_.lockRenewTime = milliseconds(20);
        startHolding(seconds(600));
        // Half of the lock is five minutes away.
        for (int i = 0; i < 3; ++i) {
            redis({"PEXPIRE", lockOf("1"), "100000"});
            eventually("renewed", [&] { return remaining() > 500000; });
        }
    }

    void locksAreRenewedWhileDraining() {
        startHolding(milliseconds(400));
        worker_->drain();
        const auto until = SteadyClock::now() + milliseconds(1000);
        while (SteadyClock::now() < until) {
            CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"EXISTS", lockOf("1")}));
        }
        CPPUNIT_ASSERT(!worker_->finished());
        hold_ = false;
        eventually("finished", [&] { return worker_->finished(); });
        CPPUNIT_ASSERT(stateOf("1") == JobState::Completed);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, worker_->stats().lost);
    }

    void waitingJobsHoldTheirLocksToo() {
        settings_.unstartedMax = seconds(30);
        settings_.batchSize = 1;
        addJob();
        startHolding(milliseconds(400));
        eventually("both held", [&] { return worker_->stats().held == 2; });
        const auto until = SteadyClock::now() + milliseconds(1000);
        while (SteadyClock::now() < until) {
            CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number({"EXISTS", lockOf("1"), lockOf("2")}));
        }
    }

    void aStolenLockSetsTheCancelToken() {
        startHolding(milliseconds(200));
        redis({"SET", lockOf("1"), "thief"});
        eventually("cancelled", [&] { return cancelled_ == CancelReason::Lost; });
        // The token is set first: a handler should stop before the log has the line.
        eventually("logged", [&] { return log_->count("the job's lock is lost") == 1; });
    }

    void theOutcomeOfAStolenJobIsDiscarded() {
        startHolding(milliseconds(200));
        redis({"SET", lockOf("1"), "thief"});
        eventually("cancelled", [&] { return cancelled_ == CancelReason::Lost; });
        hold_ = false;
        eventually("let go", [&] { return worker_->stats().held == 0; });
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, worker_->stats().lost);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, worker_->stats().completed);
        CPPUNIT_ASSERT(stateOf("1") == JobState::Active);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, hash("1").count("finishedOn"));
        assertEqual("thief", text({"GET", lockOf("1")}));
    }

    void aLossOnlyTheFinishNoticesIsCountedOnce() {
        startHolding(seconds(30));
        redis({"SET", lockOf("1"), "thief"});
        hold_ = false;
        eventually("let go", [&] { return worker_->stats().held == 0; });
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, worker_->stats().lost);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count("the outcome is discarded"));
        assertEqual("thief", text({"GET", lockOf("1")}));
    }

    void aLostProbeDoesNotHoldTheBreakerShut() {
        // The database is away; the one job that probes loses its lock; the next one must be allowed to probe.
        std::atomic<int> calls{0};
        std::atomic<bool> probing{false};
        handler_ = std::make_shared<FakeHandler>([&](std::span<RunningJob* const> jobs) {
            if (++calls == 1) {
                jobs.front()->setOutcome({JobOutcome::Kind::Unavailable, "away", "", 0});
                return;
            }
            if (calls == 2) {
                probing = true;
                while (hold_ &&
                       jobs.front()->waitCancelled(milliseconds(2)) == CancelReason::None) {
                }
            }
            completeAll(jobs);
        });
        settings_.lockDuration = milliseconds(200);
        addJob();
        run(handler_);
        keepLocks(options());
        eventually("probing", [&] { return probing.load(); });
        redis({"SET", lockOf("1"), "thief"});
        eventually("lost", [&] { return worker_->stats().lost == 1; });
        const std::string next = addJob();
        eventually("completed", [&] { return stateOf(next) == JobState::Completed; });
    }

    void aRefusedRenewalIsNotALostLock() {
        useOwnServer();
        startHolding(milliseconds(600));
        redis({"CONFIG", "SET", "maxmemory", "1"});
        redis({"CONFIG", "RESETSTAT"});
        eventually("refused", [&] {
            return text({"INFO", "errorstats"}).find("errorstat_OOM:count=") != std::string::npos;
        });
        CPPUNIT_ASSERT(cancelled_ == CancelReason::None);
        redis({"CONFIG", "SET", "maxmemory", "0"});
        eventually("renewed", [&] { return number({"PTTL", lockOf("1")}) > 350; });
        CPPUNIT_ASSERT(cancelled_ == CancelReason::None);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, log_->count("the job's lock is lost"));
        hold_ = false;
        eventually("completed", [&] { return stateOf("1") == JobState::Completed; });
    }

    void renewalGoesOnAfterAnOutage() {
        useOwnServer();
        startHolding(milliseconds(6000));
        own_->stop();
        own_->start();
        eventually("renewed", [&] { return remaining() > 5500; });
        CPPUNIT_ASSERT(cancelled_ == CancelReason::None);
        hold_ = false;
        eventually("completed", [&] { return stateOf("1") == JobState::Completed; });
    }

    void aLockThatExpiredDuringAnOutageIsLost() {
        useOwnServer();
        startHolding(milliseconds(300));
        own_->freeze();
        const auto until = SteadyClock::now() + milliseconds(700);
        while (SteadyClock::now() < until) {
            CPPUNIT_ASSERT(cancelled_ == CancelReason::None);
        }
        own_->thaw();
        eventually("cancelled", [&] { return cancelled_ == CancelReason::Lost; });
    }

    void moreLocksThanOneCallHasAreRenewed() {
        settings_.concurrency = 1200;
        settings_.threads = 1;
        settings_.batchSize = 1000;
        settings_.unstartedMax = seconds(30);
        for (int i = 0; i < 1200; ++i) {
            addJob();
        }
        handler_ = std::make_shared<FakeHandler>(
            [this](std::span<RunningJob* const> jobs) { holdThenComplete(jobs); },
            std::vector<std::string>{},
            1000);
        settings_.lockDuration = milliseconds(3000);
        run(handler_);
        keepLocks(options());
        eventually("all held", [&] { return worker_->stats().held == 1200; });
        redis({"SET", lockOf("1150"), "thief"});
        const auto until = SteadyClock::now() + milliseconds(4000);
        eventually("longer than a lock", [&] { return SteadyClock::now() > until; });
        std::int64_t live = 0;
        for (int i = 1; i <= 1200; ++i) {
            live += number({"EXISTS", lockOf(std::to_string(i))});
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1200}, live);
        hold_ = false;
        eventually("done", [&] { return worker_->stats().held == 0; });
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{1199}, worker_->stats().completed);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, worker_->stats().lost);
    }

    void aCancelFromOutsideSetsTheToken() {
        startHolding(milliseconds(200));
        CPPUNIT_ASSERT(ops::cancelJob(context(), client(), "1") == CancelRequest::Requested);
        eventually("cancelled", [&] { return cancelled_ == CancelReason::Remote; });
        // Logged once, however many renewals read it; and the lock is renewed, since the handler goes on.
        eventually("forgotten", [&] { return number({"EXISTS", keys().cancel}) == 0; });
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count("a request cancels the job"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"EXISTS", lockOf("1")}));
        hold_ = false;
        eventually("completed", [&] { return stateOf("1") == JobState::Completed; });
    }

    void aCancelArrivesAtOnceWithItsReason() {
        // The renewal is half a minute away.
        startHolding(seconds(60));
        listen();
        const std::int64_t began = clock_.wallMs();
        CPPUNIT_ASSERT(ops::cancelJob(context(), client(), "1", "a typing error") ==
                       CancelRequest::Requested);
        eventually("cancelled", [&] { return cancelled_ == CancelReason::Remote; });
        // 100 ms on a machine that has nothing else to do.
        CPPUNIT_ASSERT(clock_.wallMs() - began < kAtOnce.count());
        eventually("told", [&] { return log_->count("cancels the job (a typing error)") == 1; });
        assertEqual("a typing error", why());
        CPPUNIT_ASSERT(number({"PTTL", context().keys().cancels}) > 0);
        hold_ = false;
        eventually("completed", [&] { return stateOf("1") == JobState::Completed; });
        listener_.reset();
    }

    void aQueueThatIsWatchedLaterIsHeardToo() {
        startHolding(seconds(60));
        const QueueContext other(QueueKeys("bull", "other"), Bullmq5::Off);
        HeldJobs none;
        listener_ =
            std::make_unique<CancelListener>(std::make_unique<RedisClient>(options(), "cancels"));
        listener_->watch(other, none);
        listener_->start();
        eventually("it reads", [&] {
            return text({"CLIENT", "LIST"}).find("cmd=xread") != std::string::npos;
        });
        listener_->watch(worker_->queue(), worker_->held());
        ops::cancelJob(context(), client(), "1", "caf\xE9");
        // Not after the five seconds of the read that has the first queue alone.
        eventually(
            "cancelled", [&] { return cancelled_ == CancelReason::Remote; }, milliseconds(3500));
        // A terminal in another encoding.
        assertEqual("caf\xEF\xBF\xBD", why());
        hold_ = false;
        eventually("completed", [&] { return stateOf("1") == JobState::Completed; });
        listener_.reset();
    }

    void aCancelDuringAnOutageIsHeardAfterwards() {
        useOwnServer();
        TcpProxy proxy(own_->plainPort());
        RedisOptions through = plainAt(proxy.port());
        settings_.lockDuration = milliseconds(1000);
        handler_ = std::make_shared<FakeHandler>(
            [this](std::span<RunningJob* const> jobs) { holdThenComplete(jobs); });
        addJob();
        run(handler_);
        eventually("running", [&] { return handler_->seen() > 0; });
        CPPUNIT_ASSERT(ops::cancelJob(context(), client(), "1") == CancelRequest::Requested);
        // Redis has the script then: the lost reply is the one with the request to cancel.
        ops::extendLocks(context(), client(), {}, seconds(1));
        proxy.loseReply("EVALSHA");
        keepLocks(through);
        eventually("the first answer is lost", [&] { return proxy.lost() == 1; });
        eventually("cancelled", [&] { return cancelled_ == CancelReason::Remote; });
    }

    void aLockLostAfterACancelIsLost() {
        startHolding(milliseconds(200));
        ops::cancelJob(context(), client(), "1");
        eventually("cancelled", [&] { return cancelled_ == CancelReason::Remote; });
        redis({"SET", lockOf("1"), "thief"});
        eventually("lost", [&] { return cancelled_ == CancelReason::Lost; });
        hold_ = false;
        eventually("let go", [&] { return worker_->stats().held == 0; });
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, worker_->stats().lost);
    }

    void stopEndsAtOnce() {
        startHolding(seconds(60));
        const auto began = SteadyClock::now();
        keeper_->stop();
        CPPUNIT_ASSERT(SteadyClock::now() - began < kAtOnce);
    }

private:
    std::string lockOf(const std::string& id) { return keys().job(id) + ":lock"; }
    std::int64_t remaining() {
        try {
            return number({"PTTL", lockOf("1")});
        } catch (const RedisIoException&) {
            return -1;
        }
    }
    void holdThenComplete(std::span<RunningJob* const> jobs) {
        while (hold_) {
            jobs.front()->waitCancelled(milliseconds(2));
            {
                const std::lock_guard lock(whyMutex_);
                why_ = jobs.front()->cancelledWhy();
            }
            cancelled_ = jobs.front()->cancelled();
        }
        completeAll(jobs);
    }
    /// Adds a job and has a worker run it until hold_ is cleared.
    void startHolding(milliseconds lockDuration) {
        settings_.lockDuration = lockDuration;
        handler_ = std::make_shared<FakeHandler>(
            [this](std::span<RunningJob* const> jobs) { holdThenComplete(jobs); });
        addJob();
        run(handler_);
        keepLocks(options());
        eventually("running", [&] { return handler_->seen() > 0; });
    }

    std::shared_ptr<FakeHandler> handler_;
    std::atomic<bool> hold_{true};
    void listen() {
        listener_ =
            std::make_unique<CancelListener>(std::make_unique<RedisClient>(options(), "cancels"));
        listener_->watch(worker_->queue(), worker_->held());
        listener_->start();
    }
    std::unique_ptr<CancelListener> listener_;
    std::string why() {
        const std::lock_guard lock(whyMutex_);
        return why_;
    }
    std::mutex whyMutex_;
    std::string why_;
    std::atomic<CancelReason> cancelled_{CancelReason::None};
};

CPPUNIT_TEST_SUITE_REGISTRATION(LockKeeperTest);
