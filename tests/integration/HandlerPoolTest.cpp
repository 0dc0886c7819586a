#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <stdexcept>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "support/Assert.h"
#include "support/WorkerFixture.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;
using Sizes = std::vector<std::size_t>;

/// Refuses the instance of the n-th thread.
class Refusing : public FakeHandler {
public:
    explicit Refusing(int nth) : FakeHandler(completeAll), nth_(nth) {}
    std::unique_ptr<HandlerInstance> create() override {
        if (++created_ == nth_) {
            throw PluginException("fake/handler: no database configured");
        }
        return FakeHandler::create();
    }

private:
    const int nth_;
    std::atomic<int> created_{0};
};

/// Throws from process(), which an instance must not do.
class Throwing : public FakeHandler {
public:
    Throwing()
        : FakeHandler([](std::span<RunningJob* const>) { throw std::runtime_error("no"); }) {}
};

}  // namespace

/// Threads of a handler: which jobs run together, and the fate of jobs that come back without an outcome.
class HandlerPoolTest : public WorkerFixture {
    CPPUNIT_TEST_SUITE(HandlerPoolTest);
    CPPUNIT_TEST(aBatchHoldsWhatIsThereUpToItsSize);
    CPPUNIT_TEST(theHandlersOwnLimitBoundsABatch);
    CPPUNIT_TEST(aJobThatFailedBeforeRunsAlone);
    CPPUNIT_TEST(aJobThatStalledBeforeRunsAlone);
    CPPUNIT_TEST(jobsBehindOneThatRunsAloneStayInOrder);
    CPPUNIT_TEST(threadsRunBesideEachOther);
    CPPUNIT_TEST(aRefusedInstanceIsReported);
    CPPUNIT_TEST(oneRefusedInstanceOfManyIsReported);
    CPPUNIT_TEST(aHandlerThatThrowsLosesNoJob);
    CPPUNIT_TEST(aJobWithoutOutcomeComesBackLater);
    CPPUNIT_TEST(theFirstOutcomeStands);
    CPPUNIT_TEST(theTimeoutSetsTheTokenOfEachJobOfTheBatch);
    CPPUNIT_TEST(waitingForTheTokenEndsAtTheTimeout);
    CPPUNIT_TEST(theOutcomeAfterTheTimeoutCounts);
    CPPUNIT_TEST(theTimeBeforeTheHandlerBeginsIsNotCounted);
    CPPUNIT_TEST(aCustomBackoffIsTheHandlersOwn);
    CPPUNIT_TEST(aBackoffThatAnOldHandlerLacksFails);
    CPPUNIT_TEST(jobsOfTwoHandlersDoNotMix);
    CPPUNIT_TEST(progressAndDataMustBeJson);
    CPPUNIT_TEST(aHostCallOnAKeyOfAnotherTypeDoesNotThrow);
    CPPUNIT_TEST_SUITE_END();

public:
    void tearDown() override {
        hold_ = false;
        WorkerFixture::tearDown();
    }

