#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "AdminFixture.h"
#include "drover/Exceptions.h"

using drover::JsonView;
using drover::test::AdminFixture;
using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::assertLacks;
using drover::test::RawAnswer;
using drover::test::RawClient;
using drover::test::request;

namespace {

constexpr const char* kReady = "event: drover:ready\n";

/// Returns the values of lines that begin with `name`, in order.
std::vector<std::string> valuesOf(const std::string& text, const std::string& name) {
    std::vector<std::string> values;
    const std::string wanted = "\n" + name + ": ";
    for (auto at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at)) {
        at += wanted.size();
        values.push_back(text.substr(at, text.find('\n', at) - at));
    }
    return values;
}

}  // namespace

/// GET /queues/{queue}/events: streams of the events of a queue.
class AdminEventsTest : public AdminFixture {
    CPPUNIT_TEST_SUITE(AdminEventsTest);
    CPPUNIT_TEST(anEventHasItsIdNameAndData);
    CPPUNIT_TEST(aClientResumesBehindItsLastEvent);
    CPPUNIT_TEST(aClientResumesWithoutAnEvent);
    CPPUNIT_TEST(whatWasTrimmedAwayIsAGap);
    CPPUNIT_TEST(anIdOfAnotherStreamIsAGap);
    CPPUNIT_TEST(aSlowClientMissesNothing);
    CPPUNIT_TEST(aSlowClientDelaysNoOther);
    CPPUNIT_TEST(thousandClientsShareOneReader);
    CPPUNIT_TEST(anUnusedReaderIsClosed);
    CPPUNIT_TEST(streamsEndWhenTheServerDrains);
    CPPUNIT_TEST(streamsEndWithTheService);
    CPPUNIT_TEST(moreQueuesThanMayBeReadAreRefused);
    CPPUNIT_TEST(anOutageIsSurvived);
    CPPUNIT_TEST(mistakesAreRefused);
    CPPUNIT_TEST_SUITE_END();

public:
    void anEventHasItsIdNameAndData() {
        RawClient client = follow();
        const std::string added = emit({"event", "added", "jobId", "1", "name", "mail"});
        const std::string done = emit({"event",
                                       "completed",
                                       "jobId",
                                       "1",
                                       "returnvalue",
                                       R"({"sent":true})",
                                       "prev",
                                       "active"});
        client.readUntil("id: " + added +
                         "\nevent: added\ndata: {\"jobId\":\"1\",\"name\":\"mail\"}\n\n");
        client.readUntil(
            "id: " + done +
            "\nevent: completed\ndata: {\"jobId\":\"1\",\"returnvalue\":{\"sent\":true},"
            "\"prev\":\"active\"}\n\n");
        // The form of events allows no line break in a name.
        const std::string odd = emit({"event", "a\nb", "text", "c\nd"});
        client.readUntil("id: " + odd + "\nevent: a b\ndata: {\"text\":\"c\\nd\"}\n\n");
    }

    void aClientResumesBehindItsLastEvent() {
        const std::vector<std::string> ids = emitMany(1000);
        for (const std::string& how : {std::string("header"), std::string("after")}) {
            RawClient client = connect();
            client.send(how == "header" ? events("", "Last-Event-ID: " + ids[99])
                                        : events("?after=" + ids[99]));
            std::string text = client.readUntil(kReady);
            const std::vector<std::string> seen = valuesOf(text, "id");
            // All behind the id, in order, and that of the line in front of drover:ready.
            CPPUNIT_ASSERT(seen.size() >= 900);
            CPPUNIT_ASSERT(std::equal(ids.begin() + 100, ids.end(), seen.begin()));
            assertLacks(text, "drover:gap");
            const std::string next = emit({"event", "next"});
            client.readUntil("id: " + next + "\nevent: next\n");
        }
    }

    void aClientResumesWithoutAnEvent() {
        emitMany(3);
        std::string id;
        {
            RawClient client = connect();
            client.send(events());
            id = valuesOf(client.readUntil(kReady), "id").at(0);
        }
        const std::string missed = emit({"event", "missed"});
        RawClient client = connect();
        client.send(events("", "Last-Event-ID: " + id));
        const std::string text = client.readUntil(kReady);
        assertEqual(missed, valuesOf(text, "id").at(0));
    }

