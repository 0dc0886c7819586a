#include <chrono>

#include <cppunit/extensions/HelperMacros.h>

#include "support/ManualClock.h"
#include "worker/QueueOutlook.h"

namespace {

using namespace drover;
using drover::test::ManualClock;
using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace

/// After each claim the outlook has whether another one may find jobs, and when.
class QueueOutlookTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(QueueOutlookTest);
    CPPUNIT_TEST(atFirstJobsMayBeThere);
    CPPUNIT_TEST(anEmptyQueueIsNotReadUntilJobsAreExpected);
    CPPUNIT_TEST(aDelayedJobThatIsDueIsClaimed);
    CPPUNIT_TEST(aMarkerMovesTheDueTime);
    CPPUNIT_TEST(aClosedLimitOpensByItself);
    CPPUNIT_TEST(theLaterClosingCounts);
    CPPUNIT_TEST(aSharedQueueIsReportedResumedOnce);
    CPPUNIT_TEST_SUITE_END();

public:
    void atFirstJobsMayBeThere() {
        CPPUNIT_ASSERT(outlook_.mayFindJobs());
        CPPUNIT_ASSERT(!outlook_.isClosed(now()));
    }

    void anEmptyQueueIsNotReadUntilJobsAreExpected() {
        onClaim({});
        CPPUNIT_ASSERT(!outlook_.mayFindJobs());
        outlook_.expectJobs();
        CPPUNIT_ASSERT(outlook_.mayFindJobs());
        onClaim({});
        CPPUNIT_ASSERT(!outlook_.mayFindJobs());
        QueueOutlook::Claim claim;
        claim.more = true;
        onClaim(claim);
        CPPUNIT_ASSERT(outlook_.mayFindJobs());
    }

    void aDelayedJobThatIsDueIsClaimed() {
        QueueOutlook::Claim claim;
        claim.nextDelayedMs = clock_.wallMs() + 1;
        onClaim(claim);
        CPPUNIT_ASSERT(!outlook_.mayFindJobs());
        CPPUNIT_ASSERT_EQUAL(clock_.wallMs() + 1, outlook_.nextDelayedMs());
        clock_.advance(milliseconds(1));
        onClaim(claim);
        CPPUNIT_ASSERT(outlook_.mayFindJobs());
    }

    void aMarkerMovesTheDueTime() {
        onClaim({});
        outlook_.onDelayedMarker(clock_.wallMs() + 500);
        CPPUNIT_ASSERT_EQUAL(clock_.wallMs() + 500, outlook_.nextDelayedMs());
        onClaim({});
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, outlook_.nextDelayedMs());
    }

    void aClosedLimitOpensByItself() {
        QueueOutlook::Claim claim;
        claim.closedFor = seconds(2);
        onClaim(claim);
        CPPUNIT_ASSERT(outlook_.mayFindJobs());  // Jobs wait behind the limit.
        CPPUNIT_ASSERT(outlook_.isClosed(now()));
        CPPUNIT_ASSERT(outlook_.opensAt() == now() + seconds(2));
        clock_.advance(seconds(2));
        CPPUNIT_ASSERT(!outlook_.isClosed(now()));
    }

    void theLaterClosingCounts() {
        outlook_.closeUntil(now() + seconds(5));
        outlook_.closeUntil(now() + seconds(3));
        CPPUNIT_ASSERT(outlook_.opensAt() == now() + seconds(5));
    }

    void aSharedQueueIsReportedResumedOnce() {
        QueueOutlook::Claim paused;
        paused.sharedPaused = true;
        CPPUNIT_ASSERT(!onClaim({}));
        CPPUNIT_ASSERT(!onClaim(paused));
        CPPUNIT_ASSERT(!onClaim(paused));
        CPPUNIT_ASSERT(onClaim({}));
        CPPUNIT_ASSERT(!onClaim({}));
    }

private:
    [[nodiscard]] QueueOutlook::Time now() const { return clock_.monotonic(); }
    bool onClaim(const QueueOutlook::Claim& claim) {
        return outlook_.onClaim(claim, clock_.wallMs(), now());
    }

    ManualClock clock_;
    QueueOutlook outlook_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(QueueOutlookTest);
