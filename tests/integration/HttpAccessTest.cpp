#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "HttpFixture.h"
#include "drover/AccessToken.h"
#include "support/LogCapture.h"
#include "support/Patience.h"

namespace api = drover::api;
using drover::AccessToken;
using drover::Exchange;
using drover::Request;
using drover::Response;
using drover::Route;
using drover::Scope;
using drover::test::assertContains;
using drover::test::assertLacks;
using drover::test::HttpFixture;
using drover::test::kPatience;
using drover::test::LogCapture;
using drover::test::RawAnswer;
using drover::test::RawClient;
using drover::test::request;

namespace {

constexpr const char* kShop = "drv_shop_0123456789abcdefghij";
constexpr const char* kReader = "drv_reader_0123456789abcdefgh";

api::TokenTable tokens(const std::vector<std::pair<std::string, std::string>>& namesAndTokens) {
    std::vector<AccessToken> entries;
    for (const auto& [name, token] : namesAndTokens) {
        AccessToken entry;
        entry.name = name;
        entry.digest = AccessToken::digestOf(token);
        entry.scopes = {Scope::parse(name == "shop" ? "add:mail-*" : "read")};
        entries.push_back(entry);
    }
    return api::TokenTable(std::move(entries));
}

}  // namespace

/// The gatekeeper in front of every route, and the access log behind it.
class HttpAccessTest : public HttpFixture {
    CPPUNIT_TEST_SUITE(HttpAccessTest);
    CPPUNIT_TEST(aRouteWithAScopeNeedsATokenThatHasIt);
    CPPUNIT_TEST(aRouteWithoutAScopeServesEveryClient);
    CPPUNIT_TEST(aHeaderThatDecidesStandsOnce);
    CPPUNIT_TEST(otherHostsAreMisdirected);
    CPPUNIT_TEST(pagesOfOtherSitesChangeNothing);
    CPPUNIT_TEST(listedOriginsReadEveryAnswer);
    CPPUNIT_TEST(tokensChangeUnderLoad);
    CPPUNIT_TEST(floodOfWrongTokensLeavesRightOnesServed);
    CPPUNIT_TEST(forwardedAddressesCountBehindATrustedProxy);
    CPPUNIT_TEST(accessLogHasALinePerRequest);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        HttpFixture::setUp();
        auto rules = std::make_shared<api::Gatekeeper::Rules>();
        rules->tokens = tokens({{"shop", kShop}, {"reader", kReader}});
        rules_ = rules;
        Route route;
        route.method = "POST";
        route.path = "/mails/{id}";
        route.source = "test";
        route.parameters.emplace_back();
        route.parameters.back().name = "id";
        route.scope = Scope{Scope::Kind::Add, "mail-out"};
        route.asyncHandler = [](std::vector<Exchange> turn) {
            for (Exchange& exchange : turn) {
                Response created;
                created.status = 201;
                exchange.responder.respond(std::move(created));
            }
        };
        routes_->add(route);
        route.method = "GET";
        route.scope = Scope{Scope::Kind::Read};
        route.asyncHandler = nullptr;
        route.handler = [](const Request& r) {
            Response response;
            response.body = r.remoteAddress;
            return response;
        };
        routes_->add(route);
        restart();
    }

    void aRouteWithAScopeNeedsATokenThatHasIt() {
        const RawAnswer without = exchange(request("POST /mails/1"));
        CPPUNIT_ASSERT_EQUAL(401, without.status);
        assertContains(without.header("www-authenticate"), "realm=\"drover\"");
        CPPUNIT_ASSERT_EQUAL(401, exchange(request("POST /mails/1", bearer("drv_wrong"))).status);
        CPPUNIT_ASSERT_EQUAL(201, exchange(request("POST /mails/1", bearer(kShop))).status);
        const RawAnswer other = exchange(request("POST /mails/1", bearer(kReader)));
        CPPUNIT_ASSERT_EQUAL(403, other.status);
        assertContains(other.body, "does not have the scope add:mail-out");
        CPPUNIT_ASSERT_EQUAL(200, exchange(request("GET /mails/1", bearer(kReader))).status);
        CPPUNIT_ASSERT_EQUAL(403, exchange(request("GET /mails/1", bearer(kShop))).status);
        // base64 of "me:drv_reader_0123456789abcdefgh"
        CPPUNIT_ASSERT_EQUAL(
            200,
            exchange(request("GET /mails/1",
                             "Authorization: Basic bWU6ZHJ2X3JlYWRlcl8wMTIzNDU2Nzg5YWJjZGVmZ2g="))
                .status);
        CPPUNIT_ASSERT_EQUAL(405, exchange(request("DELETE /mails/1")).status);
    }

    void aRouteWithoutAScopeServesEveryClient() {
        CPPUNIT_ASSERT_EQUAL(200, exchange(request("GET /constant")).status);
        CPPUNIT_ASSERT_EQUAL(200, exchange(request("GET /constant", bearer("drv_wrong"))).status);
    }

    void aHeaderThatDecidesStandsOnce() {
        for (const std::string header :
             {"Authorization: Bearer x", "Origin: http://a", "Sec-Fetch-Site: none"}) {
            assertRefused(400, request("GET /constant", header + "\r\n" + header), header);
        }
    }

    void otherHostsAreMisdirected() {
        auto rules = std::make_shared<api::Gatekeeper::Rules>();
        rules->hosts = api::HostList("localhost");
        rules_ = rules;
        restart();
        CPPUNIT_ASSERT_EQUAL(200, exchange(request("GET /constant")).status);
        for (const char* target : {"/constant", "/nowhere", "/api-json", "/api"}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(target,
                                         421,
                                         exchange(std::string("GET ") + target +
                                                  " HTTP/1.1\r\nHost: rebound.example\r\n\r\n")
                                             .status);
        }
        CPPUNIT_ASSERT_EQUAL(
            421, exchange("OPTIONS /constant HTTP/1.1\r\nHost: rebound.example\r\n\r\n").status);
    }

    void pagesOfOtherSitesChangeNothing() {
        const std::string json = "Content-Type: application/json\r\n";
        const std::string body = R"({"userId":7})";
        const auto post = [&](const std::string& header) {
            return exchange(request("POST /body", json + header, body)).status;
        };
        CPPUNIT_ASSERT_EQUAL(403, post("Sec-Fetch-Site: cross-site"));
        CPPUNIT_ASSERT_EQUAL(403, post("Origin: https://evil.example"));
        CPPUNIT_ASSERT_EQUAL(403, post("Origin: null"));
        CPPUNIT_ASSERT_EQUAL(200, post("Sec-Fetch-Site: same-origin"));
        CPPUNIT_ASSERT_EQUAL(200, post("Origin: http://localhost"));
        CPPUNIT_ASSERT_EQUAL_MESSAGE("reached the handler", 2, bodies_.load());
        CPPUNIT_ASSERT_EQUAL(
            200, exchange(request("GET /constant", "Sec-Fetch-Site: cross-site")).status);
    }

    void listedOriginsReadEveryAnswer() {
        auto rules = std::make_shared<api::Gatekeeper::Rules>();
        rules->origins = api::OriginPolicy("https://shop.example");
        rules_ = rules;
        restart();
        const std::string origin = "Origin: https://shop.example\r\nSec-Fetch-Site: cross-site";
        for (const char* target :
             {"GET /constant", "GET /nowhere", "GET /throw/standard", "POST /nobody/1"}) {
            const RawAnswer answer = exchange(request(target, origin));
            CPPUNIT_ASSERT_EQUAL_MESSAGE(target,
                                         std::string("https://shop.example"),
                                         answer.header("access-control-allow-origin"));
        }
        const RawAnswer preflight = exchange(
            request("OPTIONS /mails/1", origin + "\r\nAccess-Control-Request-Method: POST"));
        CPPUNIT_ASSERT_EQUAL(204, preflight.status);
        assertContains(preflight.header("access-control-allow-methods"), "POST");
        assertContains(preflight.header("access-control-allow-headers"), "Authorization");
        CPPUNIT_ASSERT(exchange(request("GET /constant", "Origin: https://other.example"))
                           .header("access-control-allow-origin")
                           .empty());
    }

    void tokensChangeUnderLoad() {
        start();
        std::atomic<int> served{0};
        std::atomic<int> refused{0};
        std::vector<std::jthread> clients;
        for (int i = 0; i < 4; ++i) {
            clients.emplace_back([&](const std::stop_token& stop) {
                RawClient client = connect();
                while (!stop.stop_requested()) {
                    const int status =
                        client.exchange(request("POST /mails/1", bearer(kShop))).status;
                    (status == 201 ? served : refused) += 1;
                }
            });
        }
        // The shop's token is in each of them, once as the first and once as the second.
        for (int turn = 0; turn < 200; ++turn) {
            auto next = std::make_shared<api::Gatekeeper::Rules>();
            next->tokens = turn % 2 == 0 ? tokens({{"reader", kReader}, {"shop", kShop}})
                                         : tokens({{"shop", kShop}});
            front_->replace(std::move(next), false);
            const int before = served;
            const auto until = std::chrono::steady_clock::now() + kPatience;
            while (served == before && std::chrono::steady_clock::now() < until) {
                std::this_thread::yield();
            }
        }
        clients.clear();
        CPPUNIT_ASSERT(served > 200);
        CPPUNIT_ASSERT_EQUAL(0, refused.load());
        front_->replace(std::make_shared<const api::Gatekeeper::Rules>(), false);
        CPPUNIT_ASSERT_EQUAL(401, exchange(request("POST /mails/1", bearer(kShop))).status);
    }

    void floodOfWrongTokensLeavesRightOnesServed() {
        start();
        std::atomic<int> unauthorized{0};
        std::atomic<int> throttled{0};
        std::atomic<int> other{0};
        std::vector<std::jthread> attackers;
        for (int i = 0; i < 4; ++i) {
            attackers.emplace_back([&, i](const std::stop_token& stop) {
                RawClient client = connect();
                for (int guess = 0; !stop.stop_requested(); ++guess) {
                    const std::string token =
                        "drv_guess_" + std::to_string(i) + "_" + std::to_string(1000000000 + guess);
                    const int status =
                        client.exchange(request("POST /mails/1", bearer(token))).status;
                    (status == 401 ? unauthorized : status == 429 ? throttled : other) += 1;
                }
            });
        }
        RawClient client = connect();
        for (int i = 0; i < 2000 || throttled < 1000; ++i) {
            CPPUNIT_ASSERT_EQUAL(201,
                                 client.exchange(request("POST /mails/1", bearer(kShop))).status);
        }
        attackers.clear();
        CPPUNIT_ASSERT_EQUAL(0, other.load());
        CPPUNIT_ASSERT_MESSAGE(std::to_string(unauthorized), unauthorized >= 10);
        const RawAnswer late =
            exchange(request("POST /mails/1", bearer("drv_one_guess_more_0123456789")));
        CPPUNIT_ASSERT(late.status == 429 || late.status == 401);
    }

    void forwardedAddressesCountBehindATrustedProxy() {
        auto rules = std::make_shared<api::Gatekeeper::Rules>();
        rules->proxies = api::TrustedProxies("127.0.0.0/8");
        rules_ = rules;
        settings_.gate.caps.connectionsPerAddress = 1;
        frontSettings_.maxRequestsPerClient = 1;
        frontSettings_.accessLog = true;
        restart();
        LogCapture log("http");
        const std::string from7 = "X-Forwarded-For: 192.0.2.7";
        RawClient first = connect();
        first.send(request("GET /wait", from7));
        awaitInside(1);
        // The cap of an address counts clients behind the proxy, not the proxy's connections.
        RawClient second = connect();
        const RawAnswer refused = second.exchange(request("GET /constant", from7));
        CPPUNIT_ASSERT_EQUAL(503, refused.status);
        assertContains(refused.body, "Too many requests from this address");
        CPPUNIT_ASSERT_EQUAL(503, second.exchange(request("OPTIONS /constant", from7)).status);
        CPPUNIT_ASSERT_EQUAL(
            200,
            second.exchange(request("GET /constant", "X-Forwarded-For: 192.0.2.7, 192.0.2.8"))
                .status);
        open();
        CPPUNIT_ASSERT_EQUAL(200, first.read().status);
        CPPUNIT_ASSERT_EQUAL(200, second.exchange(request("GET /constant", from7)).status);
        CPPUNIT_ASSERT_EQUAL(204, second.exchange(request("OPTIONS /constant", from7)).status);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log.count("method=OPTIONS status=204"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{5}, log.count("client=192.0.2.7"));
    }

    void accessLogHasALinePerRequest() {
        frontSettings_.accessLog = true;
        restart();
        LogCapture log("http");
        RawClient client = connect();
        const RawAnswer added = client.exchange(request("POST /mails/1?secret=x", bearer(kShop)));
        CPPUNIT_ASSERT_EQUAL(201, added.status);
        client.exchange(request("GET /constant"));
        client.exchange(request("GET /nowhere"));
        assertRefused(400, "garbage\r\n\r\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, log.count("request "));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                             log.count("request method=POST route=/mails/{id} status=201 ms="));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log.count("client=127.0.0.1 token=shop"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                             log.count("request method=GET route=/constant status=200 ms="));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log.count("request method=GET status=404 ms="));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log.count("request status=400 bytes="));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, log.count("secret"));
        front_->replace(rules_, false);
        client.exchange(request("GET /constant"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, log.count("request "));
    }

private:
    static std::string bearer(const std::string& token) { return "Authorization: Bearer " + token; }

    void restart() {
        server_.reset();
        frontSettings_.rules = rules_;
        front_ = std::make_unique<api::HttpFront>(*routes_, frontSettings_);
    }

    std::shared_ptr<const api::Gatekeeper::Rules> rules_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(HttpAccessTest);
