#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "HttpFixture.h"
#include "support/Patience.h"

using drover::Event;
using drover::EventStream;
using drover::Exchange;
using drover::Route;
using drover::test::assertContains;
using drover::test::HttpFixture;
using drover::test::kAtOnce;
using drover::test::kPatience;
using drover::test::RawClient;
using drover::test::request;

/// Server-sent events: streams that hold no thread, end with their clients and with the process.
class HttpStreamTest : public HttpFixture {
    CPPUNIT_TEST_SUITE(HttpStreamTest);
    CPPUNIT_TEST(eventsArriveAsTheStandardWritesThem);
    CPPUNIT_TEST(anIdWithALineBreakIsRefused);
    CPPUNIT_TEST(destroyingTheStreamEndsIt);
    CPPUNIT_TEST(aSilentStreamGetsComments);
    CPPUNIT_TEST(aSlowReaderFillsItsCapAndIsToldToWait);
    CPPUNIT_TEST(aStreamFilledBeforeItsHeadIsSentGoesOn);
    CPPUNIT_TEST(headOfAStreamHasNoBody);
    CPPUNIT_TEST(aReaderThatStandsStillIsCut);
    CPPUNIT_TEST(thousandStreamsCutAtOnceAreAllClosed);
    CPPUNIT_TEST(streamsEndWhenTheServerDrains);
    CPPUNIT_TEST(aStreamOfAnEndedServerIsClosed);
    CPPUNIT_TEST_SUITE_END();

public:
    using Sent = EventStream::Sent;

    void setUp() override {
        HttpFixture::setUp();
        Route route;
        route.method = "GET";
        route.path = "/events";
        route.source = "test";
        route.asyncHandler = [this](std::vector<Exchange> turn) {
            const std::lock_guard lock(mutex_);
            for (Exchange& exchange : turn) {
                streams_.push_back(exchange.responder.stream());
            }
            changed_.notify_all();
        };
        routes_->add(std::move(route));
    }

    void tearDown() override {
        streams_.clear();
        HttpFixture::tearDown();
    }

    void eventsArriveAsTheStandardWritesThem() {
        RawClient client = connect();
        client.send(request("GET /events"));
        EventStream& stream = awaitStreams(1);
        CPPUNIT_ASSERT(stream.send({.data = "one"}) == Sent::Yes);
        CPPUNIT_ASSERT(stream.send({.data = "two\nlines\r\n", .name = "job", .id = "4-1"}) ==
                       Sent::Yes);
        const std::string text =
            client.readUntil("id: 4-1\nevent: job\ndata: two\ndata: lines\ndata: \n\n");
        assertContains(text, "Content-Type: text/event-stream\r\n");
        assertContains(text, "Cache-Control: no-store\r\n");
        assertContains(text, "\r\n\r\ndata: one\n\n");
    }

    void anIdWithALineBreakIsRefused() {
        RawClient client = connect();
        client.send(request("GET /events"));
        EventStream& stream = awaitStreams(1);
        CPPUNIT_ASSERT_THROW(stream.send({.data = "x", .id = "a\nb"}), std::invalid_argument);
        CPPUNIT_ASSERT_THROW(stream.send({.data = "x", .name = "a\rb"}), std::invalid_argument);
    }

    void destroyingTheStreamEndsIt() {
        RawClient client = connect();
        client.send(request("GET /events"));
        awaitStreams(1).send({.data = "last"});
        streams_.clear();
        client.readUntil("data: last\n\n");
        CPPUNIT_ASSERT(client.closedCleanly());
    }

    void aSilentStreamGetsComments() {
        settings_.gate.streamHeartbeat = Milliseconds(200);
        RawClient client = connect();
        client.send(request("GET /events"));
        awaitStreams(1);
        client.readUntil("\r\n\r\n:\n\n:\n\n:\n\n");
        CPPUNIT_ASSERT(streams_[0]->open());
    }

    void aSlowReaderFillsItsCapAndIsToldToWait() {
        settings_.gate.streamBufferBytes = 1U << 20U;
        start();
        RawClient client = connect(4096);
        client.send(request("GET /events"));
        EventStream& stream = awaitStreams(1);
        const std::string data(10000, 'x');
        std::size_t sent = 0;
        // More than the kernel's buffers and the cap hold. The cap alone is full for a moment only.
        for (int full = 0; sent < 10000 && full < 5;) {
            if (stream.send({.data = data}) == Sent::Yes) {
                ++sent;
                full = 0;
            } else {
                ++full;
                std::this_thread::sleep_for(Milliseconds(20));
            }
        }
        CPPUNIT_ASSERT_MESSAGE("nothing bounds the stream", sent < 10000);
        CPPUNIT_ASSERT(stream.open());
        bool writable = false;
        stream.whenWritable([this, &writable] {
            const std::lock_guard lock(mutex_);
            writable = true;
            changed_.notify_all();
        });
        {
            const std::lock_guard lock(mutex_);
            CPPUNIT_ASSERT(!writable);
        }
        client.discard(sent * data.size() * 3 / 4);
        std::unique_lock lock(mutex_);
        CPPUNIT_ASSERT(changed_.wait_for(lock, kPatience, [&] { return writable; }));
        CPPUNIT_ASSERT(stream.send({.data = data}) == Sent::Yes);
    }

