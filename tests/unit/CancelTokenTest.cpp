#include <chrono>
#include <string>
#include <thread>

#include <cppunit/extensions/HelperMacros.h>

#include "support/Assert.h"
#include "support/ManualClock.h"
#include "worker/CancelToken.h"

using drover::test::assertEqual;

namespace {

using namespace drover;
using drover::test::ManualClock;
using std::chrono::milliseconds;

}  // namespace

/// The first reason stands, a lost lock overrides it, and a time limit counts without a thread.
class CancelTokenTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(CancelTokenTest);
    CPPUNIT_TEST(theFirstReasonStands);
    CPPUNIT_TEST(aLostLockOverridesAnyReason);
    CPPUNIT_TEST(aLimitCountsFromItsTimeOn);
    CPPUNIT_TEST(aReasonStandsBesideALimit);
    CPPUNIT_TEST(aWaitEndsWhenTheTokenIsSet);
    CPPUNIT_TEST(aWaitEndsAtTheLimit);
    CPPUNIT_TEST_SUITE_END();

public:
    void theFirstReasonStands() {
        CPPUNIT_ASSERT(reason() == CancelReason::None);
        CPPUNIT_ASSERT(token_.set(CancelReason::Remote, "no longer needed"));
        CPPUNIT_ASSERT(!token_.set(CancelReason::Remote, "again"));
        CPPUNIT_ASSERT(!token_.set(CancelReason::Shutdown));
        CPPUNIT_ASSERT(reason() == CancelReason::Remote);
        assertEqual("no longer needed", token_.why());
    }

    void aLostLockOverridesAnyReason() {
        CPPUNIT_ASSERT(token_.set(CancelReason::Shutdown));
        CPPUNIT_ASSERT(!token_.isLost());
        CPPUNIT_ASSERT(token_.set(CancelReason::Lost));
        CPPUNIT_ASSERT(token_.isLost());
        CPPUNIT_ASSERT(!token_.set(CancelReason::Lost));
        CPPUNIT_ASSERT(!token_.set(CancelReason::Remote));
        CPPUNIT_ASSERT(reason() == CancelReason::Lost);
    }

    void aLimitCountsFromItsTimeOn() {
        token_.limitTo(clock_.monotonic() + milliseconds(100));
        clock_.advance(milliseconds(99));
        CPPUNIT_ASSERT(reason() == CancelReason::None);
        clock_.advance(milliseconds(1));
        CPPUNIT_ASSERT(reason() == CancelReason::Timeout);
    }

    void aReasonStandsBesideALimit() {
        token_.limitTo(clock_.monotonic() + milliseconds(100));
        token_.set(CancelReason::Remote);
        clock_.advance(milliseconds(200));
        CPPUNIT_ASSERT(reason() == CancelReason::Remote);
    }

    void aWaitEndsWhenTheTokenIsSet() {
        std::thread other([this] { token_.set(CancelReason::Remote); });
        const auto reason = token_.wait(std::chrono::minutes(10), std::chrono::steady_clock::now());
        other.join();
        CPPUNIT_ASSERT(reason == CancelReason::Remote);
    }

    void aWaitEndsAtTheLimit() {
        const auto now = std::chrono::steady_clock::now();
        CPPUNIT_ASSERT(token_.wait(milliseconds(1), now) == CancelReason::None);
        token_.limitTo(now + milliseconds(2));
        CPPUNIT_ASSERT(token_.wait(std::chrono::minutes(10), now) == CancelReason::Timeout);
    }

private:
    [[nodiscard]] CancelReason reason() const { return token_.reason(clock_.monotonic()); }

    ManualClock clock_;
    CancelToken token_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(CancelTokenTest);