    void whatWasTrimmedAwayIsAGap() {
        const std::vector<std::string> ids = emitMany(300);
        store_.redis({"XTRIM", store_.keys().events, "MAXLEN", "10"});
        RawClient client = connect();
        client.send(events("", "Last-Event-ID: " + ids[5]));
        const std::string text = client.readUntil(kReady);
        assertContains(text,
                       "id: " + ids[5] + "\nevent: drover:gap\ndata: {\"after\":\"" + ids[5] +
                           "\"}\n\nid: " + ids[290] + "\n");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1 + 10 + 1}, valuesOf(text, "id").size());
    }

    void anIdOfAnotherStreamIsAGap() {
        const std::vector<std::string> ids = emitMany(3);
        RawClient client = connect();
        client.send(events("", "Last-Event-ID: 9999999999999-0"));
        const std::string text = client.readUntil(kReady);
        assertContains(text, "event: drover:gap\n");
        const std::vector<std::string> seen = valuesOf(text, "id");
        CPPUNIT_ASSERT(std::includes(seen.begin() + 1, seen.end(), ids.begin(), ids.end()));
        // Nor may a deleted stream hold a client up.
        store_.redis({"DEL", store_.keys().events});
        RawClient other = connect();
        other.send(events("", "Last-Event-ID: " + ids[0]));
        assertContains(other.readUntil(kReady), "event: drover:gap\n");
        const std::string next = emit({"event", "next"});
        other.readUntil("id: " + next + "\n");
        client.readUntil("id: " + next + "\n");
    }

    void aSlowClientMissesNothing() {
        settings_.gate.streamBufferBytes = 1U << 16U;
        settings_.gate.sendTimeout = std::chrono::minutes(2);
        RawClient client = connect(4096);
        client.send(events());
        client.readUntil(kReady);
        // More than the buffers of both kernels hold, so that the client falls behind.
        const std::vector<std::string> ids = emitMany(2000, std::string(5000, 'x'));
        const std::string text = client.readUntil("id: " + ids.back() + "\n");
        const std::vector<std::string> seen = valuesOf(text, "id");
        CPPUNIT_ASSERT_EQUAL(ids.size(), seen.size());
        CPPUNIT_ASSERT(ids == seen);
        const std::string next = emit({"event", "next"});
        client.readUntil("id: " + next + "\n");
    }

    void aSlowClientDelaysNoOther() {
        settings_.gate.streamBufferBytes = 1U << 16U;
        settings_.gate.sendTimeout = std::chrono::minutes(2);
        RawClient slow = connect(4096);
        slow.send(events());
        slow.readUntil(kReady);
        RawClient quick = follow();
        const std::vector<std::string> ids = emitMany(2000, std::string(5000, 'x'));
        quick.readUntil("id: " + ids.back() + "\n");
        slow.readUntil("id: " + ids.back() + "\n");
    }

    void thousandClientsShareOneReader() {
        constexpr int kClients = 1000;
        settings_.gate.caps.connections = kClients + 100;
        settings_.gate.caps.connectionsPerAddress = kClients + 100;
        std::vector<RawClient> clients;
        for (int i = 0; i < kClients; ++i) {
            clients.push_back(connect());
            clients.back().send(events());
        }
        for (RawClient& client : clients) {
            client.readUntil(kReady);
        }
        const std::string id = emit({"event", "all"});
        for (RawClient& client : clients) {
            client.readUntil("id: " + id + "\nevent: all\ndata: {}\n\n");
        }
        const std::string connections = store_.text({"CLIENT", "LIST"});
        const std::string name = store_.keys().eventsClientName();
        const auto first = connections.find("name=" + name);
        CPPUNIT_ASSERT(first != std::string::npos);
        CPPUNIT_ASSERT(connections.find("name=" + name, first + 1) == std::string::npos);
    }

    void anUnusedReaderIsClosed() {
        {
            RawClient client = follow();
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, shared_.events->readers());
        }
        Store::eventually(
            "closed", [this] { return shared_.events->readers() == 0; }, std::chrono::minutes(1));
        RawClient client = follow();
        const std::string id = emit({"event", "again"});
        client.readUntil("id: " + id + "\n");
    }

    void streamsEndWhenTheServerDrains() {
        RawClient client = follow();
        CPPUNIT_ASSERT_EQUAL(0, server_->stop(Milliseconds(10000)));
        CPPUNIT_ASSERT(client.closedCleanly());
    }

    void streamsEndWithTheService() {
        RawClient client = follow();
        RawClient behind = connect();
        behind.send(events("?after=0-0"));
        behind.readUntil(kReady);
        shared_.events->stop();
        CPPUNIT_ASSERT(client.closedSoon());
        CPPUNIT_ASSERT(behind.closedSoon());
        const RawAnswer refused = call("read", "GET " + path("/events"));
        CPPUNIT_ASSERT_EQUAL(503, refused.status);
        assertEqual("5", refused.header("retry-after"));
    }

    void moreQueuesThanMayBeReadAreRefused() {
        RawClient one = connect();
        one.send(request("GET /queues/one/events", bearer("read")));
        one.readUntil(kReady);
        RawClient two = connect();
        two.send(request("GET /queues/two/events", bearer("read")));
        two.readUntil(kReady);
        assertMistake(503, "read", "GET /queues/three/events", "too many queues");
        RawClient again = connect();
        again.send(request("GET /queues/one/events", bearer("read")));
        again.readUntil(kReady);
    }

    void anOutageIsSurvived() {
        store_.useOwnServer();
        serve("*");
        const std::vector<std::string> ids = emitMany(3);
        RawClient client = follow();
        store_.server_->stop();
        RawClient resumed = connect();
        resumed.send(events("?after=" + ids[0]));
        store_.server_->start();
        Store::eventually("connected again", [this] {
            try {
                return store_.text({"PING"}) == "PONG";
            } catch (const drover::RedisIoException&) {
                return false;
            }
        });
        const std::string text = resumed.readUntil(kReady);
        CPPUNIT_ASSERT(valuesOf(text, "id").at(0) == ids[1]);
        const std::string id = emit({"event", "back"});
        client.readUntil("id: " + id + "\n");
        resumed.readUntil("id: " + id + "\n");
    }

    void mistakesAreRefused() {
        assertMistake(400,
                      "read",
                      "GET " + path("/events?after=yesterday"),
                      "after must be the id of an event, such as 1700000000000-0, not "
                      "\\\"yesterday\\\"");
        const RawAnswer answer = connect().exchange(events("", "Last-Event-ID: 7-x"));
        CPPUNIT_ASSERT_EQUAL(400, answer.status);
        assertContains(answer.body, "Last-Event-ID must be the id");
        body(400, "read", "GET /queues/a%3Ab/events");
        RawClient head = connect();
        head.send(request("HEAD " + path("/events"), bearer("read")));
        CPPUNIT_ASSERT_EQUAL(200, head.read(true).status);
    }

private:
    [[nodiscard]] std::string events(const std::string& query = "",
                                     const std::string& header = "") const {
        return request("GET " + path("/events") + query,
                       bearer("read") + (header.empty() ? "" : "\r\n" + header));
    }
    /// Returns a client that gets the events as they happen.
    RawClient follow() {
        RawClient client = connect();
        client.send(events());
        client.readUntil(kReady);
        client.readUntil("\n\n");
        return client;
    }
    /// Returns the id of the entry.
    std::string emit(const std::vector<std::string>& fields) {
        std::vector<std::string> command = {"XADD", store_.keys().events, "*"};
        command.insert(command.end(), fields.begin(), fields.end());
        return store_.text(command);
    }
    std::vector<std::string> emitMany(int count, const std::string& text = "x") {
        std::vector<std::string> ids;
        for (int i = 0; i < count; ++i) {
            ids.push_back(emit({"event", "n", "text", text}));
        }
        return ids;
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AdminEventsTest);
