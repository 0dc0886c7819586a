#include <chrono>

#include <cppunit/extensions/HelperMacros.h>

#include "support/ManualClock.h"
#include "worker/ClaimPolicy.h"

namespace {

using namespace drover;
using drover::test::ManualClock;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kBatch = 64;
constexpr std::int64_t kMaxBytes = 64 << 20;

}  // namespace

/// A claim has jobs that can begin soon, as many bytes as may be held, and less after one that was lost.
class ClaimPolicyTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ClaimPolicyTest);
    CPPUNIT_TEST(atFirstAClaimIsWhatIdleThreadsBegin);
    CPPUNIT_TEST(shortJobsAreHeldAheadUpToConcurrency);
    CPPUNIT_TEST(longJobsAreNotHeldAhead);
    CPPUNIT_TEST(jobsThatBeginWithinHalfTheTimeAreHeldAhead);
    CPPUNIT_TEST(jobsOf200MsSettle);
    CPPUNIT_TEST(aFewLongJobsAmongShortOnesCount);
    CPPUNIT_TEST(aBatchThatIsNotFullCountsAsTheWorst);
    CPPUNIT_TEST(handedBackJobsBoundWhatIsHeld);
    CPPUNIT_TEST(theBoundIsLiftedMoreSlowlyEachTime);
    CPPUNIT_TEST(aBoundThatIsLiftedIsForgotten);
    CPPUNIT_TEST(jobsThatWaitAlreadyCount);
    CPPUNIT_TEST(bytesBoundAClaim);
    CPPUNIT_TEST(aWorkerFullOfBytesClaimsNothing);
    CPPUNIT_TEST(oneJobOfAnySizeIsClaimed);
    CPPUNIT_TEST(aLostClaimHalvesTheNext);
    CPPUNIT_TEST(aSlowReplyMakesTheNextOneSmaller);
    CPPUNIT_TEST(otherLimitsHoldAtOnce);
    CPPUNIT_TEST_SUITE_END();

