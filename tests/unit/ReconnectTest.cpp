#include <chrono>
#include <set>

#include <cppunit/extensions/HelperMacros.h>

#include "redis/Reconnect.h"

namespace {

using drover::Reconnect;
using std::chrono::milliseconds;

constexpr milliseconds kFirst{50};
constexpr milliseconds kMost{1000};

}  // namespace

/// When a lost connection is tried again: soon at first, then ever more slowly, never in step with other clients.
class ReconnectTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ReconnectTest);
    CPPUNIT_TEST(aFreshOneIsDueAtOnce);
    CPPUNIT_TEST(theWaitDoublesUpToTheMost);
    CPPUNIT_TEST(theWaitIsDrawnFromItsUpperHalf);
    CPPUNIT_TEST(faultsForAPersonWaitTheMostAtOnce);
    CPPUNIT_TEST(aThousandFailuresStillWaitTheMost);
    CPPUNIT_TEST(successReturnsTheLengthOfTheOutageFromItsFirstFailure);
    CPPUNIT_TEST(successWithoutAnOutageReturnsNone);
    CPPUNIT_TEST(anOutageAfterASuccessBeginsWithTheShortWait);
    CPPUNIT_TEST_SUITE_END();

public:
    void aFreshOneIsDueAtOnce() {
        CPPUNIT_ASSERT(reconnect_.due(now_));
        CPPUNIT_ASSERT(!reconnect_.inOutage());
    }

    void theWaitDoublesUpToTheMost() {
        milliseconds full = kFirst;
        for (int attempt = 1; attempt <= 8; ++attempt) {
            reconnect_.failed(now_);
            CPPUNIT_ASSERT_EQUAL(attempt, reconnect_.attempts());
            const auto wait = reconnect_.nextAttempt() - now_;
            CPPUNIT_ASSERT(wait >= full / 2);
            CPPUNIT_ASSERT(wait <= full);
            CPPUNIT_ASSERT(!reconnect_.due(now_));
            CPPUNIT_ASSERT(!reconnect_.due(reconnect_.nextAttempt() - milliseconds(1)));
            CPPUNIT_ASSERT(reconnect_.due(reconnect_.nextAttempt()));
            full = std::min(full * 2, kMost);
        }
    }

    void theWaitIsDrawnFromItsUpperHalf() {
        std::set<std::int64_t> waits;
        for (int i = 0; i < 50; ++i) {
            Reconnect other(milliseconds(1000), milliseconds(1000));
            other.failed(now_);
            const auto wait =
                std::chrono::duration_cast<milliseconds>(other.nextAttempt() - now_).count();
            CPPUNIT_ASSERT(wait >= 500 && wait <= 1000);
            waits.insert(wait);
        }
        // 50 draws out of 501 values: that fewer than 10 differ would mean that a fleet comes back in step.
        CPPUNIT_ASSERT(waits.size() >= 10);
    }

    void faultsForAPersonWaitTheMostAtOnce() {
        reconnect_.failed(now_, true);
        CPPUNIT_ASSERT(reconnect_.nextAttempt() - now_ >= kMost / 2);
    }

    void aThousandFailuresStillWaitTheMost() {
        for (int i = 0; i < 1000; ++i) {
            reconnect_.failed(now_);
        }
        CPPUNIT_ASSERT(reconnect_.nextAttempt() - now_ >= kMost / 2);
        CPPUNIT_ASSERT(reconnect_.nextAttempt() - now_ <= kMost);
    }

    void successReturnsTheLengthOfTheOutageFromItsFirstFailure() {
        reconnect_.failed(now_);
        reconnect_.failed(now_ + milliseconds(400));
        CPPUNIT_ASSERT(reconnect_.inOutage());
        CPPUNIT_ASSERT(reconnect_.succeeded(now_ + milliseconds(700)) == milliseconds(700));
        CPPUNIT_ASSERT(!reconnect_.inOutage());
        CPPUNIT_ASSERT(reconnect_.due(now_));
    }

    void successWithoutAnOutageReturnsNone() {
        CPPUNIT_ASSERT(reconnect_.succeeded(now_) == milliseconds(0));
    }

    void anOutageAfterASuccessBeginsWithTheShortWait() {
        for (int i = 0; i < 10; ++i) {
            reconnect_.failed(now_);
        }
        reconnect_.succeeded(now_);
        reconnect_.failed(now_);
        CPPUNIT_ASSERT(reconnect_.nextAttempt() - now_ <= kFirst);
    }

private:
    Reconnect reconnect_{kFirst, kMost};
    const Reconnect::Clock::time_point now_{std::chrono::hours(1)};
};

CPPUNIT_TEST_SUITE_REGISTRATION(ReconnectTest);
