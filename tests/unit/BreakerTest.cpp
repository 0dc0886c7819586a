#include <chrono>

#include <cppunit/extensions/HelperMacros.h>

#include "worker/Breaker.h"

namespace {

using drover::Breaker;
using std::chrono::milliseconds;

constexpr milliseconds kNone{0};

}  // namespace

/// A handler whose database is away claims one job at a time until one works.
class BreakerTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(BreakerTest);
    CPPUNIT_TEST(aClosedBreakerAllowsWhatIsWanted);
    CPPUNIT_TEST(theFirstUnavailableJobOpensIt);
    CPPUNIT_TEST(afterTheWaitOneJobProbes);
    CPPUNIT_TEST(aProbeThatFailsWaitsLonger);
    CPPUNIT_TEST(aProbeThatWorksClosesItAndReturnsTheOutage);
    CPPUNIT_TEST(jobsThatRanBesideTheFirstDoNotMakeTheWaitLonger);
    CPPUNIT_TEST(theHandlersOwnWaitIsTheLeast);
    CPPUNIT_TEST(theWaitNeverPassesTheMost);
    CPPUNIT_TEST(aProbeThatNeverRanMakesRoomForAnother);
    CPPUNIT_TEST_SUITE_END();

public:
    void aClosedBreakerAllowsWhatIsWanted() {
        CPPUNIT_ASSERT(breaker_.closed());
        CPPUNIT_ASSERT_EQUAL(40, breaker_.allowed(40, now_));
        breaker_.onClaim(40);
        CPPUNIT_ASSERT_EQUAL(40, breaker_.allowed(40, now_));
        CPPUNIT_ASSERT(breaker_.nextChange() == Breaker::Time::max());
        CPPUNIT_ASSERT(breaker_.onSuccess(now_) == kNone);
    }

    void theFirstUnavailableJobOpensIt() {
        CPPUNIT_ASSERT(breaker_.onUnavailable(kNone, now_));
        CPPUNIT_ASSERT(!breaker_.closed());
        CPPUNIT_ASSERT_EQUAL(0, breaker_.allowed(40, now_));
        const auto wait = breaker_.nextChange() - now_;
        CPPUNIT_ASSERT(wait >= milliseconds(50) && wait <= milliseconds(100));
    }

    void afterTheWaitOneJobProbes() {
        breaker_.onUnavailable(kNone, now_);
        const auto later = breaker_.nextChange();
        CPPUNIT_ASSERT_EQUAL(1, breaker_.allowed(40, later));
        CPPUNIT_ASSERT_EQUAL(0, breaker_.allowed(0, later));
        breaker_.onClaim(1);
        CPPUNIT_ASSERT_EQUAL(0, breaker_.allowed(40, later));
        CPPUNIT_ASSERT(breaker_.nextChange() == Breaker::Time::max());
    }

    void aProbeThatFailsWaitsLonger() {
        breaker_.onUnavailable(kNone, now_);
        const auto probe = breaker_.nextChange();
        breaker_.onClaim(1);
        CPPUNIT_ASSERT(!breaker_.onUnavailable(kNone, probe));
        const auto wait = breaker_.nextChange() - probe;
        CPPUNIT_ASSERT(wait >= milliseconds(100) && wait <= milliseconds(200));
        CPPUNIT_ASSERT_EQUAL(0, breaker_.allowed(40, probe));
    }

    void aProbeThatWorksClosesItAndReturnsTheOutage() {
        breaker_.onUnavailable(kNone, now_);
        breaker_.onClaim(1);
        CPPUNIT_ASSERT(breaker_.onSuccess(now_ + milliseconds(300)) == milliseconds(300));
        CPPUNIT_ASSERT(breaker_.closed());
        CPPUNIT_ASSERT_EQUAL(40, breaker_.allowed(40, now_));
    }

    void jobsThatRanBesideTheFirstDoNotMakeTheWaitLonger() {
        breaker_.onUnavailable(kNone, now_);
        const auto until = breaker_.nextChange();
        for (int i = 0; i < 10; ++i) {
            CPPUNIT_ASSERT(!breaker_.onUnavailable(kNone, now_ + milliseconds(1)));
        }
        CPPUNIT_ASSERT(breaker_.nextChange() == until);
    }

    void theHandlersOwnWaitIsTheLeast() {
        breaker_.onUnavailable(milliseconds(5000), now_);
        CPPUNIT_ASSERT(breaker_.nextChange() == now_ + milliseconds(5000));
    }

    void theWaitNeverPassesTheMost() {
        for (int i = 0; i < 100; ++i) {
            breaker_.onUnavailable(kNone, now_);
            breaker_.onClaim(1);
        }
        breaker_.onUnavailable(kNone, now_);
        const auto wait = breaker_.nextChange() - now_;
        CPPUNIT_ASSERT(wait >= milliseconds(500) && wait <= milliseconds(1000));
    }

    void aProbeThatNeverRanMakesRoomForAnother() {
        breaker_.onUnavailable(kNone, now_);
        const auto later = breaker_.nextChange();
        breaker_.onClaim(1);
        breaker_.onProbeReturned();
        CPPUNIT_ASSERT(!breaker_.closed());
        CPPUNIT_ASSERT_EQUAL(1, breaker_.allowed(40, later));
    }

private:
    Breaker breaker_{milliseconds(100), milliseconds(1000)};
    const Breaker::Time now_{std::chrono::hours(1)};
};

CPPUNIT_TEST_SUITE_REGISTRATION(BreakerTest);
