#include <array>
#include <memory>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <random>
#include <string>
#include <sys/socket.h>
#include <vector>

#include "HttpFixture.h"
#include "support/TestCertificate.h"

using drover::test::assertContains;
using drover::test::HttpFixture;
using drover::test::RawAnswer;
using drover::test::RawClient;
using drover::test::request;
using drover::test::TestCertificate;

namespace {

/// Returns what a client needs that speaks these versions of TLS only.
std::shared_ptr<SSL_CTX> versions(int least, int most) {
    std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_set_min_proto_version(context.get(), least);
    SSL_CTX_set_max_proto_version(context.get(), most);
    return context;
}

/// The client's side of TLS, whose records the test sends as it likes over a plain connection.
class Records {
public:
    explicit Records(RawClient& wire, SSL_SESSION* session = nullptr)
        : wire_(wire), tls_(SSL_new(TestCertificate::client().get()), &SSL_free) {
        SSL_set_bio(tls_.get(), in_, out_);
        SSL_set_session(tls_.get(), session);
    }

    /// `send` gets the records of each turn.
    template <typename Send>
    void handshake(Send send) {
        while (SSL_connect(tls_.get()) != 1) {
            send(pop());
            receive();
        }
        send(pop());
    }

    /// Returns the record of a renewed key.
    std::string renewedKey() {
        CPPUNIT_ASSERT(SSL_key_update(tls_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
                       SSL_do_handshake(tls_.get()) == 1);
        return pop();
    }

    /// Returns the record that has `text`.
    std::string encrypted(const std::string& text) {
        CPPUNIT_ASSERT(SSL_write(tls_.get(), text.data(), static_cast<int>(text.size())) > 0);
        return pop();
    }

    /// Reads until the plain text ends with `end`.
    std::string readTo(const std::string& end) {
        std::string text;
        while (text.size() < end.size() ||
               text.compare(text.size() - end.size(), end.size(), end) != 0) {
            std::array<char, 16384> bytes;  // NOLINT: filled by SSL_read
            const int count = SSL_read(tls_.get(), bytes.data(), static_cast<int>(bytes.size()));
            if (count > 0) {
                text.append(bytes.data(), static_cast<std::size_t>(count));
            } else {
                receive();
            }
        }
        return text;
    }

    [[nodiscard]] SSL* tls() const { return tls_.get(); }

private:
    /// Returns the records that are ready to be sent.
    std::string pop() {
        std::string bytes(BIO_ctrl_pending(out_), '\0');
        if (!bytes.empty()) {
            BIO_read(out_, bytes.data(), static_cast<int>(bytes.size()));
        }
        return bytes;
    }
    void receive() {
        const std::string bytes = wire_.readSome();
        CPPUNIT_ASSERT_MESSAGE("the server has ended the connection", !bytes.empty());
        BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
    }

    RawClient& wire_;
    BIO* const in_ = BIO_new(BIO_s_mem());   // Owned by tls_.
    BIO* const out_ = BIO_new(BIO_s_mem());  // Owned by tls_.
    const std::shared_ptr<SSL> tls_;
};

}  // namespace

/// TLS on the port of the routes. The suites of framing, of stops and others run inside of TLS too, as Https….
class HttpTlsTest : public HttpFixture {
    CPPUNIT_TEST_SUITE(HttpTlsTest);
    CPPUNIT_TEST(bodiesAroundTheSizeOfARecordArriveWhole);
    CPPUNIT_TEST(recordsTornAtEveryByteAreServed);
    CPPUNIT_TEST(manyRecordsThatComeTogetherAreAllServed);
    CPPUNIT_TEST(aSlowReaderGetsALargeAnswerWhole);
    CPPUNIT_TEST(handshakesThatStallAreCutAndHoldNoThread);
    CPPUNIT_TEST(aClientThatShutsItsSocketWithoutANoticeIsAnswered);
    CPPUNIT_TEST(twoHundredConnectionsAtOnceAreServed);
    CPPUNIT_TEST(versionsBefore12AreRefused);
    CPPUNIT_TEST(aPlainRequestReads400);
    CPPUNIT_TEST(otherProtocolsThanHttp11AreRefused);
    CPPUNIT_TEST(aSessionIsResumed);
    CPPUNIT_TEST(newConnectionsGetTheNewCertificate);
    CPPUNIT_TEST(connectionsBeyondTheCapRead503);
    CPPUNIT_TEST(aClientThatRenewsKeysWithoutEndIsCut);
    CPPUNIT_TEST(renegotiationIsRefused);
    CPPUNIT_TEST(randomBytesEndTheirConnectionAlone);
    CPPUNIT_TEST_SUITE_END();

public:
    void bodiesAroundTheSizeOfARecordArriveWhole() {
        RawClient client = connect();
        for (const std::size_t size : {100U, 16000U, 16200U, 16384U, 16385U, 32768U, 65536U}) {
            std::string body = R"({"userId":1)";
            body += std::string(size - body.size() - 1, ' ') + "}";
            const RawAnswer answer =
                client.exchange(request("POST /body", "Content-Type: application/json", body));
            CPPUNIT_ASSERT_EQUAL("{\"seen\":" + std::to_string(size) + "}", answer.body);
        }
        // The border of two records falls on each byte of the request.
        const std::string text = request("GET /constant");
        for (std::size_t at = 1; at < text.size(); ++at) {
            client.send(text.substr(0, at));
            CPPUNIT_ASSERT_EQUAL(200, client.exchange(text.substr(at)).status);
        }
    }

