#include <string>
#include <utility>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "auth/TrustedProxies.h"
#include "drover/Exceptions.h"
#include "support/Assert.h"

using drover::api::Address;
using drover::api::TrustedProxies;
using drover::test::assertEqual;
using drover::test::assertStartsWith;

namespace {

const TrustedProxies kProxies("10.0.0.0/8, 192.0.2.7 ,, 2001:db8::/33,");

std::string clientOf(const std::string& peer, const std::string& forwardedFor) {
    return kProxies.clientOf(*Address::parse(peer), forwardedFor).text();
}

std::string refusal(const std::string& list) {
    try {
        static_cast<void>(TrustedProxies(list));
    } catch (const drover::ConfigException& error) {
        return error.message();
    }
    return "(accepted)";
}

}  // namespace

/// X-Forwarded-For counts from proxies that are trusted, from right to left.
class ApiTrustedProxiesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiTrustedProxiesTest);
    CPPUNIT_TEST(addressesAreNumeric);
    CPPUNIT_TEST(anAddressHasOneText);
    CPPUNIT_TEST(aNetworkIsTheFirstBits);
    CPPUNIT_TEST(aPeerThatIsNotTrustedIsTheClient);
    CPPUNIT_TEST(aTrustedPeerReportsItsClient);
    CPPUNIT_TEST(theRightmostThatIsNotTrustedIsTheClient);
    CPPUNIT_TEST(ifAllAreTrustedTheLeftmostIsTheClient);
    CPPUNIT_TEST(anEntryThatIsNotAnAddressEndsTheWalk);
    CPPUNIT_TEST(portsAndBracketsDoNotCount);
    CPPUNIT_TEST(withoutAListNoHeaderCounts);
    CPPUNIT_TEST(familiesAreApart);
    CPPUNIT_TEST(aMistakeInTheListIsReported);
    CPPUNIT_TEST_SUITE_END();

public:
    void addressesAreNumeric() {
        for (const std::string& text : {std::string(),
                                        std::string("localhost"),
                                        std::string("1.2.3"),
                                        std::string("1.2.3.4.5"),
                                        std::string("1.2.3.256"),
                                        std::string("01.2.3.4"),
                                        std::string("1.2.3.4 "),
                                        std::string("1.2.3.4%eth0"),
                                        std::string("1.2.3.4\0", 8),
                                        std::string("::1%"),
                                        std::string(":::"),
                                        std::string("1::2::3"),
                                        std::string("12345::"),
                                        std::string(400, '1')}) {
            CPPUNIT_ASSERT_MESSAGE(text, !Address::parse(text));
        }
    }

    void anAddressHasOneText() {
        const std::vector<std::pair<const char*, const char*>> cases = {
            {"192.0.2.1", "192.0.2.1"},
            {"2001:DB8:0:0::1", "2001:db8::1"},
            {"fe80::1%eth0", "fe80::1"},
            {"::ffff:192.0.2.1", "192.0.2.1"},
            {"::ffff:c000:201", "192.0.2.1"},
            {"::", "::"}};
        for (const auto& [text, canonical] : cases) {
            assertEqual(canonical, Address::parse(text)->text());
        }
        CPPUNIT_ASSERT(*Address::parse("::ffff:192.0.2.1") == *Address::parse("192.0.2.1"));
    }

    void aNetworkIsTheFirstBits() {
        const Address four = *Address::parse("255.255.255.255");
        assertEqual("255.255.240.0", four.network(20).text());
        assertEqual("0.0.0.0", four.network(0).text());
        CPPUNIT_ASSERT(four.network(32) == four && four.client() == four);
        const Address six = *Address::parse("2001:db8:1:2:ffff::1");
        assertEqual("2001:db8:1:2::", six.client().text());
        CPPUNIT_ASSERT(six.network(128) == six);
    }

    void aPeerThatIsNotTrustedIsTheClient() {
        assertEqual("192.0.2.8", clientOf("192.0.2.8", "203.0.113.1"));
        assertEqual("11.0.0.0", clientOf("11.0.0.0", "203.0.113.1"));
    }

    void aTrustedPeerReportsItsClient() {
        for (const char* peer : {"10.255.255.255", "192.0.2.7", "2001:db8:7fff::1"}) {
            assertEqual("203.0.113.1", clientOf(peer, "203.0.113.1"));
            assertEqual(peer, clientOf(peer, ""));
        }
    }

    void theRightmostThatIsNotTrustedIsTheClient() {
        assertEqual(
            "203.0.113.1",
            clientOf("10.0.0.1", "10.6.6.6, 198.51.100.9,\t203.0.113.1 ,10.0.0.3,10.0.0.2"));
    }

    void ifAllAreTrustedTheLeftmostIsTheClient() {
        assertEqual("10.0.0.3", clientOf("10.0.0.1", "10.0.0.3, 10.0.0.2"));
    }

    void anEntryThatIsNotAnAddressEndsTheWalk() {
        for (const char* garbage : {"unknown", "", "_hidden", "\"10.0.0.9\"", "10.0.0.9;", "[10"}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                garbage,
                std::string("10.0.0.2"),
                clientOf("10.0.0.1", "203.0.113.1, " + std::string(garbage) + ", 10.0.0.2"));
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                garbage,
                std::string("10.0.0.1"),
                clientOf("10.0.0.1", "203.0.113.1," + std::string(garbage)));
        }
    }

    void portsAndBracketsDoNotCount() {
        for (const char* hop : {"203.0.113.1", "203.0.113.1:4711"}) {
            assertEqual("203.0.113.1", clientOf("10.0.0.1", hop));
        }
        for (const char* hop : {"2001:db9::5", "[2001:db9::5]", "[2001:db9::5]:4711"}) {
            assertEqual("2001:db9::5", clientOf("10.0.0.1", hop));
        }
        assertEqual("10.0.0.1", clientOf("10.0.0.1", "[2001:db9::5]4711"));
    }

    void withoutAListNoHeaderCounts() {
        assertEqual("127.0.0.1",
                    TrustedProxies().clientOf(*Address::parse("127.0.0.1"), "203.0.113.1").text());
    }

    void familiesAreApart() {
        const TrustedProxies six("::/0");
        assertEqual("192.0.2.1", six.clientOf(*Address::parse("192.0.2.1"), "203.0.113.1").text());
        assertEqual("203.0.113.1", six.clientOf(*Address::parse("::1"), "203.0.113.1").text());
    }

    void aMistakeInTheListIsReported() {
        assertEqual(
            "api.trustedProxies: 10.1.0.0/8 has bits behind its length; "
            "its network is 10.0.0.0/8",
            refusal("::1, 10.1.0.0/8"));
        for (const char* list : {"proxy", "10.0.0/8", "/8", "10.0.0.1:80"}) {
            assertStartsWith(refusal(list),
                             "api.trustedProxies: " + std::string(list) + " is not a network");
        }
        for (const char* list : {"10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x"}) {
            assertStartsWith(
                refusal(list),
                "api.trustedProxies: " + std::string(list) + " needs a length from 0 to 32");
        }
        assertStartsWith(refusal("::/129"),
                         "api.trustedProxies: ::/129 needs a length from 0 to 128");
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiTrustedProxiesTest);
