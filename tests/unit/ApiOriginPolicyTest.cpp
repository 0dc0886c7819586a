#include <string>
#include <utility>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "auth/HostList.h"
#include "auth/OriginPolicy.h"
#include "drover/Exceptions.h"
#include "support/Assert.h"

using drover::api::Authority;
using drover::api::HostList;
using drover::api::Origin;
using drover::api::OriginPolicy;
using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::assertStartsWith;

namespace {

/// Returns "example.com 8443"; "example.com" without a port; "(none)" if the text is refused.
std::string shown(const std::optional<Authority>& authority) {
    if (!authority) {
        return "(none)";
    }
    return authority->host + (authority->port ? " " + std::to_string(*authority->port) : "");
}

std::string shown(const std::optional<Origin>& origin) {
    return origin ? origin->scheme + " " + shown(origin->authority) : "(none)";
}

std::string valueOf(const OriginPolicy::Headers& headers, const std::string& wanted) {
    for (const auto& [name, value] : headers) {
        if (name == wanted) {
            return value;
        }
    }
    return "(none)";
}

template <typename Policy>
std::string refusal(const std::string& list) {
    try {
        static_cast<void>(Policy(list));
    } catch (const drover::ConfigException& error) {
        return error.message();
    }
    return "(accepted)";
}

const OriginPolicy kClosed;
const OriginPolicy kOpen("https://shop.example, http://localhost:5173");

}  // namespace

/// Pages of other sites change nothing and read nothing, unless their origin is listed.
class ApiOriginPolicyTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiOriginPolicyTest);
    CPPUNIT_TEST(authoritiesAreParsed);
    CPPUNIT_TEST(originsAreParsed);
    CPPUNIT_TEST(withoutAListEveryHostIsServed);
    CPPUNIT_TEST(aListedHostIsServed);
    CPPUNIT_TEST(aMistakeInTheHostsIsReported);
    CPPUNIT_TEST(safeMethodsAreServedToEveryPage);
    CPPUNIT_TEST(clientsThatAreNotBrowsersAreServed);
    CPPUNIT_TEST(theBrowsersOwnWordCountsFirst);
    CPPUNIT_TEST(withoutItTheOriginIsComparedWithTheHost);
    CPPUNIT_TEST(aListedOriginIsServed);
    CPPUNIT_TEST(withoutAListNoAnswerHasHeaders);
    CPPUNIT_TEST(aListedOriginMayReadTheAnswer);
    CPPUNIT_TEST(aPreflightNamesWhatTheRouteAccepts);
    CPPUNIT_TEST(aMistakeInTheOriginsIsReported);
    CPPUNIT_TEST_SUITE_END();