    void recordsTornAtEveryByteAreServed() {
        start();
        RawClient wire(server_->port());
        Records records(wire);
        records.handshake([&wire](const std::string& bytes) {
            for (const char byte : bytes) {
                wire.send(std::string(1, byte));
            }
        });
        std::string text = records.encrypted(request("GET /constant"));
        const std::size_t size = text.size();
        for (std::size_t at = 1; at < size; ++at) {
            wire.send(text.substr(0, at));
            wire.send(text.substr(at));
            records.readTo(R"({"ok":true})");
            text = records.encrypted(request("GET /constant"));
        }
    }

    void manyRecordsThatComeTogetherAreAllServed() {
        start();
        RawClient wire(server_->port());
        Records records(wire);
        records.handshake([&wire](const std::string& bytes) { wire.send(bytes); });
        // More than OpenSSL reads at once, each request in three records, and a part of the last request.
        std::string all;
        for (int i = 0; i < 1000; ++i) {
            all += records.encrypted("GET /item/" + std::to_string(i) + " HTTP/1.1\r\n");
            all += records.encrypted("Host: h\r\n");
            all += records.encrypted("\r\n");
        }
        wire.send(all + records.encrypted("GET /item/1000 HTTP/1.1\r\nHost: h\r\n\r"));
        const std::string answers = records.readTo(R"({"id":999})");
        CPPUNIT_ASSERT(answers.find(R"({"id":998})") != std::string::npos);
        wire.send(records.encrypted("\n"));
        records.readTo(R"({"id":1000})");
    }

    void aSlowReaderGetsALargeAnswerWhole() {
        RawClient client = connect(4096);
        const RawAnswer answer = client.exchange(request("GET /big"));
        CPPUNIT_ASSERT_EQUAL(200, answer.status);
        CPPUNIT_ASSERT(answer.body == std::string(16U << 20U, 'x'));
        CPPUNIT_ASSERT_EQUAL(200, client.exchange(request("GET /constant")).status);
    }

    void handshakesThatStallAreCutAndHoldNoThread() {
        settings_.threads = 1;
        settings_.gate.requestTimeout = Milliseconds(1000);
        start();
        std::vector<RawClient> stalled;
        for (int i = 0; i < 200; ++i) {
            stalled.emplace_back(server_->port());
            stalled.back().send(std::string("\x16\x03\x01\x02\x00\x01", 6));
        }
        CPPUNIT_ASSERT_EQUAL(200, exchange(request("GET /constant")).status);
        for (RawClient& client : stalled) {
            CPPUNIT_ASSERT(client.closedSoon());
        }
    }

