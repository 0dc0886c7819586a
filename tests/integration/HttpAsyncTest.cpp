#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "HttpFixture.h"
#include "support/Assert.h"
#include "support/Patience.h"

using drover::AsyncHandler;
using drover::Exchange;
using drover::Response;
using drover::Route;
using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::HttpFixture;
using drover::test::kAtOnce;
using drover::test::kPatience;
using drover::test::RawAnswer;
using drover::test::RawClient;
using drover::test::request;

/// Routes that answer later, from any thread.
class HttpAsyncTest : public HttpFixture {
    CPPUNIT_TEST_SUITE(HttpAsyncTest);
    CPPUNIT_TEST(aRequestIsAnsweredLaterFromAnotherThread);
    CPPUNIT_TEST(requestsThatWaitHoldNoThread);
    CPPUNIT_TEST(requestsOfOneTurnReachTheHandlerTogether);
    CPPUNIT_TEST(answersOfOneConnectionComeInTheOrderOfItsRequests);
    CPPUNIT_TEST(pipelinedRequestsDoNotWaitForAnEvent);
    CPPUNIT_TEST(aHeaderOfTheFrontIsNotAHandlers);
    CPPUNIT_TEST(aCallbackOfAnAnsweredRequestIsReleased);
    CPPUNIT_TEST(aResponderThatIsDroppedAnswers500);
    CPPUNIT_TEST(aHandlerThatThrowsAnswers500);
    CPPUNIT_TEST(onlyTheFirstAnswerCounts);
    CPPUNIT_TEST(aClientThatLeavesIsNoticed);
    CPPUNIT_TEST(aClientThatShutsItsSideIsAnswered);
    CPPUNIT_TEST(aRequestThatIsNotAnsweredInTimeReads503);
    CPPUNIT_TEST(inputsAreCheckedBeforeTheHandler);
    CPPUNIT_TEST(aLargeOrCompressedBodyIsCheckedOnThePool);
    CPPUNIT_TEST(headHasNoBody);
    CPPUNIT_TEST(drainWaitsForAnswers);
    CPPUNIT_TEST(anAnswerAfterTheEndOfTheServerGoesNowhere);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        HttpFixture::setUp();
        add("/later", [this](std::vector<Exchange> turn) { keep(std::move(turn)); });
    }

    void tearDown() override {
        {
            const std::lock_guard lock(mutex_);
            held_.clear();
        }
        HttpFixture::tearDown();
    }

    void aRequestIsAnsweredLaterFromAnotherThread() {
        RawClient client = connect();
        client.send(request("GET /later"));
        Exchange exchange = pop();
        CPPUNIT_ASSERT(client.silentFor(Milliseconds(50)));
        bool sent = false;
        std::thread([&] { sent = exchange.responder.respond(answer("late")); }).join();
        CPPUNIT_ASSERT(sent);
        assertEqual("late", client.read().body);
        client.send(request("GET /later"));
        pop().responder.respond(answer("again"));
        assertEqual("again", client.read().body);
    }

    void requestsThatWaitHoldNoThread() {
        settings_.threads = 1;
        std::vector<RawClient> waiting;
        for (int i = 0; i < 200; ++i) {
            waiting.push_back(connect());
            waiting.back().send(request("GET /later"));
        }
        awaitHeld(200);
        CPPUNIT_ASSERT_EQUAL(200, exchange(request("GET /constant")).status);
        for (int i = 0; i < 200; ++i) {
            pop().responder.respond(answer("done"));
        }
        for (RawClient& client : waiting) {
            assertEqual("done", client.read().body);
        }
    }

    void requestsOfOneTurnReachTheHandlerTogether() {
        std::vector<RawClient> clients;
        for (int i = 0; i < 50; ++i) {
            clients.push_back(connect());
        }
        // While the loop is held up, all of them send: the next turn finds them together.
        add("/hold", [this](std::vector<Exchange> turn) {
            std::unique_lock lock(mutex_);
            holding_ = true;
            changed_.notify_all();
            changed_.wait(lock, [this] { return !hold_; });
            turn.at(0).responder.respond(answer(""));
        });
        hold_ = true;
        RawClient holder = connect();
        holder.send(request("GET /hold"));
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return holding_; });
        }
        for (RawClient& client : clients) {
            client.send(request("GET /later"));
        }
        {
            const std::lock_guard lock(mutex_);
            hold_ = false;
            changed_.notify_all();
        }
        awaitHeld(50);
        const std::lock_guard lock(mutex_);
        CPPUNIT_ASSERT_MESSAGE("turns: " + std::to_string(turns_), turns_ <= 2);
    }

    void answersOfOneConnectionComeInTheOrderOfItsRequests() {
        RawClient client = connect();
        client.send(request("GET /later") + request("GET /item/7") + request("GET /later"));
        Exchange first = pop();
        CPPUNIT_ASSERT_MESSAGE("the next request overtook the first",
                               client.silentFor(Milliseconds(50)));
        first.responder.respond(answer("first"));
        assertEqual("first", client.read().body);
        assertEqual("{\"id\":7}", client.read().body);
        pop().responder.respond(answer("third"));
        assertEqual("third", client.read().body);
    }

    void pipelinedRequestsDoNotWaitForAnEvent() {
        add("/now", [](std::vector<Exchange> turn) {
            for (Exchange& exchange : turn) {
                exchange.responder.respond(answer("now"));
            }
        });
        RawClient client = connect();
        std::string all;
        for (int i = 0; i < 600; ++i) {
            all += request("GET /now");
        }
        const auto begin = std::chrono::steady_clock::now();
        client.send(all);
        for (int i = 0; i < 600; ++i) {
            CPPUNIT_ASSERT_EQUAL(std::string("now"), client.read().body);
        }
        // Each would wait for the next sweep, a tenth of a second.
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - begin < kAtOnce);
    }

    void aHeaderOfTheFrontIsNotAHandlers() {
        add("/framed", [](std::vector<Exchange> turn) {
            Response framed = answer("12345");
            framed.headers.emplace_back("Content-Length", "2");
            turn.at(0).responder.respond(std::move(framed));
        });
        CPPUNIT_ASSERT_EQUAL(500, exchange(request("GET /framed")).status);
    }

    void aCallbackOfAnAnsweredRequestIsReleased() {
        const auto watched = std::make_shared<int>(0);
        RawClient client = connect();
        client.send(request("GET /later"));
        Exchange exchange = pop();
        exchange.responder.whenClientLeaves([watched] { ++*watched; });
        exchange.responder.respond(answer("done"));
        exchange.responder.whenClientLeaves([watched] { ++*watched; });
        CPPUNIT_ASSERT_EQUAL(1L, watched.use_count());
        CPPUNIT_ASSERT_EQUAL(std::string("done"), client.read().body);
        CPPUNIT_ASSERT_EQUAL(0, *watched);
    }

    void aResponderThatIsDroppedAnswers500() {
        RawClient client = connect();
        client.send(request("GET /later"));
        { const Exchange dropped = pop(); }
        const RawAnswer answered = client.read();
        CPPUNIT_ASSERT_EQUAL(500, answered.status);
        assertContains(answered.body, "Internal server error");
    }

    void aHandlerThatThrowsAnswers500() {
        add("/throws", [](std::vector<Exchange>) { throw std::runtime_error("a secret"); });
        add("/throws/number", [](std::vector<Exchange>) { throw 42; });  // NOLINT
        CPPUNIT_ASSERT_EQUAL(500, exchange(request("GET /throws")).status);
        CPPUNIT_ASSERT_EQUAL(500, exchange(request("GET /throws/number")).status);
        CPPUNIT_ASSERT_EQUAL(200, exchange(request("GET /constant")).status);
    }

    void onlyTheFirstAnswerCounts() {
        RawClient client = connect();
        client.send(request("GET /later"));
        Exchange exchange = pop();
        CPPUNIT_ASSERT(exchange.responder.respond(answer("one")));
        CPPUNIT_ASSERT(!exchange.responder.respond(answer("two")));
        CPPUNIT_ASSERT(exchange.responder.stream() == nullptr);
        assertEqual("one", client.read().body);
        CPPUNIT_ASSERT_EQUAL(200, client.exchange(request("GET /constant")).status);
    }

    void aClientThatLeavesIsNoticed() {
        std::vector<Exchange> left;
        {
            RawClient client = connect();
            client.send(request("GET /later"));
            left.push_back(pop());
            left[0].responder.whenClientLeaves([this] {
                const std::lock_guard lock(mutex_);
                ++noticed_;
                changed_.notify_all();
            });
            CPPUNIT_ASSERT(!left[0].responder.clientLeft());
            client.reset();
        }
        std::unique_lock lock(mutex_);
        CPPUNIT_ASSERT(changed_.wait_for(lock, kPatience, [this] { return noticed_ == 1; }));
        CPPUNIT_ASSERT(left[0].responder.clientLeft());
        CPPUNIT_ASSERT(!left[0].responder.respond(answer("too late")));
        int called = 0;
        left[0].responder.whenClientLeaves([&called] { ++called; });
        CPPUNIT_ASSERT_EQUAL_MESSAGE("it has left already", 1, called);
    }

    void aClientThatShutsItsSideIsAnswered() {
        RawClient client = connect();
        client.send(request("GET /later"));
        Exchange exchange = pop();
        client.finishSending();
        CPPUNIT_ASSERT(client.silentFor(Milliseconds(50)));
        CPPUNIT_ASSERT(exchange.responder.respond(answer("here")));
        assertEqual("here", client.read().body);
    }

    void aRequestThatIsNotAnsweredInTimeReads503() {
        add(
            "/slow",
            [this](std::vector<Exchange> turn) { keep(std::move(turn)); },
            Milliseconds(100));
        RawClient client = connect();
        const RawAnswer late = client.exchange(request("GET /slow"));
        CPPUNIT_ASSERT_EQUAL(503, late.status);
        assertContains(late.body, "not answered in time");
        Exchange exchange = pop();
        CPPUNIT_ASSERT(exchange.responder.clientLeft());
        CPPUNIT_ASSERT(!exchange.responder.respond(answer("too late")));
    }

    void inputsAreCheckedBeforeTheHandler() {
        addBody();
        const std::string json = "Content-Type: application/json";
        CPPUNIT_ASSERT_EQUAL(400, exchange(request("POST /async-body", json, "{}")).status);
        CPPUNIT_ASSERT_EQUAL(415, exchange(request("POST /async-body", "", "{}")).status);
        CPPUNIT_ASSERT_EQUAL(405, exchange(request("GET /async-body")).status);
        assertEqual("7", exchange(request("POST /async-body", json, R"({"n":7})")).body);
    }

    void aLargeOrCompressedBodyIsCheckedOnThePool() {
        frontSettings_.maxBodyBytes = settings_.gate.limits.maxBodyBytes = 1U << 20U;
        front_ = std::make_unique<drover::api::HttpFront>(*routes_, frontSettings_);
        addBody();
        const std::string json = "Content-Type: application/json";
        const std::string large = R"({"n":8,"note":")" + std::string(200000, 'x') + "\"}";
        assertEqual("8", exchange(request("POST /async-body", json, large)).body);
        CPPUNIT_ASSERT_EQUAL(
            400, exchange(request("POST /async-body", json, std::string(200000, ' '))).status);
        CPPUNIT_ASSERT_EQUAL(
            415,
            exchange(request("POST /async-body", json + "\r\nContent-Encoding: br", R"({"n":7})"))
                .status);
    }

    void headHasNoBody() {
        RawClient client = connect();
        client.send(request("HEAD /later"));
        pop().responder.respond(answer("12345"));
        const RawAnswer head = client.read(true);
        assertEqual("5", head.header("content-length"));
        CPPUNIT_ASSERT_EQUAL(200, client.exchange(request("GET /constant")).status);
    }

    void drainWaitsForAnswers() {
        RawClient client = connect();
        client.send(request("GET /later"));
        Exchange exchange = pop();
        std::thread later([&exchange] {
            std::this_thread::sleep_for(Milliseconds(100));
            exchange.responder.respond(answer("in time"));
        });
        CPPUNIT_ASSERT_EQUAL(0, server_->stop(Milliseconds(5000)));
        later.join();
        const RawAnswer answered = client.read();
        assertEqual("in time", answered.body);
        assertEqual("close", answered.header("connection"));
    }

    void anAnswerAfterTheEndOfTheServerGoesNowhere() {
        RawClient client = connect();
        client.send(request("GET /later"));
        Exchange exchange = pop();
        CPPUNIT_ASSERT_EQUAL(0, server_->stop(Milliseconds(100)));
        server_.reset();
        CPPUNIT_ASSERT(exchange.responder.clientLeft());
        CPPUNIT_ASSERT(!exchange.responder.respond(answer("too late")));
        CPPUNIT_ASSERT_EQUAL(0, client.read().status);
    }

