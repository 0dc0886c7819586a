#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "HttpFixture.h"
#include "pages/HealthPages.h"
#include "support/Assert.h"
#include "support/Patience.h"

using drover::test::assertContains;
using drover::test::assertEqual;

namespace api = drover::api;
using drover::test::HttpFixture;
using drover::test::kPatience;
using drover::test::RawAnswer;
using drover::test::RawClient;
using drover::test::request;

/// Slow and many clients: they cost no thread, and they end when their time is over.
class HttpEnduranceTest : public HttpFixture {
    CPPUNIT_TEST_SUITE(HttpEnduranceTest);
    CPPUNIT_TEST(thousandSlowConnectionsLeaveLivezUnder50MsAndOtherClientsServed);
    CPPUNIT_TEST(requestHasAnAbsoluteDeadline);
    CPPUNIT_TEST(deadlineIsNotExtendedByKeepAlive);
    CPPUNIT_TEST(connectionThatNeverSendsIsClosed);
    CPPUNIT_TEST(idleConnectionIsClosedWithoutAnAnswer);
    CPPUNIT_TEST(slowReadersHoldNoThread);
    CPPUNIT_TEST(slowReaderIsCutWhenItsTimeIsOver);
    CPPUNIT_TEST(unreadAnswersAreBounded);
    CPPUNIT_TEST(connectionBeyondTheCapReads503WithRetryAfter);
    CPPUNIT_TEST(connectionBeyondTheCapOfItsAddressReads503WithRetryAfter);
    CPPUNIT_TEST(idleConnectionsKeepNoClientOut);
    CPPUNIT_TEST(busyConnectionsAreNotClosedForNewOnes);
    CPPUNIT_TEST(probesAreAnsweredBesideConnectionsThatSendNothing);
    CPPUNIT_TEST(aRequestThatHasArrivedDoesNotMakeRoom);
    CPPUNIT_TEST(moreBusyConnectionsThanThreadsAreAllServed);
    CPPUNIT_TEST(requestThatWaitsTooLongForAThreadReads503);
    CPPUNIT_TEST(clientsThatVanishLeaveNothingBehind);
    CPPUNIT_TEST(listensOnLoopbackUnlessConfigured);
    CPPUNIT_TEST_SUITE_END();

public:
    using Clock = std::chrono::steady_clock;

    void thousandSlowConnectionsLeaveLivezUnder50MsAndOtherClientsServed() {
        settings_.gate.caps.connections = 1100;
        start();
        api::HealthPages pages([] { return api::HealthChecks{{"test", {true, "fine"}}}; });
        api::HttpServer health(api::HealthPages::serverSettings("127.0.0.1", 0), pages);
        health.start();

        std::vector<RawClient> slow;
        for (int i = 0; i < 1000; ++i) {
            slow.push_back(connect());
        }
        const std::string text =
            request("POST /body", "Content-Type: application/json", R"({"userId":7})");
        std::vector<Milliseconds> times;
        RawClient watcher(health.port());
        for (std::size_t second = 0; second < 3; ++second) {
            const auto until = Clock::now() + Milliseconds(1000);
            for (RawClient& client : slow) {
                client.send(text.substr(second, 1));
            }
            while (Clock::now() < until) {
                const auto begin = Clock::now();
                CPPUNIT_ASSERT_EQUAL(200, watcher.exchange(request("GET /livez")).status);
                times.push_back(std::chrono::ceil<Milliseconds>(Clock::now() - begin));
                CPPUNIT_ASSERT_EQUAL(
                    200, RawClient(health.port()).exchange(request("GET /livez")).status);
                CPPUNIT_ASSERT_EQUAL(200, exchange(request("GET /constant")).status);
                std::this_thread::sleep_for(
                    Milliseconds(20));  // The pace of a watcher, not a wait for something.
            }
        }
        // One in twenty may meet a pause of the machine; none may last as long as a watcher waits.
        std::sort(times.begin(), times.end());
        const Milliseconds most = times[times.size() * 19 / 20];
        CPPUNIT_ASSERT_MESSAGE("livez took " + std::to_string(most.count()) + " ms, at worst " +
                                   std::to_string(times.back().count()) + " ms",
                               most < Milliseconds(50) && times.back() < Milliseconds(1000));
        // None of them was dropped: each gets its answer once it is through.
        for (RawClient& client : slow) {
            client.send(text.substr(3));
        }
        for (RawClient& client : slow) {
            CPPUNIT_ASSERT_EQUAL(200, client.read().status);
        }
    }

