#include <algorithm>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "support/Assert.h"
#include "support/RedisFixture.h"
#include "support/WholeQueue.h"

namespace {

using namespace drover;
using namespace drover::test;
using Status = AddResult::Status;

}  // namespace

/// The bounds of a queue, by the load that a real Redis shows.
class AdmissionTest : public RedisFixture {
    CPPUNIT_TEST_SUITE(AdmissionTest);
    CPPUNIT_TEST(addsBeyondTheDepthAreRefusedAndNothingIsAdded);
    CPPUNIT_TEST(theFirstAddWaitsForTheLoad);
    CPPUNIT_TEST(aLoadThatIsNotKnownInTimeAddsNothing);
    CPPUNIT_TEST(jobsOfOtherClientsCount);
    CPPUNIT_TEST(aRepetitionIsAnsweredByAFullQueue);
    CPPUNIT_TEST(aQueueThatIsDrainedAdmitsAgain);
    CPPUNIT_TEST(theRateOfWorkersBoundsTheWait);
    CPPUNIT_TEST(memoryBeyondItsBoundIsRefused);
    CPPUNIT_TEST(anEstimateNeedsNoBound);
    CPPUNIT_TEST(aKeyOfAnotherTypeRefusesNothing);
    CPPUNIT_TEST_SUITE_END();

public:
    void addsBeyondTheDepthAreRefusedAndNothingIsAdded() {
        open({.maxDepth = 3});
        untilKnown();
        CPPUNIT_ASSERT(add(2).status == Status::Added);
        const AddResult refused = add(2);
        CPPUNIT_ASSERT(refused.status == Status::QueueFull);
        assertContains(refused.message, "2 jobs wait in the queue " + keys().qualifiedName());
        CPPUNIT_ASSERT(refused.retryAfter >= std::chrono::seconds(1));
        CPPUNIT_ASSERT(add(1).status == Status::Added);
        CPPUNIT_ASSERT(add(1).status == Status::QueueFull);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, queue_->counts().waiting);
    }

    void theFirstAddWaitsForTheLoad() {
        open({.maxDepth = 3});
        const AddResult refused = add(100);
        CPPUNIT_ASSERT(refused.status == Status::QueueFull);
        assertContains(refused.message, "0 jobs wait in the queue " + keys().qualifiedName());
        open({.maxDepth = 3});
        CPPUNIT_ASSERT(addOnce(4, {"key", "content"}).front().status == Status::QueueFull);
        open({.maxDepth = 3});
        CPPUNIT_ASSERT(add(3).status == Status::Added);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, queue_->counts().waiting);
    }

    void aLoadThatIsNotKnownInTimeAddsNothing() {
        useOwnServer();
        redis({"PING"});
        server_->freeze();
        open({.maxDepth = 3});
        const AddResult late =
            queue_->add({"mail"}, Queue::Clock::now() + std::chrono::milliseconds(50));
        server_->thaw();
        CPPUNIT_ASSERT(late.status == Status::Unavailable);
        assertContains(late.message, "was not known in time");
        eventually("an add is admitted", [this] { return add(1).status == Status::Added; });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, queue_->counts().waiting);
    }

    void jobsOfOtherClientsCount() {
        for (int i = 0; i < 3; ++i) {
            addJob();
        }
        redis({"ZADD", keys().prioritized, "1", "x"});
        redis({"RPUSH", keys().paused, "y"});
        open({.maxDepth = 5});
        untilKnown();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, queue_->load()->waiting);
        CPPUNIT_ASSERT(add(1).status == Status::QueueFull);
    }

    void aRepetitionIsAnsweredByAFullQueue() {
        open({.maxDepth = 2});
        untilKnown();
        const AddOnce first{"key-1", "content"};
        const auto added = addOnce(2, first);
        CPPUNIT_ASSERT(added[0].status == Status::Added);
        const AddOnce second{"key-2", "content"};
        CPPUNIT_ASSERT(addOnce(1, second)[0].status == Status::QueueFull);
        const auto again = addOnce(2, first);
        for (std::size_t i = 0; i < added.size(); ++i) {
            CPPUNIT_ASSERT(again[i].status == Status::Added);
            CPPUNIT_ASSERT(again[i].repeated);
            assertEqual(added[i].id, again[i].id);
        }
        CPPUNIT_ASSERT(addOnce(2, {"key-1", "other"})[0].status == Status::KeyTaken);
        // The refusal left no record: the key adds when there is room.
        assertEqual("none", text({"TYPE", keys().qualifiedName() + ":drover:once:key-2"}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, queue_->counts().waiting);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, claim(2).size());
        eventually("the key adds", [&] {
            const AddResult result = addOnce(1, second)[0];
            return result.status == Status::Added && !result.repeated;
        });
    }

    void aQueueThatIsDrainedAdmitsAgain() {
        open({.maxDepth = 2});
        untilKnown();
        CPPUNIT_ASSERT(add(2).status == Status::Added);
        CPPUNIT_ASSERT(add(1).status == Status::QueueFull);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, claim(2).size());
        eventually("an add is admitted", [this] { return add(1).status == Status::Added; });
    }

    void theRateOfWorkersBoundsTheWait() {
        open({.maxWait = std::chrono::milliseconds(1000)});
        untilKnown();
        CPPUNIT_ASSERT(add(500).status == Status::Added);
        // Workers that end few of many jobs; removed ones have left as well.
        eventually("the wait is known to be long", [this] {
            const std::string id = text({"RPOP", keys().wait});
            redis({"DEL", keys().job(id)});
            return add(1).status == Status::QueueFull;
        });
        CPPUNIT_ASSERT(*queue_->load()->drainPerSecond > 0);
        assertContains(add(1).message, "1000 ms are allowed");
    }

    void memoryBeyondItsBoundIsRefused() {
        useOwnServer();
        redis({"CONFIG", "SET", "maxmemory", "100mb"});
        open({.maxMemoryPercent = 50});
        untilKnown();
        CPPUNIT_ASSERT(add(1).status == Status::Added);
        redis({"CONFIG", "SET", "maxmemory", "1mb"});
        eventually("an add is refused", [this] { return add(1).status == Status::MemoryFull; });
        redis({"CONFIG", "SET", "maxmemory", "0"});
        eventually("an add is admitted", [this] { return add(1).status == Status::Added; });
    }

    void anEstimateNeedsNoBound() {
        addJob();
        open({});
        CPPUNIT_ASSERT(add(1).status == Status::Added);
        untilKnown();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, queue_->load()->waiting);
    }

    void aKeyOfAnotherTypeRefusesNothing() {
        redis({"SET", keys().prioritized, "text"});
        open({.maxDepth = 1});
        CPPUNIT_ASSERT(!queue_->load());
        redis({"DEL", keys().prioritized});
        untilKnown();
        CPPUNIT_ASSERT(add(1).status == Status::Added);
        CPPUNIT_ASSERT(add(1).status == Status::QueueFull);
    }

