#include <string>

#include <cppunit/extensions/HelperMacros.h>

#include "auth/Credentials.h"
#include "support/Assert.h"

using drover::api::Credentials;
using drover::test::assertContains;
using drover::test::assertEqual;

namespace {

std::string tokenOf(const std::string& header) {
    const Credentials found = Credentials::parse(header);
    return found.kind == Credentials::Kind::Token ? found.token : "(none)";
}

/// Returns the reason; "(none)" if the header is not malformed.
std::string reasonOf(const std::string& header) {
    const Credentials found = Credentials::parse(header);
    return found.kind == Credentials::Kind::Malformed ? found.reason : "(none)";
}

}  // namespace

/// A token comes as Bearer or as the password of Basic, strictly.
class ApiCredentialsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiCredentialsTest);
    CPPUNIT_TEST(aBearerTokenIsRead);
    CPPUNIT_TEST(theSchemeIsReadInAnyCase);
    CPPUNIT_TEST(theTokenIsThePasswordOfBasic);
    CPPUNIT_TEST(aPasswordMayHaveColonsAndBeEmpty);
    CPPUNIT_TEST(withoutAHeaderThereAreNone);
    CPPUNIT_TEST(anotherSchemeCountsAsNone);
    CPPUNIT_TEST(aMalformedBearerIsReported);
    CPPUNIT_TEST(base64HasOneFormOnly);
    CPPUNIT_TEST(basicWithoutAColonIsReported);
    CPPUNIT_TEST_SUITE_END();

public:
    void aBearerTokenIsRead() {
        assertEqual("drv_Az09-._~+/==", tokenOf("Bearer drv_Az09-._~+/=="));
        assertEqual("t", tokenOf("Bearer   t"));
    }

    void theSchemeIsReadInAnyCase() {
        assertEqual("t", tokenOf("bEARER t"));
        assertEqual("t", tokenOf("BASIC OnQ="));
    }

    void theTokenIsThePasswordOfBasic() {
        assertEqual("token", tokenOf("Basic YW55OnRva2Vu"));  // any:token
        assertEqual("tokens", tokenOf("Basic YW55OnRva2Vucw=="));
        assertEqual("tokens2", tokenOf("Basic YW55OnRva2VuczI="));
        assertEqual("\xFF\xFE", tokenOf("Basic Ov/+"));  // All 64 digits count.
    }

    void aPasswordMayHaveColonsAndBeEmpty() {
        assertEqual("b:c", tokenOf("Basic YTpiOmM="));
        CPPUNIT_ASSERT_EQUAL(std::string(), tokenOf("Basic YTo="));  // So a browser may ask again.
    }

    void withoutAHeaderThereAreNone() {
        CPPUNIT_ASSERT(Credentials::parse("").kind == Credentials::Kind::None);
    }

    void anotherSchemeCountsAsNone() {
        for (const char* header :
             {"Digest username=\"a\"", "Negotiate YII=", "BearerX t", "drv_x"}) {
            CPPUNIT_ASSERT_MESSAGE(header,
                                   Credentials::parse(header).kind == Credentials::Kind::None);
        }
    }

    void aMalformedBearerIsReported() {
        for (const char* header : {"Bearer",
                                   "Bearer ",
                                   "Bearer =",
                                   "Bearer a b",
                                   "Bearer a ",
                                   "Bearer a=b",
                                   "Bearer a,b",
                                   "Bearer \ta",
                                   "Bearer caf\xC3\xA9",
                                   "Bearer \"a\""}) {
            assertContains(reasonOf(header), "Bearer needs one token");
        }
    }

    void base64HasOneFormOnly() {
        for (const char* header : {"Basic YTpiOmM",       // without padding
                                   "Basic YTpiOmM==",     // too much of it
                                   "Basic YTpiOmM=====",  // a group of it
                                   "Basic YTpi====",
                                   "Basic YTpiOmN=",  // unused bits
                                   "Basic YTpiO===",
                                   "Basic ====",
                                   "Basic YTpi OmM=",
                                   "Basic YTpiOm-_",
                                   "Basic YTp=OmM=",
                                   "Basic YTpi\n"}) {
            assertContains(reasonOf(header), "Basic needs NAME:TOKEN in base64");
        }
    }

    void basicWithoutAColonIsReported() {
        for (const char* header : {"Basic", "Basic ", "Basic YWJj"}) {
            assertContains(reasonOf(header), "Basic needs NAME:TOKEN in base64");
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiCredentialsTest);
