#include <chrono>
#include <ctime>

#include <cppunit/extensions/HelperMacros.h>

#include "core/Clock.h"
#include "support/ManualClock.h"

using namespace std::chrono_literals;

/// The clock of the machine, and the one that tests move by hand.
class ClockTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ClockTest);
    CPPUNIT_TEST(systemClockReturnsMillisecondsSinceTheEpoch);
    CPPUNIT_TEST(manualClockStandsStill);
    CPPUNIT_TEST(advancingMovesBothClocks);
    CPPUNIT_TEST(aStepOfTheDateLeavesMonotonicTimeAlone);
    CPPUNIT_TEST_SUITE_END();

public:
    void systemClockReturnsMillisecondsSinceTheEpoch() {
        const drover::SystemClock clock;
        const auto before = clock.monotonic();
        const std::int64_t seconds = std::time(nullptr);
        const std::int64_t now = clock.wallMs();
        CPPUNIT_ASSERT(now / 1000 - seconds >= -1 && now / 1000 - seconds <= 5);
        CPPUNIT_ASSERT(clock.monotonic() >= before);
    }

    void manualClockStandsStill() {
        const drover::test::ManualClock clock(1000);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1000}, clock.wallMs());
        CPPUNIT_ASSERT(clock.monotonic() == clock.monotonic());
    }

    void advancingMovesBothClocks() {
        drover::test::ManualClock clock(1000);
        const auto before = clock.monotonic();
        clock.advance(250ms);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1250}, clock.wallMs());
        CPPUNIT_ASSERT(clock.monotonic() - before == 250ms);
    }

    void aStepOfTheDateLeavesMonotonicTimeAlone() {
        drover::test::ManualClock clock(1000);
        const auto before = clock.monotonic();
        clock.stepWall(-400ms);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{600}, clock.wallMs());
        CPPUNIT_ASSERT(clock.monotonic() == before);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ClockTest);
