#include <chrono>
#include <limits>
#include <string>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "drover/Backoff.h"
#include "support/Assert.h"

using drover::test::assertContains;

using drover::Backoff;
using namespace std::chrono_literals;

/// The wait after a failed attempt, by BullMQ's formulas.
class BackoffTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(BackoffTest);
    CPPUNIT_TEST(fixedWaitsTheSameEachTime);
    CPPUNIT_TEST(exponentialDoubles);
    CPPUNIT_TEST(fixedJitterShortensTheDelayByItsShare);
    CPPUNIT_TEST(exponentialJitterAppliesToTheDoubledDelay);
    CPPUNIT_TEST(fractionsOfAMillisecondAreDropped);
    CPPUNIT_TEST(anEndlessChainStaysExact);
    CPPUNIT_TEST(aStoredJitterAboveOneNeverLeadsIntoThePast);
    CPPUNIT_TEST(minusOneStaysMinusOne);
    CPPUNIT_TEST(aCountBelowOneHalvesTheDelay);
    CPPUNIT_TEST(anotherTypeIsRefusedByName);
    CPPUNIT_TEST_SUITE_END();

public:
    void fixedWaitsTheSameEachTime() {
        const Backoff backoff{"fixed", 1000ms, 0.0, {}};
        expect(1000, backoff, 1, 0.7);
        expect(1000, backoff, 9, 0.0);
        expect(0, Backoff{}, 1, 0.5);
    }

    void exponentialDoubles() {
        const Backoff backoff{"exponential", 100ms, 0.0, {}};
        expect(100, backoff, 1, 0.9);
        expect(200, backoff, 2, 0.9);
        expect(400, backoff, 3, 0.9);
        expect(51200, backoff, 10, 0.9);
    }

    void fixedJitterShortensTheDelayByItsShare() {
        const Backoff half{"fixed", 1000ms, 0.5, {}};
        expect(500, half, 1, 0.0);
        expect(750, half, 4, 0.5);
        expect(999, half, 1, 0.999);
        expect(0, Backoff{"fixed", 1000ms, 1.0, {}}, 1, 0.0);
    }

    void exponentialJitterAppliesToTheDoubledDelay() {
        const Backoff quarter{"exponential", 100ms, 0.25, {}};
        expect(75, quarter, 1, 0.0);
        expect(300, quarter, 3, 0.0);
        expect(350, quarter, 3, 0.5);
    }

    void fractionsOfAMillisecondAreDropped() {
        expect(7, Backoff{"fixed", 10ms, 0.5, {}}, 1, 0.59);
        expect(99, Backoff{"fixed", 100ms, 0.5, {}}, 1, 0.999999);
    }

    void anEndlessChainStaysExact() {
        const Backoff backoff{"exponential", 1000ms, 0.0, {}};
        expect(9007199254740991, backoff, 64, 0.0);
        expect(9007199254740991, backoff, std::numeric_limits<int>::max(), 0.0);
    }

    void aStoredJitterAboveOneNeverLeadsIntoThePast() {
        expect(0, Backoff{"fixed", 1000ms, 3.0, {}}, 1, 0.0);
    }

    void minusOneStaysMinusOne() { expect(-1, Backoff{"fixed", -1ms, 0.0, {}}, 2, 0.0); }

    void aCountBelowOneHalvesTheDelay() {
        const Backoff backoff{"exponential", 1000ms, 0.0, {}};
        expect(500, backoff, 0, 0.0);
        expect(125, backoff, -2, 0.0);
        expect(0, backoff, std::numeric_limits<int>::min(), 0.0);
        expect(9007199254740991, backoff, std::numeric_limits<int>::max(), 0.0);
        const Backoff backwards{"exponential", -1000ms, 0.0, {}};
        expect(-9007199254740991, backwards, std::numeric_limits<int>::max(), 0.0);
    }

    void anotherTypeIsRefusedByName() {
        const Backoff own{"lunar", 100ms, 0.0, {}};
        CPPUNIT_ASSERT(!own.isBuiltIn());
        try {
            (void)own.delayAfter(1, 0.0);
            CPPUNIT_FAIL("lunar was taken for a built-in type");
        } catch (const Poco::InvalidArgumentException& error) {
            assertContains(error.message(), "lunar");
        }
    }

private:
    static void expect(std::int64_t ms, const Backoff& backoff, int attemptsMade, double random) {
        CPPUNIT_ASSERT_EQUAL(ms, std::int64_t{backoff.delayAfter(attemptsMade, random).count()});
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(BackoffTest);
