#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "auth/Gatekeeper.h"
#include "auth/TokenFile.h"
#include "drover/Json.h"
#include "support/Assert.h"

using drover::AccessToken;
using drover::JsonView;
using drover::Response;
using drover::Scope;
using drover::api::Decision;
using drover::api::Gatekeeper;
using drover::api::HostList;
using drover::api::OriginPolicy;
using drover::api::RequestView;
using drover::api::TokenTable;
using drover::api::TrustedProxies;
using drover::test::assertContains;
using drover::test::assertEqual;

namespace {

const std::string kAdder = "drv_adder-of-the-unit-tests";
const std::string kReader = "drv_reader-of-the-unit-tests";
const std::string kWrong = "drv_wrong-in-the-unit-tests";
const Scope kAddMail{Scope::Kind::Add, "mail"};

TokenTable tableOf(const std::vector<std::pair<std::string, std::string>>& tokens) {
    std::string text;
    for (const auto& [token, scopes] : tokens) {
        AccessToken entry;
        entry.name = token.substr(4, token.find('-') - 4);
        entry.digest = AccessToken::digestOf(token);
        text += entry.line() + " " + scopes + "\n";
    }
    return drover::api::parseTokenFile(text, "tokens");
}

std::shared_ptr<Gatekeeper::Rules> rulesWithTokens() {
    auto rules = std::make_shared<Gatekeeper::Rules>();
    rules->tokens = tableOf({{kAdder, "add:mail"}, {kReader, "read add:sms*"}});
    return rules;
}

RequestView post() {
    RequestView request;
    request.method = "POST";
    request.peer = "192.0.2.1";
    request.host = "api.example";
    return request;
}

std::vector<std::string> valuesOf(const OriginPolicy::Headers& headers, const std::string& wanted) {
    std::vector<std::string> values;
    for (const auto& [name, value] : headers) {
        if (name == wanted) {
            values.push_back(value);
        }
    }
    return values;
}

/// The challenge of a scheme in an answer; "(none)".
std::string challengeOf(const Decision& decision, const std::string& scheme) {
    for (const std::string& value : valuesOf(decision.answer->headers, "WWW-Authenticate")) {
        if (value.rfind(scheme + " ", 0) == 0) {
            return value;
        }
    }
    return "(none)";
}

std::string messageOf(const Response& response) {
    const JsonView json = JsonView::parse(response.body);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{response.status}, *json["statusCode"].integer());
    return *json["message"].string();
}

}  // namespace

/// A request is served, or refused with a status and a text that names the cure.
class ApiGatekeeperTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiGatekeeperTest);
    CPPUNIT_TEST(aRouteWithoutAScopeServesEveryClient);
    CPPUNIT_TEST(aTokenWithTheScopeIsServed);
    CPPUNIT_TEST(aTokenIsServedAsAPasswordToo);
    CPPUNIT_TEST(withoutATokenTheAnswerOffersBothSchemes);
    CPPUNIT_TEST(aMalformedHeaderIsABadRequest);
    CPPUNIT_TEST(aWrongTokenIsRefused);
    CPPUNIT_TEST(aMissingScopeIsNamed);
    CPPUNIT_TEST(aScopeThatNoHeaderCanHoldIsNamedInTheMessage);
    CPPUNIT_TEST(tooManyWrongTokensAreThrottled);
    CPPUNIT_TEST(aRightTokenPassesFromAThrottledAddress);
    CPPUNIT_TEST(requestsWithoutATokenAreNotThrottled);
    CPPUNIT_TEST(theThrottleCountsTheClientBehindAProxy);
    CPPUNIT_TEST(anotherHostIsMisdirected);
    CPPUNIT_TEST(aPageOfAnotherSiteIsRefused);
    CPPUNIT_TEST(aListedOriginMayReadEveryAnswer);
    CPPUNIT_TEST(aPreflightNeedsNoToken);
    CPPUNIT_TEST(optionsForAnotherHostAreMisdirected);
    CPPUNIT_TEST(aReloadChangesTheTokens);
    CPPUNIT_TEST(aReloadKeepsWhatIsThrottled);
    CPPUNIT_TEST(tokensAreReloadedUnderLoad);
    CPPUNIT_TEST_SUITE_END();