    void aBatchHoldsWhatIsThereUpToItsSize() {
        auto handler = holding();
        settings_.batchSize = 4;
        for (int i = 0; i < 10; ++i) {
            addJob();
        }
        settings_.concurrency = 10;
        runHeldUntil(handler, 8);
        hold_ = false;
        eventually("all done", [&] { return number({"ZCARD", keys().completed}) == 10; });
        const Sizes batches = handler->batches();
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, batches[0]);
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, batches[1]);
        CPPUNIT_ASSERT(*std::max_element(batches.begin(), batches.end()) <= 4);
    }

    void theHandlersOwnLimitBoundsABatch() {
        auto handler = std::make_shared<FakeHandler>(completeAll, std::vector<std::string>{}, 3);
        settings_.batchSize = 64;
        for (int i = 0; i < 20; ++i) {
            addJob();
        }
        run(handler);
        eventually("all done", [&] { return number({"ZCARD", keys().completed}) == 20; });
        const Sizes batches = handler->batches();
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, *std::max_element(batches.begin(), batches.end()));
    }

    void aJobThatFailedBeforeRunsAlone() { runsAlone("atm"); }
    void aJobThatStalledBeforeRunsAlone() { runsAlone("stc"); }

    void jobsBehindOneThatRunsAloneStayInOrder() {
        std::mutex mutex;
        std::vector<std::string> order;
        auto handler = std::make_shared<FakeHandler>([&](std::span<RunningJob* const> jobs) {
            {
                const std::lock_guard lock(mutex);
                for (RunningJob* job : jobs) {
                    order.push_back(job->job().id);
                }
            }
            completeAll(jobs);
        });
        for (int i = 0; i < 7; ++i) {
            addJob();
        }
        redis({"HSET", keys().job("4"), "atm", "1"});
        run(handler);
        eventually("all done", [&] { return number({"ZCARD", keys().completed}) == 7; });
        const std::lock_guard lock(mutex);
        CPPUNIT_ASSERT((std::vector<std::string>{"1", "2", "3", "4", "5", "6", "7"} == order));
    }

    void threadsRunBesideEachOther() {
        auto handler = holding();
        settings_.threads = 3;
        settings_.batchSize = 1;
        for (int i = 0; i < 3; ++i) {
            addJob();
        }
        run(handler);
        eventually("three at once", [&] { return handler->batches().size() == 3; });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, number({"LLEN", keys().active}));
    }

    void aRefusedInstanceIsReported() {
        CPPUNIT_ASSERT_THROW(run(std::make_shared<Refusing>(1)), PluginException);
    }

    void oneRefusedInstanceOfManyIsReported() {
        settings_.threads = 4;
        addJob();
        CPPUNIT_ASSERT_THROW(run(std::make_shared<Refusing>(3)), PluginException);
        worker_.reset();
        CPPUNIT_ASSERT(stateOf("1") == JobState::Waiting);
    }

    void aHandlerThatThrowsLosesNoJob() {
        addJob();
        addJob();
        run(std::make_shared<Throwing>());
        eventually("handed back", [&] { return number({"ZCARD", keys().delayed}) == 2; });
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, hash("1").count("atm"));
        eventually("again", [&] { return std::stoi(hash("1")["ats"]) >= 2; });
    }

    void aJobWithoutOutcomeComesBackLater() {
        std::atomic<int> calls{0};
        run(std::make_shared<FakeHandler>([&](std::span<RunningJob* const> jobs) {
            if (++calls > 1) {
                completeAll(jobs);
            }
        }));
        const std::string id = addJob();
        const auto began = SteadyClock::now();
        eventually("completed", [&] { return stateOf(id) == JobState::Completed; });
        CPPUNIT_ASSERT(SteadyClock::now() - began >= milliseconds(900));
        assertEqual("1", hash(id)["atm"]);
        assertEqual("2", hash(id)["ats"]);
    }

    void theFirstOutcomeStands() {
        std::atomic<int> accepted{0};
        run(std::make_shared<FakeHandler>([&](std::span<RunningJob* const> jobs) {
            accepted += jobs.front()->setOutcome({JobOutcome::Kind::Completed, "1", "", 0}) ? 1 : 0;
            accepted += jobs.front()->setOutcome({JobOutcome::Kind::Failed, "2", "", 0}) ? 1 : 0;
        }));
        const std::string id = addJob();
        eventually("completed", [&] { return stateOf(id) == JobState::Completed; });
        CPPUNIT_ASSERT_EQUAL(1, accepted.load());
    }

    void theTimeoutSetsTheTokenOfEachJobOfTheBatch() {
        settings_.timeout = milliseconds(100);
        std::atomic<int> early{0};
        std::atomic<int> timedOut{0};
        addJob();
        addJob();
        run(std::make_shared<FakeHandler>([&](std::span<RunningJob* const> jobs) {
            for (RunningJob* job : jobs) {
                early += job->cancelled() != CancelReason::None ? 1 : 0;
            }
            while (jobs.front()->cancelled() == CancelReason::None) {
            }
            for (RunningJob* job : jobs) {
                timedOut += job->cancelled() == CancelReason::Timeout ? 1 : 0;
            }
            completeAll(jobs);
        }));
        eventually("both done", [&] { return number({"ZCARD", keys().completed}) == 2; });
        CPPUNIT_ASSERT_EQUAL(0, early.load());
        CPPUNIT_ASSERT_EQUAL(2, timedOut.load());
    }

    void waitingForTheTokenEndsAtTheTimeout() {
        settings_.timeout = milliseconds(100);
        std::atomic<std::int64_t> took{0};
        std::atomic<CancelReason> reason{CancelReason::None};
        addJob();
        run(std::make_shared<FakeHandler>([&](std::span<RunningJob* const> jobs) {
            const auto began = SteadyClock::now();
            reason = jobs.front()->waitCancelled(milliseconds::max());
            took = std::chrono::duration_cast<milliseconds>(SteadyClock::now() - began).count();
            completeAll(jobs);
        }));
        eventually("done", [&] { return number({"ZCARD", keys().completed}) == 1; });
        CPPUNIT_ASSERT(reason == CancelReason::Timeout);
        CPPUNIT_ASSERT_MESSAGE(std::to_string(took), took >= 90 && took < 5000);
    }

    void theOutcomeAfterTheTimeoutCounts() {
        settings_.timeout = milliseconds(1);
        addJob();
        addJob("fail");
        run(std::make_shared<FakeHandler>([](std::span<RunningJob* const> jobs) {
            for (RunningJob* job : jobs) {
                while (job->cancelled() != CancelReason::Timeout) {
                }
                const bool fails = job->job().name == "fail";
                job->setOutcome({fails ? JobOutcome::Kind::Failed : JobOutcome::Kind::Completed,
                                 fails ? "too late" : "1",
                                 "",
                                 0});
            }
        }));
        eventually("completed", [&] { return stateOf("1") == JobState::Completed; });
        eventually("failed", [&] { return stateOf("2") == JobState::Failed; });
        assertEqual("too late", hash("2")["failedReason"]);
    }

    void theTimeBeforeTheHandlerBeginsIsNotCounted() {
        settings_.timeout = milliseconds(300);
        settings_.batchSize = 1;
        settings_.unstartedMax = std::chrono::seconds(30);
        std::atomic<int> calls{0};
        std::atomic<CancelReason> second{CancelReason::Lost};
        addJob();
        addJob();
        run(std::make_shared<FakeHandler>([&](std::span<RunningJob* const> jobs) {
            if (++calls == 1) {
                // Both are claimed; the second one waits for as long as a job may take.
                jobs.front()->waitCancelled(std::chrono::seconds(10));
            } else {
                second = jobs.front()->cancelled();
            }
            completeAll(jobs);
        }));
        eventually("both done", [&] { return number({"ZCARD", keys().completed}) == 2; });
        CPPUNIT_ASSERT(second == CancelReason::None);
    }

    void aCustomBackoffIsTheHandlersOwn() {
        auto handler = failing();
        handler->backoff = [](int attemptsMade) { return attemptsMade * 60000; };
        const std::string id = addJob("test", "{}", kCustomBackoff);
        run(handler);
        eventually("delayed", [&] { return stateOf(id) == JobState::Delayed; });
        assertEqual("60000", hash(id)["delay"]);
    }

    void aBackoffThatAnOldHandlerLacksFails() {
        const std::string id = addJob("test", "{}", kCustomBackoff);
        run(failing());
        eventually("failed", [&] { return stateOf(id) == JobState::Failed; });
        assertEqual("1", hash(id)["atm"]);
    }

    void jobsOfTwoHandlersDoNotMix() {
        const auto only = [](const std::string& name, std::atomic<int>& wrong) {
            return std::make_shared<FakeHandler>(
                [name, &wrong](std::span<RunningJob* const> jobs) {
                    for (RunningJob* job : jobs) {
                        wrong += job->job().name == name ? 0 : 1;
                    }
                    completeAll(jobs);
                },
                std::vector<std::string>{name});
        };
        std::atomic<int> wrong{0};
        for (int i = 0; i < 20; ++i) {
            addJob(i % 2 == 0 ? "even" : "odd");
        }
        settings_.name = keys().qualifiedName().substr(5);
        worker_ = std::make_unique<Worker>(
            settings_,
            options(),
            clock_,
            std::vector<std::shared_ptr<HandlerType>>{only("even", wrong), only("odd", wrong)});
        worker_->start();
        eventually("all done", [&] { return number({"ZCARD", keys().completed}) == 20; });
        CPPUNIT_ASSERT_EQUAL(0, wrong.load());
    }

    void progressAndDataMustBeJson() {
        // One value that is none ends the event loop of every BullMQ client of the queue.
        std::atomic<HostStatus> bad{HostStatus::Ok}, badData{HostStatus::Ok},
            good{HostStatus::Lost};
        run(std::make_shared<FakeHandler>([&](std::span<RunningJob* const> jobs) {
            bad = jobs.front()->updateProgress("{half");
            badData = jobs.front()->updateData("");
            good = jobs.front()->updateProgress("50");
            completeAll(jobs);
        }));
        const std::string id = addJob();
        eventually("completed", [&] { return stateOf(id) == JobState::Completed; });
        CPPUNIT_ASSERT(bad == HostStatus::Argument);
        CPPUNIT_ASSERT(badData == HostStatus::Argument);
        CPPUNIT_ASSERT(good == HostStatus::Ok);
        assertEqual("50", hash(id)["progress"]);
        assertEqual("{}", hash(id)["data"]);
    }

    void aHostCallOnAKeyOfAnotherTypeDoesNotThrow() {
        std::atomic<HostStatus> status{HostStatus::Ok};
        const std::string id = addJob();
        redis({"SET", keys().job(id) + ":logs", "a string"});
        run(std::make_shared<FakeHandler>([&](std::span<RunningJob* const> jobs) {
            status = jobs.front()->addLog("row");
            completeAll(jobs);
        }));
        eventually("completed", [&] { return stateOf(id) == JobState::Completed; });
        CPPUNIT_ASSERT(status == HostStatus::Unavailable);
    }

