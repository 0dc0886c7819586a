#include <chrono>

#include <cppunit/extensions/HelperMacros.h>

#include "support/ManualClock.h"
#include "worker/LineLimit.h"

namespace {

using namespace drover;
using drover::test::ManualClock;
using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace

/// So many lines go out in a window, and every event without a line is counted once.
class LineLimitTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(LineLimitTest);
    CPPUNIT_TEST(aWindowHasSoManyLines);
    CPPUNIT_TEST(aWindowBeginsWithItsFirstLine);
    CPPUNIT_TEST(withheldEventsAreReportedOnceTheWindowIsOver);
    CPPUNIT_TEST(withheldEventsThatWereNotPoppedAddUp);
    CPPUNIT_TEST(aLineMayStandForManyEvents);
    CPPUNIT_TEST_SUITE_END();

public:
    void aWindowHasSoManyLines() {
        CPPUNIT_ASSERT(limit_.admit());
        CPPUNIT_ASSERT(limit_.admit());
        CPPUNIT_ASSERT(!limit_.admit());
        clock_.advance(milliseconds(9999));
        CPPUNIT_ASSERT(!limit_.admit());
        clock_.advance(milliseconds(1));
        CPPUNIT_ASSERT(limit_.admit());
        CPPUNIT_ASSERT(limit_.admit());
        CPPUNIT_ASSERT(!limit_.admit());
    }

    void aWindowBeginsWithItsFirstLine() {
        CPPUNIT_ASSERT(limit_.windowIsOver());
        CPPUNIT_ASSERT(limit_.admit());
        clock_.advance(seconds(25));
        CPPUNIT_ASSERT(limit_.windowIsOver());
        CPPUNIT_ASSERT(limit_.admit());
        clock_.advance(seconds(9));
        CPPUNIT_ASSERT(!limit_.windowIsOver());
    }

    void withheldEventsAreReportedOnceTheWindowIsOver() {
        fill();
        CPPUNIT_ASSERT(!limit_.admit());
        CPPUNIT_ASSERT(!limit_.admit(40));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, limit_.popWithheld());
        clock_.advance(seconds(10));
        CPPUNIT_ASSERT_EQUAL(std::size_t{41}, limit_.popWithheld());
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, limit_.popWithheld());
    }

    void withheldEventsThatWereNotPoppedAddUp() {
        fill();
        CPPUNIT_ASSERT(!limit_.admit(3));
        clock_.advance(seconds(10));
        fill();
        CPPUNIT_ASSERT(!limit_.admit(4));
        clock_.advance(seconds(10));
        CPPUNIT_ASSERT_EQUAL(std::size_t{7}, limit_.popWithheld());
    }

    void aLineMayStandForManyEvents() {
        CPPUNIT_ASSERT(limit_.admit(1000));
        CPPUNIT_ASSERT(limit_.admit(1000));
        clock_.advance(seconds(10));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, limit_.popWithheld());
    }

private:
    void fill() {
        CPPUNIT_ASSERT(limit_.admit());
        CPPUNIT_ASSERT(limit_.admit());
    }

    ManualClock clock_;
    LineLimit limit_{clock_, {2, seconds(10)}};
};

CPPUNIT_TEST_SUITE_REGISTRATION(LineLimitTest);