    void requestHasAnAbsoluteDeadline() {
        settings_.gate.requestTimeout = Milliseconds(500);
        RawClient client = connect();
        const auto begin = Clock::now();
        client.send("GET /constant HTTP/1.1\r\nHost: h\r\nX-Drip: ");
        while (client.silentFor(Milliseconds(20)) && Clock::now() - begin < Milliseconds(5000)) {
            client.send("d");
        }
        const RawAnswer answer = client.read();
        const auto took = Clock::now() - begin;
        CPPUNIT_ASSERT_EQUAL(408, answer.status);
        assertContains(answer.body, "\"statusCode\":408");
        CPPUNIT_ASSERT_MESSAGE("too early or too late",
                               took >= Milliseconds(490) && took < Milliseconds(1500));
        CPPUNIT_ASSERT(client.closedSoon());
    }

    void deadlineIsNotExtendedByKeepAlive() {
        settings_.gate.requestTimeout = Milliseconds(300);
        RawClient client = connect();
        CPPUNIT_ASSERT_EQUAL(200, client.exchange(request("GET /constant")).status);
        CPPUNIT_ASSERT_EQUAL(408, client.exchange("GET /const").status);
        CPPUNIT_ASSERT(client.closedSoon());
        // A body that stops counts as well.
        assertRefused(408, "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\n{");
    }

    void connectionThatNeverSendsIsClosed() {
        settings_.gate.requestTimeout = Milliseconds(200);
        CPPUNIT_ASSERT(connect().closedCleanly());
    }

    void idleConnectionIsClosedWithoutAnAnswer() {
        settings_.gate.idleTimeout = Milliseconds(200);
        RawClient client = connect();
        CPPUNIT_ASSERT_EQUAL(200, client.exchange(request("GET /constant")).status);
        CPPUNIT_ASSERT(client.closedCleanly());
    }

    void slowReadersHoldNoThread() {
        settings_.gate.sendTimeout = Milliseconds(60000);
        settings_.threads = 2;
        std::vector<RawClient> slow;
        start();
        for (int i = 0; i < 3; ++i) {
            slow.push_back(connect(4096));
            slow.back().send(request("GET /big"));
        }
        for (int i = 0; i < 20; ++i) {
            CPPUNIT_ASSERT_EQUAL(200, exchange(request("GET /constant")).status);
        }
        // They are served in full once they read, and their connections live on.
        for (RawClient& client : slow) {
            CPPUNIT_ASSERT_EQUAL(std::size_t{16U << 20U}, client.read().body.size());
            CPPUNIT_ASSERT_EQUAL(200, client.exchange(request("GET /constant")).status);
        }
    }

    void slowReaderIsCutWhenItsTimeIsOver() {
        settings_.gate.sendTimeout = Milliseconds(300);
        settings_.gate.caps.connections = 1;
        start();
        RawClient slow = connect(4096);
        slow.send(request("GET /big"));
        // Its place becomes free although it never reads.
        const auto until = Clock::now() + kPatience;
        int status = 0;
        while (status != 200 && Clock::now() < until) {
            status = exchange(request("GET /constant", "Connection: close")).status;
        }
        CPPUNIT_ASSERT_EQUAL(200, status);
        CPPUNIT_ASSERT_EQUAL_MESSAGE("a cut answer must not look whole", 0, slow.read().status);
    }

    void unreadAnswersAreBounded() {
        settings_.gate.maxBufferedBytes = 1U << 20U;
        start();
        RawClient slow = connect(4096);
        slow.send(request("GET /big"));
        CPPUNIT_ASSERT_EQUAL_MESSAGE("more was buffered than is allowed", 0, slow.read().status);
        CPPUNIT_ASSERT_EQUAL(200, exchange(request("GET /constant")).status);
    }

