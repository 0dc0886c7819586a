#include <string>

#include <Poco/String.h>
#include <cppunit/extensions/HelperMacros.h>

#include "drover/AccessToken.h"
#include "drover/Exceptions.h"
#include "support/Assert.h"

using drover::AccessToken;
using drover::Scope;
using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::assertLacks;

namespace {

/// The digest of "abc", from the standard's examples.
const std::string kDigest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

std::string refusal(const std::string& line) {
    try {
        static_cast<void>(AccessToken::parseLine(line));
    } catch (const drover::ConfigException& error) {
        return error.message();
    }
    return "(accepted)";
}

}  // namespace

/// A line of the token file has a name, a digest and scopes, and no token.
class AccessTokenTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(AccessTokenTest);
    CPPUNIT_TEST(aLineIsParsedAndPrinted);
    CPPUNIT_TEST(theDigestIsSha256);
    CPPUNIT_TEST(aDigestIsComparedAsAWhole);
    CPPUNIT_TEST(severalScopesHoldTogether);
    CPPUNIT_TEST(aDigestOfAnotherFormIsRefused);
    CPPUNIT_TEST(aLineWithoutScopesIsRefused);
    CPPUNIT_TEST(aNameOfAnotherFormIsRefused);
    CPPUNIT_TEST(aTokenInTheLineIsRefusedAndNotRepeated);
    CPPUNIT_TEST_SUITE_END();

public:
    void aLineIsParsedAndPrinted() {
        const std::string line = "ci.build@host-1 " + kDigest + " add:mail* read";
        const AccessToken token = AccessToken::parseLine(line);
        assertEqual("ci.build@host-1", token.name);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, token.scopes.size());
        CPPUNIT_ASSERT_EQUAL(line, token.line());
        const std::string spread =
            "\t ci.build@host-1\t  " + Poco::toUpper(kDigest) + "   add:mail*\tread  ";
        CPPUNIT_ASSERT_EQUAL(line, AccessToken::parseLine(spread).line());
    }

    void theDigestIsSha256() {
        CPPUNIT_ASSERT(AccessToken::parseLine("a " + kDigest + " read")
                           .hasDigest(AccessToken::digestOf("abc")));
    }

    void aDigestIsComparedAsAWhole() {
        const AccessToken token = AccessToken::parseLine("a " + kDigest + " read");
        for (std::size_t i = 0; i < token.digest.size(); ++i) {
            AccessToken::Digest other = token.digest;
            other[i] ^= 0x80U;
            CPPUNIT_ASSERT_MESSAGE(std::to_string(i), !token.hasDigest(other));
        }
    }

    void severalScopesHoldTogether() {
        const AccessToken token =
            AccessToken::parseLine("a " + kDigest + " add:mail add:sms-* read");
        CPPUNIT_ASSERT(token.allows({Scope::Kind::Add, "mail"}));
        CPPUNIT_ASSERT(token.allows({Scope::Kind::Add, "sms-eu"}));
        CPPUNIT_ASSERT(token.allows({Scope::Kind::Read, ""}));
        CPPUNIT_ASSERT(!token.allows({Scope::Kind::Add, "sms"}));
        CPPUNIT_ASSERT(!token.allows({Scope::Kind::Operate, ""}));
    }

    void aDigestOfAnotherFormIsRefused() {
        const std::string right = kDigest.substr(1);
        for (const std::string& digest :
             {right, "a" + kDigest, "g" + right, "sha256:" + kDigest, std::string("hunter2")}) {
            const std::string text = refusal("a " + digest + " read");
            assertContains(text, "must be the SHA-256 of the token, 64 hexadecimal digits");
            assertLacks(text, digest);
        }
    }

    void aLineWithoutScopesIsRefused() {
        for (const std::string& line : {"a " + kDigest, kDigest, std::string("a")}) {
            assertContains(refusal(line), "a line is NAME SHA256 SCOPE...");
        }
        assertContains(refusal("a " + kDigest + " read,operate"), "unknown scope");
    }

    void aNameOfAnotherFormIsRefused() {
        for (const std::string& name :
             {std::string("caf\xC3\xA9"), std::string("a/b"), std::string(65, 'a')}) {
            assertContains(refusal(name + " " + kDigest + " read"), "1 to 64 letters, digits");
        }
        CPPUNIT_ASSERT_EQUAL(std::string(), AccessToken::nameError(std::string(64, 'a')));
        CPPUNIT_ASSERT(!AccessToken::nameError("").empty());
        CPPUNIT_ASSERT(!AccessToken::nameError("drv_mine").empty());
    }

    void aTokenInTheLineIsRefusedAndNotRepeated() {
        const std::string token = "drv_0123456789012345678901234567890123456789012";
        for (const std::string& line : {token + " " + kDigest + " read",
                                        "a " + token + " read",
                                        "a " + kDigest + " " + token,
                                        token}) {
            const std::string text = refusal(line);
            assertContains(text, "never the token itself");
            assertLacks(text, token);
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AccessTokenTest);