    void aClientThatShutsItsSocketWithoutANoticeIsAnswered() {
        RawClient client = connect();
        client.send(request("GET /constant"));
        shutdown(client.fd(), SHUT_WR);
        CPPUNIT_ASSERT_EQUAL(200, client.read().status);
        CPPUNIT_ASSERT(client.closedSoon());
        RawClient half = connect();
        half.send("GET /const");
        shutdown(half.fd(), SHUT_WR);
        CPPUNIT_ASSERT_EQUAL(400, half.read().status);
        CPPUNIT_ASSERT(half.closedCleanly());
    }

    void twoHundredConnectionsAtOnceAreServed() {
        std::vector<RawClient> clients;
        for (int i = 0; i < 200; ++i) {
            clients.push_back(connect());
        }
        for (int turn = 0; turn < 3; ++turn) {
            for (std::size_t i = 0; i < clients.size(); ++i) {
                clients[i].send(request("GET /item/" + std::to_string(i)));
            }
            for (std::size_t i = 0; i < clients.size(); ++i) {
                CPPUNIT_ASSERT_EQUAL("{\"id\":" + std::to_string(i) + "}", clients[i].read().body);
            }
        }
    }

    void versionsBefore12AreRefused() {
        start();
        CPPUNIT_ASSERT_THROW(RawClient(server_->port(), versions(TLS1_VERSION, TLS1_1_VERSION)),
                             std::runtime_error);
        for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
            RawClient client(server_->port(), versions(version, version));
            CPPUNIT_ASSERT_EQUAL(version, SSL_version(client.tls()));
            CPPUNIT_ASSERT_EQUAL(200, client.exchange(request("GET /constant")).status);
        }
    }

    void aPlainRequestReads400() {
        start();
        RawClient client(server_->port());
        const RawAnswer answer = client.exchange(request("GET /constant"));
        CPPUNIT_ASSERT_EQUAL(400, answer.status);
        assertContains(answer.body, "This port speaks HTTPS");
        CPPUNIT_ASSERT(client.closedCleanly());
        // Neither plain HTTP nor TLS.
        RawClient other(server_->port());
        other.send(std::string(100, '\x01'));
        CPPUNIT_ASSERT(other.closedSoon());
    }

    void otherProtocolsThanHttp11AreRefused() {
        const std::shared_ptr<SSL_CTX> context = versions(TLS1_2_VERSION, TLS1_3_VERSION);
        const auto offer = [&context](const std::string& list) {
            SSL_CTX_set_alpn_protos(context.get(),
                                    reinterpret_cast<const unsigned char*>(list.data()),
                                    static_cast<unsigned int>(list.size()));
        };
        start();
        offer("\x02h2\x08http/1.1");
        const RawClient client(server_->port(), context);
        const unsigned char* chosen = nullptr;
        unsigned int length = 0;
        SSL_get0_alpn_selected(client.tls(), &chosen, &length);
        CPPUNIT_ASSERT_EQUAL(std::string("http/1.1"),
                             std::string(reinterpret_cast<const char*>(chosen), length));
        offer("\x02h2");
        CPPUNIT_ASSERT_THROW(RawClient(server_->port(), context), std::runtime_error);
    }