    void connectionBeyondTheCapReads503WithRetryAfter() {
        settings_.gate.caps.connections = 2;
        settings_.gate.caps.idleGivesWayAfter = Milliseconds(600000);
        RawClient first = connect();
        RawClient second = connect();
        CPPUNIT_ASSERT_EQUAL(200, first.exchange(request("GET /constant")).status);
        CPPUNIT_ASSERT_EQUAL(200, second.exchange(request("GET /constant")).status);
        for (int i = 0; i < 50; ++i) {
            // It sends its request first, which would turn a plain close into a reset.
            assertTurnedAway(connect());
        }
        CPPUNIT_ASSERT_EQUAL(200, first.exchange(request("GET /constant")).status);
    }

    void connectionBeyondTheCapOfItsAddressReads503WithRetryAfter() {
        settings_.gate.caps.connectionsPerAddress = 1;
        settings_.gate.caps.idleGivesWayAfter = Milliseconds(600000);
        {
            RawClient first = connect();
            CPPUNIT_ASSERT_EQUAL(200, first.exchange(request("GET /constant")).status);
            assertTurnedAway(connect());
            CPPUNIT_ASSERT_EQUAL(
                200, first.exchange(request("GET /constant", "Connection: close")).status);
            CPPUNIT_ASSERT(first.closedCleanly());
        }
        const auto until = Clock::now() + kPatience;
        int status = 0;
        while (status != 200 && Clock::now() < until) {
            status = exchange(request("GET /constant", "Connection: close")).status;
        }
        CPPUNIT_ASSERT_EQUAL_MESSAGE("the place did not become free", 200, status);
    }

    void idleConnectionsKeepNoClientOut() {
        settings_.gate.caps.connections = 8;
        settings_.gate.caps.connectionsPerAddress = 4;
        settings_.gate.caps.idleGivesWayAfter = Milliseconds(0);
        std::vector<RawClient> idle;
        for (int i = 0; i < 4; ++i) {
            idle.push_back(connect());
            if (i > 0) {
                CPPUNIT_ASSERT_EQUAL(200, idle.back().exchange(request("GET /constant")).status);
            }
        }
        // A thread holds a connection for a moment after an answer; the connection is idle then.
        const auto until = Clock::now() + kPatience;
        int status = 0;
        while (status != 200 && Clock::now() < until) {
            status = exchange(request("GET /constant")).status;
        }
        CPPUNIT_ASSERT_EQUAL(200, status);
        CPPUNIT_ASSERT_MESSAGE("the longest idle one did not make room", idle[0].closedCleanly());
        for (int i = 1; i < 4; ++i) {
            CPPUNIT_ASSERT_EQUAL(
                200, idle[static_cast<std::size_t>(i)].exchange(request("GET /constant")).status);
        }
    }

    void busyConnectionsAreNotClosedForNewOnes() {
        settings_.gate.caps.connections = 2;
        settings_.gate.caps.idleGivesWayAfter = Milliseconds(0);
        RawClient served = connect();
        served.send(request("GET /wait"));
        awaitInside(1);
        RawClient sending = connect();
        const std::string text =
            request("POST /body", "Content-Type: application/json", R"({"userId":7})");
        sending.send(text.substr(0, 30));
        CPPUNIT_ASSERT(sending.silentFor(Milliseconds(100)));
        assertTurnedAway(connect());
        sending.send(text.substr(30));
        CPPUNIT_ASSERT_EQUAL(200, sending.read().status);
        open();
        CPPUNIT_ASSERT_EQUAL(200, served.read().status);
    }

    void aRequestThatHasArrivedDoesNotMakeRoom() {
        api::HealthPages pages([] { return api::HealthChecks{{"test", {true, "fine"}}}; });
        const auto settings = api::HealthPages::serverSettings("127.0.0.1", 0);
        api::HttpServer health(settings, pages);
        // All of them are there, with their requests, before the first one is looked at.
        std::vector<RawClient> clients;
        const std::size_t places = settings.gate.caps.connectionsPerAddress;
        while (clients.size() < places + 20) {
            clients.emplace_back(health.port());
            clients.back().send(request("GET /livez"));
        }
        health.start();
        for (std::size_t i = 0; i < clients.size(); ++i) {
            const int status = clients[i].read().status;
            CPPUNIT_ASSERT_MESSAGE(std::to_string(i) + ": " + std::to_string(status),
                                   status == 200 || (i >= places && status == 503));
        }
        clients.clear();
        health.stop(Milliseconds(1000));
    }