public:
    void aRouteWithoutAScopeServesEveryClient() {
        for (const std::string& header :
             {std::string(), "Bearer " + kWrong, std::string("Bearer ?")}) {
            RequestView request = post();
            request.authorization = header;
            const Decision decision = gate_.decide(request, std::nullopt, now_);
            CPPUNIT_ASSERT(!decision.answer);
            CPPUNIT_ASSERT_EQUAL(std::string(), decision.token);
            assertEqual("192.0.2.1", decision.client.text());
        }
    }

    void aTokenWithTheScopeIsServed() {
        const Decision decision = decide("Bearer " + kAdder);
        CPPUNIT_ASSERT(!decision.answer);
        assertEqual("adder", decision.token);
    }

    void aTokenIsServedAsAPasswordToo() {
        // me:drv_adder-of-the-unit-tests
        const Decision decision = decide("Basic bWU6ZHJ2X2FkZGVyLW9mLXRoZS11bml0LXRlc3Rz");
        CPPUNIT_ASSERT(!decision.answer);
        assertEqual("adder", decision.token);
    }

    void withoutATokenTheAnswerOffersBothSchemes() {
        for (const char* header : {"", "Digest username=\"me\""}) {
            const Decision decision = decide(header);
            CPPUNIT_ASSERT_EQUAL(401, decision.answer->status);
            assertContains(messageOf(*decision.answer), "this request needs a token");
            assertEqual("Bearer realm=\"drover\"", challengeOf(decision, "Bearer"));
            assertEqual("Basic realm=\"drover\", charset=\"UTF-8\"",
                        challengeOf(decision, "Basic"));
        }
    }

    void aMalformedHeaderIsABadRequest() {
        for (const char* header : {"Bearer a b", "Basic ???"}) {
            const Decision decision = decide(header);
            CPPUNIT_ASSERT_EQUAL(400, decision.answer->status);
            assertContains(messageOf(*decision.answer), "Authorization: ");
        }
    }

    void aWrongTokenIsRefused() {
        // bWU6 is "me:": a person who sends an empty password is asked again.
        for (const std::string& header : {"Bearer " + kWrong, std::string("Basic bWU6")}) {
            const Decision decision = decide(header);
            CPPUNIT_ASSERT_EQUAL(401, decision.answer->status);
            assertEqual("the token is not valid", messageOf(*decision.answer));
            assertContains(challengeOf(decision, "Bearer"), "error=\"invalid_token\"");
            assertContains(challengeOf(decision, "Basic"), "realm=\"drover\"");
            CPPUNIT_ASSERT_EQUAL(std::string(), decision.token);
        }
    }

    void aMissingScopeIsNamed() {
        const Decision decision = decide("Bearer " + kReader);
        CPPUNIT_ASSERT_EQUAL(403, decision.answer->status);
        assertEqual("the token reader does not have the scope add:mail",
                    messageOf(*decision.answer));
        assertEqual("Bearer realm=\"drover\", error=\"insufficient_scope\", scope=\"add:mail\"",
                    challengeOf(decision, "Bearer"));
        assertEqual("(none)", challengeOf(decision, "Basic"));
        assertEqual("reader", decision.token);
    }

    void aScopeThatNoHeaderCanHoldIsNamedInTheMessage() {
        for (const char* queue : {"a\"b", "a b", "caf\xC3\xA9", "a\\b"}) {
            const Decision decision = decide("Bearer " + kReader, Scope{Scope::Kind::Add, queue});
            CPPUNIT_ASSERT_EQUAL(403, decision.answer->status);
            assertContains(messageOf(*decision.answer), std::string("add:") + queue);
            assertEqual("Bearer realm=\"drover\", error=\"insufficient_scope\"",
                        challengeOf(decision, "Bearer"));
        }
    }

    void tooManyWrongTokensAreThrottled() {
        for (int i = 0; i < 10; ++i) {
            CPPUNIT_ASSERT_EQUAL(401, decide("Bearer " + kWrong).answer->status);
        }
        const Decision decision = decide("Bearer " + kWrong);
        CPPUNIT_ASSERT_EQUAL(429, decision.answer->status);
        CPPUNIT_ASSERT(valuesOf(decision.answer->headers, "Retry-After") ==
                       std::vector<std::string>{"1"});
        assertEqual("too many wrong tokens from this address", messageOf(*decision.answer));
        now_ += std::chrono::seconds(1);
        CPPUNIT_ASSERT_EQUAL(401, decide("Bearer " + kWrong).answer->status);
    }

    void aRightTokenPassesFromAThrottledAddress() {
        for (int i = 0; i < 10'000; ++i) {
            decide("Bearer " + kWrong + std::to_string(i));
        }
        CPPUNIT_ASSERT_EQUAL(429, decide("Bearer " + kWrong).answer->status);
        CPPUNIT_ASSERT(!decide("Bearer " + kAdder).answer);
        CPPUNIT_ASSERT_EQUAL(403, decide("Bearer " + kReader).answer->status);
    }

    void requestsWithoutATokenAreNotThrottled() {
        for (int i = 0; i < 100; ++i) {
            CPPUNIT_ASSERT_EQUAL(401, decide("").answer->status);
            CPPUNIT_ASSERT_EQUAL(400, decide("Basic ???").answer->status);
        }
        CPPUNIT_ASSERT_EQUAL(401, decide("Bearer " + kWrong).answer->status);
    }

    void theThrottleCountsTheClientBehindAProxy() {
        auto rules = rulesWithTokens();
        rules->proxies = TrustedProxies("192.0.2.0/24");
        gate_.replace(rules);
        const std::string authorization = "Bearer " + kWrong;
        RequestView request = post();
        request.authorization = authorization;
        request.forwardedFor = "203.0.113.1";
        for (int i = 0; i < 11; ++i) {
            static_cast<void>(gate_.decide(request, kAddMail, now_));
        }
        const Decision throttled = gate_.decide(request, kAddMail, now_);
        CPPUNIT_ASSERT_EQUAL(429, throttled.answer->status);
        assertEqual("203.0.113.1", throttled.client.text());
        request.forwardedFor = "203.0.113.2";
        CPPUNIT_ASSERT_EQUAL(401, gate_.decide(request, kAddMail, now_).answer->status);
    }

    void anotherHostIsMisdirected() {
        auto rules = rulesWithTokens();
        rules->hosts = HostList("api.example");
        gate_.replace(rules);
        CPPUNIT_ASSERT(!decide("Bearer " + kAdder).answer);
        for (const char* host : {"evil.example", ""}) {
            RequestView request = post();
            request.host = host;
            const Decision decision = gate_.decide(request, std::nullopt, now_);
            CPPUNIT_ASSERT_EQUAL(421, decision.answer->status);
            assertContains(messageOf(*decision.answer), "api.hosts lists those");
        }
    }

    void aPageOfAnotherSiteIsRefused() {
        const std::string authorization = "Bearer " + kAdder;
        RequestView request = post();
        request.authorization = authorization;
        request.fetchSite = "cross-site";
        for (const std::optional<Scope>& demanded :
             {std::optional<Scope>(), std::optional(kAddMail)}) {
            const Decision decision = gate_.decide(request, demanded, now_);
            CPPUNIT_ASSERT_EQUAL(403, decision.answer->status);
            assertContains(messageOf(*decision.answer), "a page of another site may not");
        }
        request.fetchSite = "";
        request.origin = "https://evil.example";
        CPPUNIT_ASSERT_EQUAL(403, gate_.decide(request, kAddMail, now_).answer->status);
        request.origin = "https://api.example";
        CPPUNIT_ASSERT(!gate_.decide(request, kAddMail, now_).answer);
    }

    void aListedOriginMayReadEveryAnswer() {
        openTo("https://shop.example");
        const std::string authorization = "Bearer " + kAdder;
        RequestView request = post();
        request.origin = "https://shop.example";
        request.fetchSite = "cross-site";
        const std::vector<std::string> allowed = {"https://shop.example"};
        const Decision refused = gate_.decide(request, kAddMail, now_);
        CPPUNIT_ASSERT_EQUAL(401, refused.answer->status);
        CPPUNIT_ASSERT(valuesOf(refused.answer->headers, "Access-Control-Allow-Origin") == allowed);
        request.authorization = authorization;
        const Decision served = gate_.decide(request, kAddMail, now_);
        CPPUNIT_ASSERT(!served.answer);
        CPPUNIT_ASSERT(valuesOf(served.headers, "Access-Control-Allow-Origin") == allowed);
    }

    void aPreflightNeedsNoToken() {
        openTo("https://shop.example");
        RequestView request = post();
        request.method = "OPTIONS";
        request.origin = "https://shop.example";
        const Response answer =
            *gate_.answerOptions(request, "GET, POST", "Idempotency-Key").answer;
        CPPUNIT_ASSERT_EQUAL(204, answer.status);
        CPPUNIT_ASSERT_EQUAL(std::string(), answer.body);
        for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
                 {"Access-Control-Allow-Origin", "https://shop.example"},
                 {"Access-Control-Allow-Methods", "GET, POST"},
                 {"Allow", "GET, POST"},
                 {"Vary", "Origin"}}) {
            CPPUNIT_ASSERT_MESSAGE(
                name, valuesOf(answer.headers, name) == std::vector<std::string>{value});
        }
        request.origin = "https://evil.example";
        const Response other = *gate_.answerOptions(request, "GET, POST", "").answer;
        CPPUNIT_ASSERT_EQUAL(204, other.status);
        CPPUNIT_ASSERT(valuesOf(other.headers, "Access-Control-Allow-Origin").empty());
        CPPUNIT_ASSERT(valuesOf(other.headers, "Access-Control-Allow-Methods").empty());
    }

    void optionsForAnotherHostAreMisdirected() {
        auto rules = rulesWithTokens();
        rules->hosts = HostList("other.example");
        gate_.replace(rules);
        CPPUNIT_ASSERT_EQUAL(421, gate_.answerOptions(post(), "POST", "").answer->status);
    }

    void aReloadChangesTheTokens() {
        auto rules = rulesWithTokens();
        rules->tokens = tableOf({{kWrong, "add:*"}});
        gate_.replace(rules);
        CPPUNIT_ASSERT_EQUAL(401, decide("Bearer " + kAdder).answer->status);
        CPPUNIT_ASSERT(!decide("Bearer " + kWrong).answer);
    }

    void aReloadKeepsWhatIsThrottled() {
        for (int i = 0; i < 10; ++i) {
            decide("Bearer " + kWrong);
        }
        gate_.replace(rulesWithTokens());
        CPPUNIT_ASSERT_EQUAL(429, decide("Bearer " + kWrong).answer->status);
    }

    /// A token that both files have is served throughout, and wrong ones beside it never.
    void tokensAreReloadedUnderLoad() {
        std::atomic<int> served{0};
        std::atomic<int> refused{0};
        std::atomic<int> mistaken{0};
        std::atomic<bool> ended{false};
        std::thread right([&] {
            while (!ended) {
                ++(decide("Bearer " + kAdder).answer ? mistaken : served);
            }
        });
        std::thread wrong([&] {
            while (!ended) {
                ++(decide("Bearer " + kWrong).answer ? refused : mistaken);
            }
        });
        for (int i = 0; i < 1000 || served + mistaken < 1000 || refused + mistaken < 1000; ++i) {
            auto rules = rulesWithTokens();
            if (i % 2 == 0) {
                rules->tokens = tableOf({{kAdder, "add:*"}});
            }
            gate_.replace(rules);
        }
        ended = true;
        right.join();
        wrong.join();
        CPPUNIT_ASSERT_EQUAL(0, mistaken.load());
    }

private:
    Decision decide(const std::string& authorization, const Scope& demanded = kAddMail) {
        RequestView request = post();
        request.authorization = authorization;
        return gate_.decide(request, demanded, now_);
    }

    void openTo(const std::string& origins) {
        auto rules = rulesWithTokens();
        rules->origins = OriginPolicy(origins);
        gate_.replace(rules);
    }

    Gatekeeper gate_{rulesWithTokens()};
    Gatekeeper::Time now_{std::chrono::hours(1)};
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiGatekeeperTest);
