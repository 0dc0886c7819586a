#include <algorithm>
#include <map>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "queue/ops/Add.h"
#include "support/Assert.h"
#include "support/WorkerFixture.h"

namespace {

using namespace drover;
using namespace drover::test;

using Handlers = std::vector<std::shared_ptr<HandlerType>>;

}  // namespace

/// Other handlers take over while the worker goes on.
class HandlerReplacementTest : public WorkerFixture {
    CPPUNIT_TEST_SUITE(HandlerReplacementTest);
    CPPUNIT_TEST(jobsThatHaveNotBegunGoToTheNewHandler);
    CPPUNIT_TEST(underLoadEachJobRunsOnceAndNoneOnAnOlderHandler);
    CPPUNIT_TEST(aHandlerThatRefusesChangesNothing);
    CPPUNIT_TEST(handlersThatStayRetainTheirInstances);
    CPPUNIT_TEST(withoutHandlersTheQueueIsLeftAlone);
    CPPUNIT_TEST(theOldOneEndsWithItsLastJob);
    CPPUNIT_TEST(theSecondOfTwoSwitchesAtOnceStands);
    CPPUNIT_TEST(otherSettingsCountFromTheChangeOn);
    CPPUNIT_TEST_SUITE_END();

public:
    void tearDown() override {
        release_ = true;
        WorkerFixture::tearDown();
        release_ = false;
    }