    void probesAreAnsweredBesideConnectionsThatSendNothing() {
        api::HealthPages pages([] { return api::HealthChecks{{"test", {true, "fine"}}}; });
        api::HttpServer health(api::HealthPages::serverSettings("127.0.0.1", 0), pages);
        health.start();
        std::vector<RawClient> silent;
        const auto probe = [&health] {
            for (const char* page : {"GET /readyz", "GET /livez"}) {
                CPPUNIT_ASSERT_EQUAL(200, RawClient(health.port()).exchange(request(page)).status);
            }
        };
        for (int i = 0; i < 300; ++i) {
            silent.emplace_back(health.port());
            if (i % 50 == 0) {
                probe();
            }
        }
        probe();
        // Nor beside those that begin a request and never end it.
        for (int i = 0; i < 300; ++i) {
            silent.emplace_back(health.port());
            silent.back().send("GET /re");
        }
        for (int i = 0; i < 20; ++i) {
            probe();
        }
        health.stop(Milliseconds(1000));
    }

    void moreBusyConnectionsThanThreadsAreAllServed() {
        settings_.threads = 2;
        std::vector<RawClient> clients;
        for (int i = 0; i < 100; ++i) {
            clients.push_back(connect());
        }
        for (int turn = 0; turn < 20; ++turn) {
            for (RawClient& client : clients) {
                client.send(request("GET /item/" + std::to_string(turn)));
            }
            for (RawClient& client : clients) {
                CPPUNIT_ASSERT_EQUAL("{\"id\":" + std::to_string(turn) + "}", client.read().body);
            }
        }
    }

    void requestThatWaitsTooLongForAThreadReads503() {
        settings_.threads = 1;
        settings_.waitTimeout = Milliseconds(100);
        RawClient holder = connect();
        holder.send(request("GET /wait"));
        awaitInside(1);
        RawClient waiting = connect();
        waiting.send(request("GET /constant"));
        CPPUNIT_ASSERT(waiting.silentFor(Milliseconds(200)));
        open();
        const RawAnswer answer = waiting.read();
        CPPUNIT_ASSERT_EQUAL(503, answer.status);
        assertEqual("1", answer.header("retry-after"));
        CPPUNIT_ASSERT_EQUAL(200, holder.read().status);
        CPPUNIT_ASSERT_EQUAL(200, waiting.exchange(request("GET /constant")).status);
    }

    void clientsThatVanishLeaveNothingBehind() {
        settings_.gate.caps.connections = 20;
        start();
        for (int i = 0; i < 300; ++i) {
            RawClient client = connect();
            client.send(i % 3 == 0   ? request("GET /big")
                        : i % 3 == 1 ? request("GET /constant")
                                     : "GET /half");
        }
        const auto until = Clock::now() + kPatience;
        int status = 0;
        while (status != 200 && Clock::now() < until) {
            status = exchange(request("GET /constant")).status;
        }
        CPPUNIT_ASSERT_EQUAL(200, status);
    }

    void listensOnLoopbackUnlessConfigured() {
        const api::ConnectionGate gate{
            api::ConnectionGate::Settings{}, *front_, Poco::Logger::root()};
        assertEqual("127.0.0.1", gate.address().host().toString());
    }

private:
    static void assertTurnedAway(RawClient client) {
        const RawAnswer answer = client.exchange(request("GET /constant"));
        CPPUNIT_ASSERT_EQUAL(503, answer.status);
        assertEqual("1", answer.header("retry-after"));
        assertContains(answer.body, "\"error\":\"Service Unavailable\"");
        CPPUNIT_ASSERT(client.closedCleanly());
    }
};

/// The same inside of TLS.
class HttpsEnduranceTest : public HttpEnduranceTest {
    CPPUNIT_TEST_SUB_SUITE(HttpsEnduranceTest, HttpEnduranceTest);
    CPPUNIT_TEST_SUITE_END();

    [[nodiscard]] bool secure() const override { return true; }
};

CPPUNIT_TEST_SUITE_REGISTRATION(HttpEnduranceTest);
CPPUNIT_TEST_SUITE_REGISTRATION(HttpsEnduranceTest);
