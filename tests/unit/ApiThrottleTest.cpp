#include <chrono>
#include <string>

#include <cppunit/extensions/HelperMacros.h>

#include "auth/Throttle.h"

using drover::api::Address;
using drover::api::Throttle;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Each client may bring a few wrong tokens, and then one a second.
class ApiThrottleTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiThrottleTest);
    CPPUNIT_TEST(aBurstIsAllowed);
    CPPUNIT_TEST(beyondItOneIsAllowedASecond);
    CPPUNIT_TEST(refusedOnesDoNotMakeTheWaitLonger);
    CPPUNIT_TEST(aQuietClientHasItsBurstBack);
    CPPUNIT_TEST(theWaitIsInWholeSeconds);
    CPPUNIT_TEST(clientsDoNotShareALimit);
    CPPUNIT_TEST(aNetworkOfIpv6IsOneClient);
    CPPUNIT_TEST(memoryIsBoundedAndTheOldestGoesFirst);
    CPPUNIT_TEST_SUITE_END();

public:
    void aBurstIsAllowed() { CPPUNIT_ASSERT_EQUAL(3, allowedOf(10, "192.0.2.1")); }

    void beyondItOneIsAllowedASecond() {
        allowedOf(10, "192.0.2.1");
        for (int i = 0; i < 5; ++i) {
            now_ += seconds(1);
            CPPUNIT_ASSERT_EQUAL(1, allowedOf(10, "192.0.2.1"));
        }
        now_ += milliseconds(999);
        CPPUNIT_ASSERT_EQUAL(0, allowedOf(10, "192.0.2.1"));
        now_ += milliseconds(1);
        CPPUNIT_ASSERT_EQUAL(1, allowedOf(10, "192.0.2.1"));
    }

    void refusedOnesDoNotMakeTheWaitLonger() {
        allowedOf(100'000, "192.0.2.1");
        CPPUNIT_ASSERT(onWrongToken("192.0.2.1") == seconds(1));
        now_ += seconds(1);
        CPPUNIT_ASSERT(!onWrongToken("192.0.2.1"));
    }

    void aQuietClientHasItsBurstBack() {
        allowedOf(10, "192.0.2.1");
        now_ += seconds(2);
        CPPUNIT_ASSERT_EQUAL(2, allowedOf(10, "192.0.2.1"));
        now_ += std::chrono::hours(24);
        CPPUNIT_ASSERT_EQUAL(3, allowedOf(10, "192.0.2.1"));
    }

    void theWaitIsInWholeSeconds() {
        Throttle slow({1, milliseconds(2500), 4});
        CPPUNIT_ASSERT(!slow.onWrongToken(*Address::parse("192.0.2.1"), now_));
        CPPUNIT_ASSERT(slow.onWrongToken(*Address::parse("192.0.2.1"), now_) == seconds(3));
        now_ += milliseconds(2499);
        CPPUNIT_ASSERT(slow.onWrongToken(*Address::parse("192.0.2.1"), now_) == seconds(1));
    }

    void clientsDoNotShareALimit() {
        allowedOf(10, "192.0.2.1");
        CPPUNIT_ASSERT_EQUAL(3, allowedOf(10, "192.0.2.2"));
    }

    void aNetworkOfIpv6IsOneClient() {
        CPPUNIT_ASSERT_EQUAL(3, allowedOf(10, "2001:db8:0:1::1"));
        CPPUNIT_ASSERT_EQUAL(0, allowedOf(10, "2001:db8:0:1:ffff:ffff:ffff:ffff"));
        CPPUNIT_ASSERT_EQUAL(3, allowedOf(10, "2001:db8:0:2::1"));
    }

    void memoryIsBoundedAndTheOldestGoesFirst() {
        allowedOf(10, "192.0.2.1");
        allowedOf(10, "192.0.2.2");
        allowedOf(1, "192.0.2.1");  // Now the latest.
        for (int i = 3; i <= 5; ++i) {
            allowedOf(10, "192.0.2." + std::to_string(i));
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, throttle_.clients());
        CPPUNIT_ASSERT_EQUAL(0, allowedOf(10, "192.0.2.1"));
        CPPUNIT_ASSERT_EQUAL(3, allowedOf(10, "192.0.2.2"));
        for (int i = 0; i < 10'000; ++i) {
            allowedOf(1, "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250));
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, throttle_.clients());
    }

private:
    std::optional<seconds> onWrongToken(const std::string& address) {
        return throttle_.onWrongToken(*Address::parse(address), now_);
    }

    /// Returns how many of `count` wrong tokens at once are within the limits.
    int allowedOf(int count, const std::string& address) {
        int allowed = 0;
        for (int i = 0; i < count; ++i) {
            allowed += onWrongToken(address) ? 0 : 1;
        }
        return allowed;
    }

    Throttle throttle_{{3, seconds(1), 4}};
    Throttle::Time now_{std::chrono::hours(1)};
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiThrottleTest);
