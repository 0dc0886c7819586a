#include <chrono>
#include <memory>
#include <poll.h>
#include <string>
#include <utility>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "support/Assert.h"
#include "support/FakeHandler.h"
#include "support/LogCapture.h"
#include "support/ManualClock.h"
#include "support/RunMaker.h"
#include "worker/HandlerSet.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using Kind = JobOutcome::Kind;

std::shared_ptr<FakeHandler> handlerOf(const std::string& name) {
    return std::make_shared<FakeHandler>([](auto) {}, std::vector<std::string>{name});
}

}  // namespace

/// Handlers change between two steps of the loop; the consequences of an outcome are a value.
class HandlerSetTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(HandlerSetTest);
    CPPUNIT_TEST(nothingIsAdoptedUnlessAChangeWasLeft);
    CPPUNIT_TEST(unstartedJobsMoveToTheNewHandlers);
    CPPUNIT_TEST(aHandlerThatStaysHoldsItsJobs);
    CPPUNIT_TEST(aRetiredHandlerIsHeldUntilItsOutcomesAreSettled);
    CPPUNIT_TEST(onlyOverdueJobsGoBack);
    CPPUNIT_TEST(anUnavailableHandlerGivesItsUnstartedJobsBack);
    CPPUNIT_TEST(anotherOutcomeEndsTheTrouble);
    CPPUNIT_TEST(anOpenBreakerRefusesJobs);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override { log_ = std::make_unique<LogCapture>("worker"); }
    void tearDown() override { log_.reset(); }

    void nothingIsAdoptedUnlessAChangeWasLeft() {
        CPPUNIT_ASSERT(!handlers_.adopt(now()));
        replaceBy({});
        CPPUNIT_ASSERT(handlers_.adopt(now()).has_value());
        CPPUNIT_ASSERT(!handlers_.adopt(now()));
    }

    void unstartedJobsMoveToTheNewHandlers() {
        submit({RunMaker::job("1", "send"), RunMaker::job("2", "print")});
        QueueSettings settings;
        settings.concurrency = 17;
        handlers_.replace({router({handlerOf("send")}), settings});
        const auto adopted = handlers_.adopt(now());
        CPPUNIT_ASSERT_EQUAL(17, adopted->settings.concurrency);
        assertEqual("2 ", idsOf(adopted->homeless));
        assertEqual("1 ", idsOf(handlers_.popUnstarted({}, now())));
    }

    void aHandlerThatStaysHoldsItsJobs() {
        submit({RunMaker::job("1", "send")});
        handlers_.replace({router({send_}), {}});
        CPPUNIT_ASSERT(handlers_.adopt(now())->homeless.empty());
        assertEqual("1 ", idsOf(handlers_.popUnstarted({}, now())));
    }

    void aRetiredHandlerIsHeldUntilItsOutcomesAreSettled() {
        handlers_.start();
        const auto running = runs_.run(RunMaker::job("1", "send"));
        running->assignTo(pool_);
        handlers_.replace({handlers_.prepare({handlerOf("print")}, {}), {}});
        CPPUNIT_ASSERT(handlers_.adopt(now()).has_value());
        // The threads of the two retired handlers wake the inbox as they end.
        while (!pool_->retired()) {
            pollfd fd{inbox_.fd(), POLLIN, 0};
            CPPUNIT_ASSERT(poll(&fd, 1, 10000) == 1);
            static_cast<void>(inbox_.popAll());
        }
        static_cast<void>(handlers_.popOutcomes());
        assertEqual("fake 1.0.0", handlers_.versionOf(*running));
        handlers_.forgetEnded();
        assertEqual("drover", handlers_.versionOf(*running));
    }

    void onlyOverdueJobsGoBack() {
        submit({RunMaker::job("1", "send")});
        clock_.advance(milliseconds(100));
        submit({RunMaker::job("2", "send"), RunMaker::job("3", "print")});
        clock_.advance(milliseconds(399));
        CPPUNIT_ASSERT(handlers_.popUnstarted(milliseconds(500), now()).empty());
        clock_.advance(milliseconds(1));
        // All jobs of a handler whose oldest job waits too long go back.
        assertEqual("1 2 ", idsOf(handlers_.popUnstarted(milliseconds(500), now())));
        assertEqual("3 ", idsOf(handlers_.popUnstarted({}, now())));
    }

    void anUnavailableHandlerGivesItsUnstartedJobsBack() {
        submit({RunMaker::job("1", "send"), RunMaker::job("2", "print")});
        const auto reaction = onOutcome({Kind::Unavailable, "disk full", "", 0});
        assertEqual("1 ", idsOf(reaction.handBack));
        CPPUNIT_ASSERT(!reaction.recovered);
        assertEqual("handler fake/handler: disk full", handlers_.trouble());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count("is unavailable: disk full"));
    }

    void anotherOutcomeEndsTheTrouble() {
        static_cast<void>(onOutcome({Kind::Unavailable, "disk full", "", 0}));
        CPPUNIT_ASSERT(!onOutcome({Kind::Delayed, "", "", 1}).recovered);
        CPPUNIT_ASSERT(!handlers_.trouble().empty());
        clock_.advance(milliseconds(700));
        CPPUNIT_ASSERT(onOutcome({Kind::Completed, "1", "", 0}).recovered);
        CPPUNIT_ASSERT_EQUAL(std::string(), handlers_.trouble());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count("works again after 700 ms"));
        CPPUNIT_ASSERT(!onOutcome({Kind::Completed, "1", "", 0}).recovered);
    }

    void anOpenBreakerRefusesJobs() {
        static_cast<void>(onOutcome({Kind::Unavailable, "disk full", "", 0}));
        auto refused = handlers_.router().submit(
            {runs_.run(RunMaker::job("1", "send")), runs_.run(RunMaker::job("2", "other"))}, now());
        // No handler serves the name of the other job.
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, refused.size());
        clock_.advance(milliseconds(100));
        refused = handlers_.router().submit(
            {runs_.run(RunMaker::job("1", "send")), runs_.run(RunMaker::job("2", "send"))}, now());
        assertEqual("2 ", idsOf(refused));  // One job probes.
    }

