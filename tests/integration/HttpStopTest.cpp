#include <future>
#include <string>
#include <thread>

#include "HttpFixture.h"
#include "support/Assert.h"
#include "support/Patience.h"

using drover::test::assertEqual;

using drover::test::HttpFixture;
using drover::test::RawAnswer;
using drover::test::RawClient;
using drover::test::request;

/// The end of the server, as after TERM: requests in flight may end, and no client may delay it.
class HttpStopTest : public HttpFixture {
    CPPUNIT_TEST_SUITE(HttpStopTest);
    CPPUNIT_TEST(requestsInFlightEndAndTheirConnectionsClose);
    CPPUNIT_TEST(slowClientDoesNotHoldTheStopUp);
    CPPUNIT_TEST(requestThatHasBegunMayBecomeWhole);
    CPPUNIT_TEST(idleServerStopsAtOnce);
    CPPUNIT_TEST(handlerThatNeverEndsIsLeftBehindInTime);
    CPPUNIT_TEST(noClientIsAcceptedAfterwards);
    CPPUNIT_TEST(aBurstJustBeforeTheStopDoesNotDelayIt);
    CPPUNIT_TEST_SUITE_END();

public:
    using Clock = std::chrono::steady_clock;

    void requestsInFlightEndAndTheirConnectionsClose() {
        settings_.threads = 2;
        std::vector<RawClient> clients;
        for (int i = 0; i < 4; ++i) {  // Two of them wait for a thread.
            clients.push_back(connect());
            clients.back().send(request("GET /wait"));
        }
        awaitInside(2);
        std::future<int> stopped =
            std::async(std::launch::async, [this] { return server_->stop(Milliseconds(5000)); });
        CPPUNIT_ASSERT(stopped.wait_for(Milliseconds(200)) == std::future_status::timeout);
        open();
        for (RawClient& client : clients) {
            const RawAnswer answer = client.read();
            CPPUNIT_ASSERT_EQUAL(200, answer.status);
            assertEqual("close", lower(answer.header("connection")));
            CPPUNIT_ASSERT(client.closedCleanly());
        }
        CPPUNIT_ASSERT_EQUAL(0, stopped.get());
    }

    void slowClientDoesNotHoldTheStopUp() {
        start();
        RawClient sender = connect();
        sender.send("GET /constant HTTP/1.1\r\nHost: h\r\nX-Drip: ");
        RawClient reader = connect(4096);
        reader.send(request("GET /big"));
        RawClient silent = connect();
        RawClient worker = connect();
        worker.send(request("GET /wait"));
        awaitInside(1);
        const auto begin = Clock::now();
        std::future<int> stopped =
            std::async(std::launch::async, [this] { return server_->stop(Milliseconds(1500)); });
        open();
        CPPUNIT_ASSERT_EQUAL(200, worker.read().status);
        while (sender.silentFor(Milliseconds(20)) && Clock::now() - begin < drover::test::kAtOnce) {
            sender.send("d");
        }
        CPPUNIT_ASSERT_EQUAL_MESSAGE("the slow sender is told", 503, sender.read().status);
        CPPUNIT_ASSERT_EQUAL(0, stopped.get());
        CPPUNIT_ASSERT(Clock::now() - begin < drover::test::kAtOnce);
        CPPUNIT_ASSERT(silent.closedSoon());
        CPPUNIT_ASSERT_EQUAL(0, reader.read().status);
    }

    void requestThatHasBegunMayBecomeWhole() {
        RawClient client = connect();
        client.send("GET /constant HTTP/1.1\r\n");
        // Answered on another connection, so the first bytes have been read by now.
        CPPUNIT_ASSERT_EQUAL(200, exchange(request("GET /constant")).status);
        std::future<int> stopped =
            std::async(std::launch::async, [this] { return server_->stop(Milliseconds(5000)); });
        while (stillAccepts()) {
        }
        CPPUNIT_ASSERT_EQUAL(200, client.exchange("Host: h\r\n\r\n").status);
        CPPUNIT_ASSERT_EQUAL(0, stopped.get());
    }

    void idleServerStopsAtOnce() {
        RawClient idle = connect();
        CPPUNIT_ASSERT_EQUAL(200, idle.exchange(request("GET /constant")).status);
        const auto begin = Clock::now();
        CPPUNIT_ASSERT_EQUAL(0, server_->stop(Milliseconds(90000)));
        CPPUNIT_ASSERT(Clock::now() - begin < drover::test::kAtOnce);
        CPPUNIT_ASSERT(idle.closedSoon());
    }

    void handlerThatNeverEndsIsLeftBehindInTime() {
        RawClient client = connect();
        client.send(request("GET /wait"));
        awaitInside(1);
        const auto begin = Clock::now();
        CPPUNIT_ASSERT_EQUAL(1, server_->stop(Milliseconds(500)));
        CPPUNIT_ASSERT(Clock::now() - begin < drover::test::kAtOnce);
        CPPUNIT_ASSERT_EQUAL(0, client.read().status);
        // It ends after all, and the objects that it uses are still there.
        open();
        server_.reset();
    }

    void noClientIsAcceptedAfterwards() {
        start();
        const std::uint16_t port = server_->port();
        CPPUNIT_ASSERT_EQUAL(0, server_->stop(Milliseconds(1000)));
        CPPUNIT_ASSERT_THROW(RawClient{port}, std::runtime_error);
    }

    void aBurstJustBeforeTheStopDoesNotDelayIt() {
        for (int turn = 0; turn < 5; ++turn) {
            start();
            std::vector<RawClient> clients;
            for (int i = 0; i < 100; ++i) {
                clients.push_back(connect());
            }
            for (RawClient& client : clients) {
                client.send(request("GET /constant"));
            }
            for (RawClient& client : clients) {
                CPPUNIT_ASSERT_EQUAL(200, client.read().status);
            }
            const auto begin = Clock::now();
            CPPUNIT_ASSERT_EQUAL(0, server_->stop(Milliseconds(90000)));
            CPPUNIT_ASSERT(Clock::now() - begin < drover::test::kAtOnce);
        }
    }

private:
    static std::string lower(std::string text) {
        for (char& c : text) {
            c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        }
        return text;
    }

    /// Returns true if the server still accepts; false once it has begun to stop.
    bool stillAccepts() {
        try {
            RawClient probe(server_->port());
            return true;
        } catch (const std::runtime_error&) {
            return false;
        }
    }
};

/// The same inside of TLS.
class HttpsStopTest : public HttpStopTest {
    CPPUNIT_TEST_SUB_SUITE(HttpsStopTest, HttpStopTest);
    CPPUNIT_TEST_SUITE_END();

    [[nodiscard]] bool secure() const override { return true; }
};

CPPUNIT_TEST_SUITE_REGISTRATION(HttpStopTest);
CPPUNIT_TEST_SUITE_REGISTRATION(HttpsStopTest);