    void aStreamFilledBeforeItsHeadIsSentGoesOn() {
        settings_.gate.streamBufferBytes = 1000;
        Route route;
        route.method = "GET";
        route.path = "/filled";
        route.source = "test";
        route.asyncHandler = [this](std::vector<Exchange> turn) {
            const std::lock_guard lock(mutex_);
            streams_.push_back(turn.at(0).responder.stream());
            while (streams_.back()->send({.data = "early"}) == Sent::Yes) {
                ++early_;
            }
            changed_.notify_all();
        };
        routes_->add(std::move(route));
        RawClient client = connect();
        client.send(request("GET /filled"));
        EventStream& stream = awaitStreams(1);
        for (int i = 0; i < early_; ++i) {
            client.readUntil("data: early\n\n");
        }
        CPPUNIT_ASSERT(early_ > 10);
        awaitSent(stream, "late");
        client.readUntil("data: late\n\n");
    }

    void headOfAStreamHasNoBody() {
        RawClient client = connect();
        client.send(request("HEAD /events"));
        const std::string head = client.readUntil("\r\n\r\n");
        assertContains(head, "Content-Type: text/event-stream\r\n");
        CPPUNIT_ASSERT(client.closedCleanly());
    }

    void aReaderThatStandsStillIsCut() {
        settings_.gate.sendTimeout = Milliseconds(300);
        start();
        RawClient client = connect(4096);
        client.send(request("GET /events"));
        EventStream& stream = awaitStreams(1);
        const std::string data(10000, 'x');
        const auto until = std::chrono::steady_clock::now() + kPatience;
        Sent sent = Sent::Yes;
        while (sent != Sent::Closed && std::chrono::steady_clock::now() < until) {
            sent = stream.send({.data = data});
            if (sent == Sent::Full) {
                std::this_thread::sleep_for(Milliseconds(1));
            }
        }
        CPPUNIT_ASSERT(sent == Sent::Closed);
    }

    void thousandStreamsCutAtOnceAreAllClosed() {
        settings_.gate.caps.connections = 1100;
        std::vector<RawClient> clients;
        for (int i = 0; i < 1000; ++i) {
            clients.push_back(connect());
            clients.back().send(request("GET /events"));
        }
        awaitStreams(1000);
        for (const auto& stream : streams_) {
            CPPUNIT_ASSERT(stream->send({.data = "hello"}) == Sent::Yes);
        }
        for (RawClient& client : clients) {
            client.readUntil("data: hello\n\n");
        }
        clients.clear();
        awaitClosed(1000);
        CPPUNIT_ASSERT_EQUAL(200, exchange(request("GET /constant")).status);
    }

    void streamsEndWhenTheServerDrains() {
        std::vector<RawClient> clients;
        for (int i = 0; i < 20; ++i) {
            clients.push_back(connect());
            clients.back().send(request("GET /events"));
        }
        awaitStreams(20);
        for (const auto& stream : streams_) {
            stream->send({.data = "last"});
        }
        const auto begin = std::chrono::steady_clock::now();
        CPPUNIT_ASSERT_EQUAL(0, server_->stop(Milliseconds(90000)));
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - begin < kAtOnce);
        for (RawClient& client : clients) {
            client.readUntil("data: last\n\n");
            CPPUNIT_ASSERT(client.closedCleanly());
        }
        for (const auto& stream : streams_) {
            CPPUNIT_ASSERT(!stream->open());
        }
    }

    void aStreamOfAnEndedServerIsClosed() {
        RawClient client = connect();
        client.send(request("GET /events"));
        EventStream& stream = awaitStreams(1);
        server_->stop(Milliseconds(0));
        server_.reset();
        CPPUNIT_ASSERT(!stream.open());
        CPPUNIT_ASSERT(stream.send({.data = "x"}) == Sent::Closed);
    }

private:
    EventStream& awaitStreams(std::size_t count) {
        std::unique_lock lock(mutex_);
        CPPUNIT_ASSERT_MESSAGE(
            "the requests did not reach the handler",
            changed_.wait_for(lock, kPatience, [&] { return streams_.size() >= count; }));
        CPPUNIT_ASSERT(streams_.front() != nullptr);
        return *streams_.front();
    }

    void awaitClosed(std::size_t count) {
        const auto until = std::chrono::steady_clock::now() + kPatience;
        std::size_t closed = 0;
        while (closed < count && std::chrono::steady_clock::now() < until) {
            std::this_thread::sleep_for(Milliseconds(5));
            closed = 0;
            for (const auto& stream : streams_) {
                closed += stream->open() ? 0 : 1;
            }
        }
        CPPUNIT_ASSERT_EQUAL(count, closed);
    }

    /// Sends as soon as the stream has room.
    static void awaitSent(EventStream& stream, const std::string& data) {
        const auto until = std::chrono::steady_clock::now() + kPatience;
        while (stream.send({.data = data}) != Sent::Yes) {
            CPPUNIT_ASSERT_MESSAGE("the stream never had room again",
                                   std::chrono::steady_clock::now() < until);
            std::this_thread::sleep_for(Milliseconds(1));
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::shared_ptr<EventStream>> streams_;
    int early_ = 0;
};

/// The same inside of TLS.
class HttpsStreamTest : public HttpStreamTest {
    CPPUNIT_TEST_SUB_SUITE(HttpsStreamTest, HttpStreamTest);
    CPPUNIT_TEST_SUITE_END();

    [[nodiscard]] bool secure() const override { return true; }
};

CPPUNIT_TEST_SUITE_REGISTRATION(HttpStreamTest);
CPPUNIT_TEST_SUITE_REGISTRATION(HttpsStreamTest);
