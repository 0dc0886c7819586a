#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <cppunit/extensions/HelperMacros.h>

#include "support/Assert.h"
#include "support/LogCapture.h"
#include "support/RunMaker.h"
#include "worker/Settlement.h"

namespace {

using namespace drover;
using namespace drover::test;
using Kind = JobOutcome::Kind;

constexpr std::int64_t kNow = 1'795'382'406'903;

}  // namespace

/// Each outcome becomes one entry for the script that it needs.
class SettlementTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SettlementTest);
    CPPUNIT_TEST(aCompletedJobIsFinishedWithItsResult);
    CPPUNIT_TEST(aFailedJobIsRetriedWhileAttemptsAreLeft);
    CPPUNIT_TEST(anUnrecoverableJobFailsAtOnce);
    CPPUNIT_TEST(aJobsOwnRetentionGoesBeforeTheQueues);
    CPPUNIT_TEST(aHandlersBackoffDecides);
    CPPUNIT_TEST(aRefusedOutcomeIsRetriedWithoutTheHandlersBackoff);
    CPPUNIT_TEST(aBackoffTypeThatNoHandlerHasEndsTheJob);
    CPPUNIT_TEST(outcomesThatCountNoAttemptGoBack);
    CPPUNIT_TEST(theLongestClosingOfTheLimitCounts);
    CPPUNIT_TEST(aJobWithoutOutcomeComesBackAfterAMoment);
    CPPUNIT_TEST(theReasonHasTheTextOfTheCancellation);
    CPPUNIT_TEST(everyEntryMarksItsRun);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override { log_ = std::make_unique<LogCapture>("worker"); }
    void tearDown() override { log_.reset(); }

    void aCompletedJobIsFinishedWithItsResult() {
        add({Kind::Completed, "", "", 0});
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, settlement_.finish.size());
        const FinishItem& item = settlement_.finish[0].item;
        CPPUNIT_ASSERT(item.completed);
        assertEqual("null", item.value);
        assertEqual("token 7", item.token);
        CPPUNIT_ASSERT(!settlement_.hasMoreThanFinished());
    }

    void aFailedJobIsRetriedWhileAttemptsAreLeft() {
        job_.opts = R"({"attempts":2,"backoff":{"type":"fixed","delay":500}})";
        add({Kind::Failed, "no route", "", 0});
        CPPUNIT_ASSERT_EQUAL(std::int64_t{500}, settlement_.retry.at(0).item.backoffMs);
        assertEqual("no route", settlement_.retry[0].item.reason);
        CPPUNIT_ASSERT_EQUAL(1, settlement_.retry[0].item.attemptsMade);
        CPPUNIT_ASSERT(settlement_.hasMoreThanFinished());
        job_.attemptsMade = 1;
        add({Kind::Failed, "no route", "", 0});
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, settlement_.retry.size());
        CPPUNIT_ASSERT(!settlement_.finish.at(0).item.completed);
        assertContains(settlement_.finish[0].item.stacktrace, "fake 1.0.0");
    }

    void anUnrecoverableJobFailsAtOnce() {
        job_.opts = R"({"attempts":5})";
        add({Kind::Unrecoverable, "sold out", "", 0});
        assertEqual("sold out", settlement_.finish.at(0).item.value);
        CPPUNIT_ASSERT(settlement_.retry.empty());
    }

    void aJobsOwnRetentionGoesBeforeTheQueues() {
        settings_.keepCompleted.count = 10;
        add({Kind::Completed, "1", "", 0});
        job_.opts = R"({"removeOnComplete":3})";
        add({Kind::Completed, "1", "", 0});
        CPPUNIT_ASSERT(settlement_.finish.at(0).item.keep.count == 10);
        CPPUNIT_ASSERT(settlement_.finish.at(1).item.keep.count == 3);
    }

    void aHandlersBackoffDecides() {
        job_.opts = R"({"attempts":5,"backoff":{"type":"mine"}})";
        auto run = runs_.ended(job_, {Kind::Failed, "x", "", 0});
        run->setCustomBackoff(1234);
        settlement_.add(run, "fake 1.0.0", kNow);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1234}, settlement_.retry.at(0).item.backoffMs);
        run = runs_.ended(job_, {Kind::Failed, "x", "", 0});
        run->setCustomBackoff(-1);
        settlement_.add(run, "fake 1.0.0", kNow);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, settlement_.finish.size());
    }

    void aRefusedOutcomeIsRetriedWithoutTheHandlersBackoff() {
        job_.opts = R"({"attempts":5,"backoff":{"type":"mine"}})";
        const auto run = runs_.ended(job_, {Kind::Completed, "1", "", 0});
        settlement_.add(run, "fake 1.0.0", kNow);
        run->refuse({Kind::Failed, "children are pending", "", 0});
        settlement_.add(run, "fake 1.0.0", kNow);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, settlement_.retry.at(0).item.backoffMs);
        CPPUNIT_ASSERT(run->state() == JobRun::State::Refused);
    }

    void aBackoffTypeThatNoHandlerHasEndsTheJob() {
        job_.opts = R"({"attempts":5,"backoff":{"type":"mine"}})";
        add({Kind::Failed, "x", "", 0});
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, settlement_.finish.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count("the job's backoff type \"mine\""));
    }

    void outcomesThatCountNoAttemptGoBack() {
        add({Kind::Unavailable, "disk full", "", 0});
        add({Kind::Delayed, "", "", kNow + 5000});
        add({Kind::Delayed, "", "", 0});
        add({Kind::Wait, "", "", 0});
        add({Kind::WaitingChildren, "", "", 0});
        const auto& back = settlement_.handBack;
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, back.size());
        CPPUNIT_ASSERT(back[0].item.untilMs == 0 && back[0].item.uncountStart);
        CPPUNIT_ASSERT(back[1].item.untilMs == kNow + 5000 && !back[1].item.uncountStart);
        CPPUNIT_ASSERT(back[2].item.untilMs == 1);
        CPPUNIT_ASSERT(back[3].item.untilMs == 0 && !back[3].item.uncountStart);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, settlement_.childrenWait.size());
        CPPUNIT_ASSERT(settlement_.finish.empty());
    }

    void theLongestClosingOfTheLimitCounts() {
        add({Kind::RateLimited, "", "", 300});
        add({Kind::RateLimited, "", "", 100});
        CPPUNIT_ASSERT(settlement_.rateLimit == std::chrono::milliseconds(300));
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, settlement_.handBack.size());
    }

    void aJobWithoutOutcomeComesBackAfterAMoment() {
        settlement_.add(runs_.run(job_), "fake 1.0.0", kNow);
        CPPUNIT_ASSERT_EQUAL(kNow + 1000, settlement_.handBack.at(0).item.untilMs);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count("without an outcome"));
    }

    void theReasonHasTheTextOfTheCancellation() {
        const auto run = runs_.ended(job_, {Kind::Failed, "gave up", "", 0});
        run->cancel(CancelReason::Remote, "no longer needed");
        settlement_.add(run, "fake 1.0.0", kNow);
        assertEqual("gave up (cancelled: no longer needed)", settlement_.finish.at(0).item.value);
    }

    void everyEntryMarksItsRun() {
        for (const Kind kind : {Kind::Completed, Kind::Failed, Kind::Wait, Kind::WaitingChildren}) {
            const auto run = runs_.ended(job_, {kind, "1", "", 0});
            settlement_.add(run, "fake 1.0.0", kNow);
            CPPUNIT_ASSERT(run->state() == JobRun::State::Settling);
        }
        const auto unstarted = runs_.run(job_);
        settlement_.giveBack(unstarted, 0, true);
        CPPUNIT_ASSERT(unstarted->state() == JobRun::State::Settling);
    }

private:
    void add(JobOutcome outcome) {
        settlement_.add(runs_.ended(job_, std::move(outcome)), "fake 1.0.0", kNow);
    }

    std::unique_ptr<LogCapture> log_;
    RunMaker runs_;
    ClaimedJob job_ = RunMaker::job("7");
    QueueSettings settings_;
    Settlement settlement_{settings_};
};

CPPUNIT_TEST_SUITE_REGISTRATION(SettlementTest);