    void jobsThatHaveNotBegunGoToTheNewHandler() {
        settings_.batchSize = 1;
        settings_.unstartedMax = std::chrono::seconds(60);
        const auto before = holding();
        const auto after = std::make_shared<FakeHandler>(completeAll);
        const std::string held = addJob();
        run(before);
        eventually("it runs", [&] { return before->seen() == 1; });
        const std::string waiting = addJob();
        eventually("it is claimed", [&] { return stateOf(waiting) == JobState::Active; });
        change({after});
        eventually("it ran", [&] { return stateOf(waiting) == JobState::Completed; });
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, after->seen());
        CPPUNIT_ASSERT(stateOf(held) == JobState::Active);
        release_ = true;
        eventually("the other ended", [&] { return stateOf(held) == JobState::Completed; });
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, before->seen());
        assertEqual("1", hash(waiting)["ats"]);
    }

    void underLoadEachJobRunsOnceAndNoneOnAnOlderHandler() {
        constexpr int kJobs = 6000;
        settings_.threads = 3;
        settings_.batchSize = 4;
        settings_.concurrency = 64;
        std::mutex mutex;
        std::map<std::string, int> runs;
        // Claims are numbered; a handler begins its jobs in their order.
        std::vector<std::pair<int, int>> claims;  // Lowest and highest of each handler.
        const auto counting = [&](std::size_t number) {
            return std::make_shared<FakeHandler>([&, number](std::span<RunningJob* const> jobs) {
                const std::lock_guard lock(mutex);
                for (const RunningJob* job : jobs) {
                    const std::string& token = job->job().token;
                    const int claim = std::stoi(token.substr(token.rfind(':') + 1));
                    ++runs[job->job().id];
                    auto& [lowest, highest] = claims[number];
                    lowest = std::min(lowest, claim);
                    highest = std::max(highest, claim);
                }
                completeAll(jobs);
            });
        };
        claims.assign(51, {1 << 30, 0});
        addMany(kJobs / 2);
        int added = kJobs / 2;
        run(counting(0));
        for (std::size_t number = 1; number <= 50; ++number) {
            const auto next = counting(number);
            if (number == 25) {
                addMany(kJobs / 2);
                added = kJobs;
            }
            change({next});
            eventually("it works or nothing is left",
                       [&] { return next->seen() > 0 || completedCount() == added; });
        }
        eventually("all are done", [&] { return completedCount() == kJobs; });
        const std::lock_guard lock(mutex);
        CPPUNIT_ASSERT_EQUAL(std::size_t{kJobs}, runs.size());
        for (const auto& [id, count] : runs) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE("job " + id, 1, count);
        }
        int highest = 0;
        std::size_t worked = 0;
        for (const auto& [low, high] : claims) {
            if (high > 0) {
                CPPUNIT_ASSERT_MESSAGE("an older handler got a later claim", low >= highest);
                highest = high;
                ++worked;
            }
        }
        CPPUNIT_ASSERT_MESSAGE(std::to_string(worked) + " handlers worked", worked > 10);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"ZCARD", keys().failed}));
    }

    void aHandlerThatRefusesChangesNothing() {
        const auto present = std::make_shared<FakeHandler>(completeAll);
        run(present);
        const auto refusing = std::make_shared<FakeHandler>(completeAll);
        refusing->refuses = true;
        CPPUNIT_ASSERT_THROW(static_cast<void>(worker_->prepare({refusing}, settings_)),
                             PluginException);
        const std::string id = addJob();
        eventually("it ran", [&] { return stateOf(id) == JobState::Completed; });
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, present->seen());
    }

    void handlersThatStayRetainTheirInstances() {
        const auto stays =
            std::make_shared<FakeHandler>(completeAll, std::vector<std::string>{"stays"});
        const auto goes = std::make_shared<FakeHandler>(completeAll);
        run(stays);
        change({stays, goes});
        const std::string id = addJob("other");
        eventually("it ran", [&] { return stateOf(id) == JobState::Completed; });
        change({stays});
        eventually("one is gone", [&] { return goes->instances() == 0; });
        const std::string kept = addJob("stays");
        eventually("it ran", [&] { return stateOf(kept) == JobState::Completed; });
        CPPUNIT_ASSERT_EQUAL(settings_.threads, stays->instances());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, stays->seen());
    }

    void withoutHandlersTheQueueIsLeftAlone() {
        const auto first = std::make_shared<FakeHandler>(completeAll);
        run(first);
        untilBlocked();
        change({});
        eventually("it is gone", [&] { return first->instances() == 0; });
        const std::string id = addJob();
        const std::string other = addJob();
        CPPUNIT_ASSERT(stateOf(id) == JobState::Waiting);
        const auto second = std::make_shared<FakeHandler>(completeAll);
        change({second});
        eventually("they ran", [&] { return second->seen() == 2; });
        eventually("they ended", [&] { return stateOf(other) == JobState::Completed; });
        assertEqual("1", hash(id)["ats"]);
    }

    void theOldOneEndsWithItsLastJob() {
        const auto before = holding();
        settings_.lockDuration = std::chrono::milliseconds(600);
        const std::string held = addJob();
        run(before);
        keepLocks(options());
        eventually("it runs", [&] { return before->seen() == 1; });
        change({std::make_shared<FakeHandler>(completeAll)});
        const std::string next = addJob();
        eventually("the new one works", [&] { return stateOf(next) == JobState::Completed; });
        // Longer than its lock lives: the keeper renews the locks of the old handler's jobs.
        const auto begun = clock_.monotonic();
        eventually("time passed",
                   [&] { return clock_.monotonic() - begun > settings_.lockDuration * 2; });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"EXISTS", keys().job(held) + ":lock"}));
        CPPUNIT_ASSERT(before->instances() > 0);
        CPPUNIT_ASSERT(worker_->handlersBusy());
        release_ = true;
        eventually("it ended", [&] { return stateOf(held) == JobState::Completed; });
        eventually("it is gone", [&] { return before->instances() == 0; });
    }

    void theSecondOfTwoSwitchesAtOnceStands() {
        const auto first = std::make_shared<FakeHandler>(completeAll);
        const auto second = std::make_shared<FakeHandler>(completeAll);
        run(std::make_shared<FakeHandler>(completeAll));
        change({first});
        change({second});
        const std::string id = addJob();
        eventually("it ran", [&] { return stateOf(id) == JobState::Completed; });
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, second->seen());
        eventually("one is gone", [&] { return first->instances() == 0; });
    }

    void otherSettingsCountFromTheChangeOn() {
        settings_.threads = 1;
        settings_.batchSize = 1;
        settings_.concurrency = 1;
        const auto handler = holding();
        addMany(500);
        run(handler);
        eventually("one runs", [&] { return handler->seen() == 1; });
        settings_.threads = 3;
        settings_.concurrency = 10;
        change({handler});
        // The running job ends where it is.
        eventually("three more run", [&] { return handler->seen() == 4; });
        CPPUNIT_ASSERT_EQUAL(10, worker_->settings().concurrency);
        release_ = true;
        eventually("all are done", [&] { return completedCount() == 500; });
        eventually("the first thread has ended", [&] { return handler->instances() == 3; });
    }

private:
    void change(const Handlers& handlers) {
        worker_->replaceHandlers(worker_->prepare(handlers, settings_));
    }

    /// Holds its jobs until release_, then completes them.
    std::shared_ptr<FakeHandler> holding() {
        return std::make_shared<FakeHandler>([this](std::span<RunningJob* const> jobs) {
            while (!release_) {
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
            completeAll(jobs);
        });
    }

    void addMany(int count) {
        JobRecord item;
        item.name = "test";
        item.data = item.opts = "{}";
        for (int added = 0; added < count; added += 500) {
            ops::addJobs(context(),
                         client(),
                         std::vector<JobRecord>(static_cast<std::size_t>(500), item),
                         clock_.wallMs());
        }
    }

    std::int64_t completedCount() { return number({"ZCARD", keys().completed}); }

    std::atomic<bool> release_{false};
};

CPPUNIT_TEST_SUITE_REGISTRATION(HandlerReplacementTest);