private:
    void open(const Queue::Admission& bounds) {
        Queue::Settings settings;
        settings.name = context().keys().qualifiedName().substr(5);
        settings.addTimeout = std::chrono::seconds(10);
        settings.admission = bounds;
        queue_ = std::make_unique<WholeQueue>(options(), settings);
    }
    void untilKnown() {
        eventually("a sample", [this] { return queue_->load().has_value(); });
    }
    /// Adds a bulk; returns the first result.
    AddResult add(std::size_t count) {
        std::vector<NewJob> jobs(count);
        for (NewJob& job : jobs) {
            job.name = "mail";
        }
        return queue_->addBulk(std::move(jobs), Queue::Clock::now() + std::chrono::seconds(10))
            .front();
    }

    std::vector<AddResult> addOnce(std::size_t count, const AddOnce& once) {
        std::vector<NewJob> jobs(count);
        for (NewJob& job : jobs) {
            job.name = "mail";
        }
        const auto promise = std::make_shared<std::promise<std::vector<AddResult>>>();
        std::future<std::vector<AddResult>> results = promise->get_future();
        queue_->addOnceAsync(std::move(jobs), once, [promise](std::vector<AddResult> all) {
            promise->set_value(std::move(all));
        });
        return results.get();
    }

    std::unique_ptr<WholeQueue> queue_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(AdmissionTest);