    void aSessionIsResumed() {
        start();
        RawClient first(server_->port());
        Records before(first);
        const auto plainly = [](RawClient& wire) {
            return [&wire](const std::string& bytes) { wire.send(bytes); };
        };
        before.handshake(plainly(first));
        first.send(before.encrypted(request("GET /constant")));
        before.readTo(R"({"ok":true})");
        const std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)> session(
            SSL_get1_session(before.tls()), &SSL_SESSION_free);
        RawClient second(server_->port());
        Records after(second, session.get());
        after.handshake(plainly(second));
        CPPUNIT_ASSERT_EQUAL(1, SSL_session_reused(after.tls()));
        second.send(after.encrypted(request("GET /constant")));
        after.readTo(R"({"ok":true})");
    }

    void newConnectionsGetTheNewCertificate() {
        RawClient old = connect();
        CPPUNIT_ASSERT_EQUAL(std::string("localhost"), old.serverName());
        old.send(request("GET /wait"));
        awaitInside(1);
        {
            // Its files are of no use once they are read.
            const TestCertificate next("next.example");
            server_->useTls(contextOf(next));
        }
        RawClient fresh = connect();
        CPPUNIT_ASSERT_EQUAL(std::string("next.example"), fresh.serverName());
        CPPUNIT_ASSERT_EQUAL(200, fresh.exchange(request("GET /constant")).status);
        open();
        CPPUNIT_ASSERT_EQUAL(200, old.read().status);
        CPPUNIT_ASSERT_EQUAL(200, old.exchange(request("GET /constant")).status);
        server_->useTls(nullptr);
        CPPUNIT_ASSERT_EQUAL(200,
                             RawClient(server_->port()).exchange(request("GET /constant")).status);
        CPPUNIT_ASSERT_EQUAL(200, fresh.exchange(request("GET /constant")).status);
    }

    void connectionsBeyondTheCapRead503() {
        settings_.gate.caps.connections = 1;
        settings_.gate.caps.idleGivesWayAfter = Milliseconds(60000);
        const RawClient only = connect();
        RawClient beyond = connect();
        CPPUNIT_ASSERT_EQUAL(503, beyond.read().status);
        CPPUNIT_ASSERT(beyond.closedCleanly());
    }

    void aClientThatRenewsKeysWithoutEndIsCut() {
        settings_.gate.requestTimeout = Milliseconds(60000);
        settings_.gate.idleTimeout = Milliseconds(60000);
        start();
        RawClient wire(server_->port());
        Records records(wire);
        records.handshake([&wire](const std::string& bytes) { wire.send(bytes); });
        // A few are fine.
        std::string few = records.renewedKey();
        few += records.renewedKey();
        few += records.encrypted(request("GET /constant"));
        wire.send(few);
        records.readTo(R"({"ok":true})");
        std::string many;
        for (int i = 0; i < 20000; ++i) {
            many += records.renewedKey();
        }
        wire.send(many);
        CPPUNIT_ASSERT(wire.closedSoon());
        CPPUNIT_ASSERT_EQUAL(200, exchange(request("GET /constant")).status);
    }

    void renegotiationIsRefused() {
        start();
        RawClient client(server_->port(), versions(TLS1_2_VERSION, TLS1_2_VERSION));
        CPPUNIT_ASSERT_EQUAL(200, client.exchange(request("GET /constant")).status);
        SSL_renegotiate(client.tls());
        CPPUNIT_ASSERT(!client.send(request("GET /constant")));
    }

    void randomBytesEndTheirConnectionAlone() {
        RawClient other = connect();
        std::mt19937 random(4711);  // NOLINT: the same bytes each time
        for (int i = 0; i < 200; ++i) {
            RawClient wire(server_->port());
            Records records(wire);
            std::string bytes(1 + random() % 2000, '\0');
            for (char& byte : bytes) {
                byte = static_cast<char>(random());
            }
            // Before the handshake behind the head of a record, or after the handshake.
            if (i % 2 == 0) {
                bytes = std::string("\x16\x03\x01\x01\x00\x01", 6) + bytes;
            } else {
                records.handshake([&wire](const std::string& hello) { wire.send(hello); });
            }
            wire.send(bytes);
            wire.finishSending();
            CPPUNIT_ASSERT(wire.closedSoon());
        }
        CPPUNIT_ASSERT_EQUAL(200, other.exchange(request("GET /constant")).status);
    }

private:
    [[nodiscard]] bool secure() const override { return true; }
};

CPPUNIT_TEST_SUITE_REGISTRATION(HttpTlsTest);