public:
    void authoritiesAreParsed() {
        const std::vector<std::pair<const char*, const char*>> cases = {
            {"Example.COM", "example.com"},
            {"example.com.", "example.com"},
            {"example.com:8443", "example.com 8443"},
            {"my_service:80", "my_service 80"},
            {"192.0.2.1:1", "192.0.2.1 1"},
            {"[::1]", "::1"},
            {"[0:0::1]:65535", "::1 65535"},
            {"", "(none)"},
            {".", "(none)"},
            {"a..", "(none)"},
            {"a..b", "(none)"},
            {".a", "(none)"},
            {":80", "(none)"},
            {"example.com:", "(none)"},
            {"example.com:65536", "(none)"},
            {"example.com:-1", "(none)"},
            {"example.com:8x", "(none)"},
            {"::1", "(none)"},
            {"[::1", "(none)"},
            {"[]", "(none)"},
            {"[192.0.2.1]", "(none)"},
            {"[::1]x", "(none)"},
            {"a b", "(none)"},
            {"a/b", "(none)"},
            {"a@b", "(none)"},
            {"a,b", "(none)"},
            {"*.example.com", "(none)"}};
        for (const auto& [text, parsed] : cases) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(text, std::string(parsed), shown(Authority::parse(text)));
        }
    }

    void originsAreParsed() {
        const std::vector<std::pair<const char*, const char*>> cases = {
            {"https://Example.com", "https example.com 443"},
            {"HTTP://example.com", "http example.com 80"},
            {"http://example.com:8080", "http example.com 8080"},
            {"http://[::1]:80", "http ::1 80"},
            {"capacitor://localhost", "capacitor localhost"},
            {"null", "(none)"},
            {"", "(none)"},
            {"://a", "(none)"},
            {"https://", "(none)"},
            {"https://example.com/", "(none)"},
            {"https://a@example.com", "(none)"},
            {"https:example.com", "(none)"},
            {"a b://c", "(none)"}};
        for (const auto& [text, parsed] : cases) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(text, std::string(parsed), shown(Origin::parse(text)));
        }
    }

    void withoutAListEveryHostIsServed() {
        for (const char* host : {"", "example.com", "a b"}) {
            CPPUNIT_ASSERT(HostList().serves(host) && HostList(" , ").serves(host));
        }
    }

    void aListedHostIsServed() {
        const HostList hosts("Example.com, *.shop.example, secure.example:8443, [::1]");
        for (const char* host : {"example.com",
                                 "EXAMPLE.com:4000",
                                 "example.com.",
                                 "a.shop.example",
                                 "a.b.shop.example:1",
                                 "secure.example:8443",
                                 "[::1]:4000"}) {
            CPPUNIT_ASSERT_MESSAGE(host, hosts.serves(host));
        }
        for (const char* host : {"",
                                 "evil.example",
                                 "sub.example.com",
                                 "example.com.evil.example",
                                 "shop.example",
                                 "ashop.example",
                                 "secure.example",
                                 "secure.example:443",
                                 "127.0.0.1",
                                 "example.com, evil.example",
                                 "example.com:x"}) {
            CPPUNIT_ASSERT_MESSAGE(host, !hosts.serves(host));
        }
    }

    void aMistakeInTheHostsIsReported() {
        for (const char* host : {"https://example.com", "*", "ex*mple.com", "::1", "a.example/x"}) {
            assertStartsWith(refusal<HostList>("example.com, " + std::string(host)),
                             "api.hosts: " + std::string(host) + " is not a host; example.com");
        }
    }

    void safeMethodsAreServedToEveryPage() {
        for (const char* method : {"GET", "HEAD", "OPTIONS", "TRACE"}) {
            CPPUNIT_ASSERT(
                !kClosed.refuses(method, "api.example", "https://evil.example", "cross-site"));
        }
        for (const char* method : {"POST", "PUT", "PATCH", "DELETE", "get", "PURGE"}) {
            CPPUNIT_ASSERT(
                kClosed.refuses(method, "api.example", "https://evil.example", "cross-site"));
        }
    }

    void clientsThatAreNotBrowsersAreServed() {
        CPPUNIT_ASSERT(!kClosed.refuses("POST", "api.example", "", ""));
    }

    void theBrowsersOwnWordCountsFirst() {
        for (const char* site : {"same-origin", "none"}) {
            // A proxy may have put another host into the request.
            CPPUNIT_ASSERT(!kClosed.refuses("POST", "upstream", "https://api.example", site));
        }
        for (const char* site : {"cross-site", "same-site", "Same-Origin", "new-word"}) {
            CPPUNIT_ASSERT(kClosed.refuses("POST", "api.example", "https://api.example", site));
        }
    }

    void withoutItTheOriginIsComparedWithTheHost() {
        const std::vector<std::pair<const char*, const char*>> own = {
            {"api.example", "https://api.example"},
            {"api.example", "http://api.example"},
            {"api.example:443", "https://api.example"},
            {"api.example:4000", "http://api.example:4000"},
            {"API.example.", "http://api.example"},
            {"[::1]:4000", "http://[::1]:4000"}};
        for (const auto& [host, origin] : own) {
            CPPUNIT_ASSERT_MESSAGE(origin, !kClosed.refuses("POST", host, origin, ""));
        }
        const std::vector<std::pair<const char*, const char*>> foreign = {
            {"api.example", "https://evil.example"},
            {"api.example", "http://api.example:4000"},
            {"api.example:4000", "http://api.example"},
            {"api.example:80", "https://api.example"},
            {"api.example", "http://sub.api.example"},
            {"api.example", "null"},
            {"", "null"},
            {"", "http://"},
            {"a b", "http://a b"}};
        for (const auto& [host, origin] : foreign) {
            CPPUNIT_ASSERT_MESSAGE(origin, kClosed.refuses("POST", host, origin, ""));
        }
    }

    void aListedOriginIsServed() {
        CPPUNIT_ASSERT(!kOpen.refuses("POST", "api.example", "https://shop.example", "cross-site"));
        CPPUNIT_ASSERT(
            !kOpen.refuses("POST", "api.example", "https://shop.example:443", "same-site"));
        CPPUNIT_ASSERT(!kOpen.refuses("POST", "api.example", "http://localhost:5173", ""));
        for (const char* origin : {"http://shop.example",
                                   "https://shop.example:8443",
                                   "https://a.shop.example",
                                   "http://localhost",
                                   "null"}) {
            CPPUNIT_ASSERT_MESSAGE(origin,
                                   kOpen.refuses("POST", "api.example", origin, "cross-site"));
        }
    }

    void withoutAListNoAnswerHasHeaders() {
        CPPUNIT_ASSERT(kClosed.headersFor("https://shop.example").empty());
        CPPUNIT_ASSERT(kClosed.preflightHeaders("https://shop.example", "POST", "").empty());
    }

    void aListedOriginMayReadTheAnswer() {
        const auto headers = kOpen.headersFor("https://shop.example");
        assertEqual("https://shop.example", valueOf(headers, "Access-Control-Allow-Origin"));
        assertEqual("Origin", valueOf(headers, "Vary"));
        assertEqual("(none)", valueOf(headers, "Access-Control-Allow-Credentials"));
        // A cache must not give one origin the answer of another.
        for (const char* origin : {"", "https://evil.example"}) {
            const auto others = kOpen.headersFor(origin);
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, others.size());
            assertEqual("Origin", valueOf(others, "Vary"));
        }
    }

    void aPreflightNamesWhatTheRouteAccepts() {
        const auto headers =
            kOpen.preflightHeaders("https://shop.example", "GET, POST", "Idempotency-Key");
        assertEqual("GET, POST", valueOf(headers, "Access-Control-Allow-Methods"));
        assertEqual("Authorization, Content-Type, Content-Encoding, Idempotency-Key",
                    valueOf(headers, "Access-Control-Allow-Headers"));
        assertEqual("600", valueOf(headers, "Access-Control-Max-Age"));
        CPPUNIT_ASSERT(kOpen.preflightHeaders("https://evil.example", "POST", "").empty());
    }

    void aMistakeInTheOriginsIsReported() {
        for (const char* origin :
             {"shop.example", "https://shop.example/", "null", "https://*.a"}) {
            assertStartsWith(
                refusal<OriginPolicy>("https://a.example," + std::string(origin)),
                "api.cors.origins: " + std::string(origin) + " is not an origin; https://");
        }
        assertContains(refusal<OriginPolicy>("*"), "the pages of every site would use");
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiOriginPolicyTest);