private:
    using Handlers = std::vector<std::shared_ptr<HandlerType>>;

    [[nodiscard]] HandlerSet::Time now() const { return clock_.monotonic(); }
    /// As HandlerSet::prepare() makes it, without the threads.
    std::shared_ptr<HandlerRouter> router(Handlers handlers) {
        return std::make_shared<HandlerRouter>(
            handlers_.router(), std::move(handlers), HandlerLimits{});
    }
    void replaceBy(Handlers handlers) {
        handlers_.replace({router(std::move(handlers)), QueueSettings()});
    }
    HandlerSet::Runs submit(const std::vector<ClaimedJob>& jobs) {
        HandlerSet::Runs runs;
        for (const ClaimedJob& job : jobs) {
            runs.push_back(runs_.run(job, now()));
        }
        CPPUNIT_ASSERT(handlers_.router().submit(runs, now()).empty());
        return runs;
    }
    /// Returns the batch of a job that the first handler has run.
    HandlerSet::Reaction onOutcome(JobOutcome outcome) {
        const auto run = runs_.ended(RunMaker::job("9", "send"), std::move(outcome));
        run->assignTo(pool_);
        return handlers_.onOutcome(*run, now());
    }

    std::unique_ptr<LogCapture> log_;
    ManualClock clock_;
    RunMaker runs_;
    OutcomeInbox inbox_;
    const std::shared_ptr<FakeHandler> send_ = handlerOf("send");
    HandlerSet handlers_{{send_, handlerOf("print")}, {}, inbox_, Log("worker", {.queue = "mail"})};
    const HandlerPool* const pool_ = &handlers_.router().routes().front()->pool;
};

CPPUNIT_TEST_SUITE_REGISTRATION(HandlerSetTest);