public:
    void atFirstAClaimIsWhatIdleThreadsBegin() {
        CPPUNIT_ASSERT_EQUAL(kBatch, jobs(idle()));
        ClaimPolicy::Load load = idle();
        load.ready = 0;
        CPPUNIT_ASSERT_EQUAL(0, jobs(load));
    }

    void shortJobsAreHeldAheadUpToConcurrency() {
        policy_.onBatch(kBatch, kBatch, microseconds(500));
        ClaimPolicy::Load load = atWork(kBatch, kBatch);
        CPPUNIT_ASSERT_EQUAL(256 - kBatch, jobs(load));
        load.held = 256;
        load.unstarted = 256 - kBatch;
        CPPUNIT_ASSERT_EQUAL(0, jobs(load));
        policy_.onBatch(1, kBatch, microseconds(0));
        CPPUNIT_ASSERT_EQUAL(256 - kBatch, jobs(atWork(kBatch, kBatch)));
    }

    void longJobsAreNotHeldAhead() {
        policy_.onBatch(1, 1, seconds(10));
        CPPUNIT_ASSERT_EQUAL(0, jobs(atWork(4, 4)));
        // One of four threads is idle.
        ClaimPolicy::Load load = atWork(4, 3);
        CPPUNIT_ASSERT_EQUAL(1, jobs(load));
        load.ready = 0;
        CPPUNIT_ASSERT_EQUAL(0, jobs(load));
    }

    void jobsThatBeginWithinHalfTheTimeAreHeldAhead() {
        policy_.onBatch(1, 1, milliseconds(50));
        CPPUNIT_ASSERT_EQUAL(4 * 5, jobs(atWork(4, 4)));
        policy_.onBatch(1, 1, milliseconds(126));
        CPPUNIT_ASSERT_EQUAL(4 * 1, jobs(atWork(4, 4)));
        policy_.onBatch(1, 1, milliseconds(251));
        CPPUNIT_ASSERT_EQUAL(0, jobs(atWork(4, 4)));
    }

    void jobsOf200MsSettle() {
        for (int i = 0; i < 100; ++i) {
            policy_.onBatch(1, 1, milliseconds(200));
            CPPUNIT_ASSERT_EQUAL(1, jobs(atWork(1, 1)));
            clock_.advance(milliseconds(200));
        }
    }

    void aFewLongJobsAmongShortOnesCount() {
        for (int i = 0; i < 50; ++i) {
            policy_.onBatch(1, 1, i % 5 == 0 ? milliseconds(2000) : milliseconds(1));
            CPPUNIT_ASSERT_EQUAL(0, jobs(atWork(1, 1)));
        }
        for (int i = 0; i < 60; ++i) {
            policy_.onBatch(1, 1, milliseconds(1));
        }
        CPPUNIT_ASSERT(jobs(atWork(1, 1)) > 100);
    }

    void aBatchThatIsNotFullCountsAsTheWorst() {
        policy_.onBatch(1, kBatch, milliseconds(5));
        // One thread, which has one job of the 64 that it may have.
        CPPUNIT_ASSERT_EQUAL(0, jobs({kBatch, 0, 0, 1, 100}));
        for (int i = 0; i < 40; ++i) {
            policy_.onBatch(kBatch, kBatch, milliseconds(5));
        }
        CPPUNIT_ASSERT_EQUAL(256 - kBatch, jobs(atWork(kBatch, kBatch)));
    }

    void handedBackJobsBoundWhatIsHeld() {
        // Jobs that run alone: 64 could begin, one does.
        CPPUNIT_ASSERT_EQUAL(kBatch, jobs(idle()));
        policy_.onHandedBack(1, now());
        CPPUNIT_ASSERT_EQUAL(1, jobs(idle()));
        ClaimPolicy::Load load = idle();
        load.held = 1;
        CPPUNIT_ASSERT_EQUAL(0, jobs(load));
        CPPUNIT_ASSERT(policy_.nextChange() == now() + milliseconds(500));
        clock_.advance(milliseconds(500));
        CPPUNIT_ASSERT_EQUAL(2, jobs(idle()));
        clock_.advance(milliseconds(500));
        CPPUNIT_ASSERT_EQUAL(4, jobs(idle()));
    }

    void theBoundIsLiftedMoreSlowlyEachTime() {
        // However long it goes on: one job too many is claimed now and then.
        int tooMany = 0;
        policy_.onHandedBack(1, now());
        for (int second = 0; second < 200; ++second) {
            clock_.advance(seconds(1));
            if (jobs(idle()) > 1) {
                ++tooMany;
                policy_.onHandedBack(1, now());
            }
        }
        CPPUNIT_ASSERT(tooMany >= 15 && tooMany <= 30);
    }

    void aBoundThatIsLiftedIsForgotten() {
        policy_.onHandedBack(kBatch, now());
        clock_.advance(seconds(60));
        CPPUNIT_ASSERT_EQUAL(kBatch, jobs(idle()));
        CPPUNIT_ASSERT(policy_.nextChange() == ClaimPolicy::Time::max());
        policy_.onHandedBack(1, now());
        CPPUNIT_ASSERT(policy_.nextChange() == now() + milliseconds(500));
    }

    void jobsThatWaitAlreadyCount() {
        ClaimPolicy::Load load = idle();
        load.unstarted = 60;
        load.held = 60;
        CPPUNIT_ASSERT_EQUAL(4, jobs(load));
    }

    void bytesBoundAClaim() {
        CPPUNIT_ASSERT_EQUAL(ClaimPolicy::kFirstBytes, policy_.bytes(idle()));
        for (int i = 0; i < 10; ++i) {
            policy_.onAnswer(ClaimPolicy::kFirstBytes, milliseconds(5));
        }
        CPPUNIT_ASSERT_EQUAL(ClaimPolicy::kMostBytes, policy_.bytes(idle()));
        ClaimPolicy::Load load = idle();
        load.held = 3;
        load.bytes = kMaxBytes - 1000;
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1000}, policy_.bytes(load));
    }

    void aWorkerFullOfBytesClaimsNothing() {
        ClaimPolicy::Load load = idle();
        load.held = 3;
        load.bytes = kMaxBytes - 1;
        CPPUNIT_ASSERT(!policy_.isFull(load));
        load.bytes = kMaxBytes;
        CPPUNIT_ASSERT(policy_.isFull(load));
    }

    void oneJobOfAnySizeIsClaimed() {
        ClaimPolicy policy({256, milliseconds(500), 1});
        CPPUNIT_ASSERT(!policy.isFull(idle()));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, policy.bytes(idle()));
    }

    void aLostClaimHalvesTheNext() {
        policy_.onBatch(kBatch, kBatch, milliseconds(1));
        ClaimPolicy::Load load = idle();
        CPPUNIT_ASSERT_EQUAL(256, jobs(load));
        policy_.onLost(40);
        CPPUNIT_ASSERT_EQUAL(20, jobs(load));
        CPPUNIT_ASSERT_EQUAL(ClaimPolicy::kFirstBytes / 2, policy_.bytes(load));
        for (int i = 0; i < 20; ++i) {
            policy_.onLost(jobs(load));
        }
        CPPUNIT_ASSERT_EQUAL(1, jobs(load));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{64 << 10}, policy_.bytes(load));
        for (int i = 0; i < 8; ++i) {
            policy_.onAnswer(policy_.bytes(load), milliseconds(1));
        }
        CPPUNIT_ASSERT_EQUAL(256, jobs(load));
        CPPUNIT_ASSERT_EQUAL(ClaimPolicy::kMostBytes, policy_.bytes(load));
    }

    void aSlowReplyMakesTheNextOneSmaller() {
        policy_.onAnswer(ClaimPolicy::kFirstBytes, milliseconds(1001));
        CPPUNIT_ASSERT_EQUAL(ClaimPolicy::kFirstBytes / 2, policy_.bytes(idle()));
    }

    void otherLimitsHoldAtOnce() {
        policy_.onBatch(kBatch, kBatch, milliseconds(1));
        policy_.change({10, milliseconds(500), kMaxBytes});
        CPPUNIT_ASSERT_EQUAL(10, jobs(idle()));
        policy_.change({200, milliseconds(500), kMaxBytes});
        CPPUNIT_ASSERT_EQUAL(200, jobs(idle()));
        policy_.onHandedBack(50, now());
        policy_.change({100, milliseconds(500), kMaxBytes});
        CPPUNIT_ASSERT_EQUAL(50, jobs(idle()));
    }

private:
    [[nodiscard]] ClaimPolicy::Time now() const { return clock_.monotonic(); }
    int jobs(const ClaimPolicy::Load& load) { return policy_.jobs(load, now()); }
    /// A thread that runs 64 at once is idle.
    static ClaimPolicy::Load idle() { return {kBatch, kBatch, 0, 0, 0}; }
    static ClaimPolicy::Load atWork(int slots, int held) {
        return {slots, slots - held, 0, held, held * 100};
    }

    ManualClock clock_;
    ClaimPolicy policy_{{256, milliseconds(500), kMaxBytes}};
};

CPPUNIT_TEST_SUITE_REGISTRATION(ClaimPolicyTest);