private:
    static Response answer(const std::string& body) {
        Response response;
        response.body = body;
        return response;
    }

    void add(const std::string& path,
             AsyncHandler handler,
             Milliseconds timeout = Milliseconds(30000)) {
        Route route;
        route.method = "GET";
        route.path = path;
        route.source = "test";
        route.asyncHandler = std::move(handler);
        route.answerTimeout = timeout;
        routes_->add(std::move(route));
    }

    /// POST /async-body with an integer n and a note, which answers n.
    void addBody() {
        Route route;
        route.method = "POST";
        route.path = "/async-body";
        route.source = "test";
        for (const auto& [name, type] : {std::pair("n", drover::ParameterType::Integer),
                                         std::pair("note", drover::ParameterType::String)}) {
            drover::Parameter parameter;
            parameter.name = name;
            parameter.in = drover::Parameter::In::Body;
            parameter.type = type;
            parameter.required = type == drover::ParameterType::Integer;
            parameter.maxLength = 1U << 20U;
            route.parameters.push_back(parameter);
        }
        route.asyncHandler = [](std::vector<Exchange> turn) {
            for (Exchange& exchange : turn) {
                exchange.responder.respond(answer(std::to_string(exchange.request.integer("n"))));
            }
        };
        routes_->add(std::move(route));
    }

    void keep(std::vector<Exchange> turn) {
        const std::lock_guard lock(mutex_);
        ++turns_;
        for (Exchange& exchange : turn) {
            held_.push_back(std::move(exchange));
        }
        changed_.notify_all();
    }

    void awaitHeld(std::size_t count) {
        std::unique_lock lock(mutex_);
        CPPUNIT_ASSERT_MESSAGE(
            "the requests did not reach the handler",
            changed_.wait_for(lock, kPatience, [&] { return held_.size() >= count; }));
    }

    Exchange pop() {
        awaitHeld(1);
        const std::lock_guard lock(mutex_);
        Exchange exchange = std::move(held_.front());
        held_.erase(held_.begin());
        return exchange;
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Exchange> held_;
    int turns_ = 0;
    int noticed_ = 0;
    bool hold_ = false;
    bool holding_ = false;
};

/// The same inside of TLS.
class HttpsAsyncTest : public HttpAsyncTest {
    CPPUNIT_TEST_SUB_SUITE(HttpsAsyncTest, HttpAsyncTest);
    CPPUNIT_TEST_SUITE_END();

    [[nodiscard]] bool secure() const override { return true; }
};

CPPUNIT_TEST_SUITE_REGISTRATION(HttpAsyncTest);
CPPUNIT_TEST_SUITE_REGISTRATION(HttpsAsyncTest);
