#include <poll.h>
#include <string>
#include <utility>

#include <cppunit/extensions/HelperMacros.h>

#include "support/Assert.h"
#include "support/RunMaker.h"
#include "worker/OutcomeInbox.h"

namespace {

using namespace drover;
using namespace drover::test;

}  // namespace

/// The loop wakes when there are enough finished jobs, and misses none.
class OutcomeInboxTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(OutcomeInboxTest);
    CPPUNIT_TEST(oneFinishedJobWakesAtFirst);
    CPPUNIT_TEST(enoughJobsOfSeveralBatchesWake);
    CPPUNIT_TEST(aLowerNumberCountsForJobsThatLieThere);
    CPPUNIT_TEST(batchesComeAsTheyWerePushed);
    CPPUNIT_TEST(aWakeUpNeedsNoJob);
    CPPUNIT_TEST_SUITE_END();

public:
    void oneFinishedJobWakesAtFirst() {
        CPPUNIT_ASSERT(!readable());
        push(1);
        CPPUNIT_ASSERT(readable());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, inbox_.popAll().size());
        CPPUNIT_ASSERT(!readable());
        push(1);
        CPPUNIT_ASSERT(readable());
    }

    void enoughJobsOfSeveralBatchesWake() {
        inbox_.wakeFrom(5);
        push(2);
        push(2);
        CPPUNIT_ASSERT(!readable());
        push(1);
        CPPUNIT_ASSERT(readable());
    }

    void aLowerNumberCountsForJobsThatLieThere() {
        inbox_.wakeFrom(5);
        push(2);
        CPPUNIT_ASSERT(!readable());
        inbox_.wakeFrom(1);
        CPPUNIT_ASSERT(readable());
    }

    void batchesComeAsTheyWerePushed() {
        push(2);
        push(1);
        const auto batches = inbox_.popAll();
        assertEqual("1 2 ", idsOf(batches.at(0).runs));
        assertEqual("3 ", idsOf(batches.at(1).runs));
        CPPUNIT_ASSERT(inbox_.popAll().empty());
    }

    void aWakeUpNeedsNoJob() {
        inbox_.wakeFrom(100);
        inbox_.wake();
        CPPUNIT_ASSERT(readable());
        CPPUNIT_ASSERT(inbox_.popAll().empty());
    }

private:
    [[nodiscard]] bool readable() const {
        pollfd fd{inbox_.fd(), POLLIN, 0};
        return poll(&fd, 1, 0) == 1;
    }
    void push(int jobs) {
        FinishedBatch batch;
        for (int i = 0; i < jobs; ++i) {
            batch.runs.push_back(runs_.run(RunMaker::job(std::to_string(++last_))));
        }
        inbox_.push(std::move(batch));
    }

    RunMaker runs_;
    OutcomeInbox inbox_;
    int last_ = 0;
};

CPPUNIT_TEST_SUITE_REGISTRATION(OutcomeInboxTest);