private:
    static constexpr const char* kCustomBackoff =
        "{\"attempts\":3,\"backoff\":{\"type\":\"moon\",\"delay\":5}}";

    std::shared_ptr<FakeHandler> holding() {
        return std::make_shared<FakeHandler>([this](std::span<RunningJob* const> jobs) {
            while (hold_) {
                jobs.front()->waitCancelled(milliseconds(2));
            }
            completeAll(jobs);
        });
    }
    static std::shared_ptr<FakeHandler> failing() {
        return std::make_shared<FakeHandler>([](std::span<RunningJob* const> jobs) {
            for (RunningJob* job : jobs) {
                job->setOutcome({JobOutcome::Kind::Failed, "boom", "", 0});
            }
        });
    }
    /// Runs the handler, which holds its first batch, until so many jobs are claimed.
    void runHeldUntil(const std::shared_ptr<FakeHandler>& handler, std::int64_t claimed) {
        settings_.unstartedMax = std::chrono::seconds(30);
        run(handler);
        eventually("claimed", [&] { return number({"LLEN", keys().active}) >= claimed; });
    }
    void runsAlone(const std::string& field) {
        auto handler = holding();
        settings_.batchSize = 4;
        for (int i = 0; i < 7; ++i) {
            addJob();
        }
        // The first batch is 1 to 4 unless something among them must run alone: 3 does.
        redis({"HSET", keys().job("3"), field, "1"});
        runHeldUntil(handler, 7);
        hold_ = false;
        eventually("all done", [&] { return number({"ZCARD", keys().completed}) == 7; });
        CPPUNIT_ASSERT((Sizes{2, 1, 4} == handler->batches()));
    }

    std::atomic<bool> hold_{true};
};

CPPUNIT_TEST_SUITE_REGISTRATION(HandlerPoolTest);
