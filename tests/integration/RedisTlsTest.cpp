#include <filesystem>
#include <poll.h>

#include <Poco/Net/ServerSocket.h>
#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "redis/Connection.h"
#include "support/Assert.h"
#include "support/FakeHandler.h"
#include "support/Patience.h"
#include "support/TestCertificate.h"
#include "support/WorkerFixture.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kName = "redis.drover.test";

/// Returns the text of the exception of type E that connecting must throw.
template <typename E>
std::string refusal(const RedisOptions& options) {
    try {
        const Connection connection(options, "");
    } catch (const E& error) {
        return error.message();
    }
    CPPUNIT_FAIL("it connected");
    return "";
}

}  // namespace

/// Connections by TLS and by a Unix socket.
class RedisTlsTest : public WorkerFixture {
    CPPUNIT_TEST_SUITE(RedisTlsTest);
    CPPUNIT_TEST(largeCommandsAndRepliesTravelEncrypted);
    CPPUNIT_TEST(waitingMissesNoReplyThatIsDecryptedAlready);
    CPPUNIT_TEST(aWorkerRunsItsJobsByTls);
    CPPUNIT_TEST(aCertificateThatIsNotTrustedIsRefusedWithTheCure);
    CPPUNIT_TEST(aCertificateOfAnotherNameIsRefused);
    CPPUNIT_TEST(theHostIsTheNameUnlessAnotherIsGiven);
    CPPUNIT_TEST(aServerMayDemandACertificate);
    CPPUNIT_TEST(aFileThatCannotBeUsedIsNamed);
    CPPUNIT_TEST(anOlderVersionThanAllowedIsRefused);
    CPPUNIT_TEST(tlsAndPlainDoNotMix);
    CPPUNIT_TEST(theHandshakeHasADeadline);
    CPPUNIT_TEST(aRenewedFileIsUsedByTheNextConnection);
    CPPUNIT_TEST(aUnixSocketLeadsToRedis);
    CPPUNIT_TEST_SUITE_END();

public:
    void largeCommandsAndRepliesTravelEncrypted() {
        startTls();
        RedisOptions options = encrypted();
        options.commandTimeout = kAtOnce;  // Encryption takes processor time.
        Connection link(options, "");
        std::string value;
        value.resize(20'000'000, 'v');
        for (std::size_t i = 0; i < value.size(); i += 997) {
            value[i] = static_cast<char>(i % 251);
        }
        assertEqual("OK", link.call(Command{"SET", "large", value}).text());
        CPPUNIT_ASSERT(link.call(Command{"GET", "large"}).text() == value);
    }

    void waitingMissesNoReplyThatIsDecryptedAlready() {
        startTls();
        Connection link(encrypted(), "");
        const std::string value(5000, 'v');
        const auto deadline = Connection::Clock::now() + kPatience;
        for (int i = 0; i < 500; ++i) {
            link.send(Command{"ECHO", value}, deadline);
        }
        int replies = 0;
        while (replies < 500) {
            if (link.tryReceive()) {
                ++replies;
                continue;
            }
            pollfd fd{link.fd(), POLLIN, 0};
            CPPUNIT_ASSERT_EQUAL(1, poll(&fd, 1, static_cast<int>(kPatience.count())));
        }
        CPPUNIT_ASSERT(!link.unasked());
        link.send(Command{"PING"}, deadline);
        assertEqual("PONG", link.receive(deadline).text());
    }

    void aWorkerRunsItsJobsByTls() {
        startTls();
        for (int i = 0; i < 500; ++i) {
            addJob();
        }
        run(std::make_shared<FakeHandler>(completeAll), encrypted());
        eventually("all run", [&] { return worker_->stats().completed == 500; });
        // A worker that waits is woken by a marker, whose reply comes by TLS as well.
        untilBlocked();
        addJob();
        eventually("woken", [&] { return worker_->stats().completed == 501; });
    }

    void aCertificateThatIsNotTrustedIsRefusedWithTheCure() {
        startTls();
        RedisOptions options = encrypted();
        options.tls->ca.clear();
        const std::string why = refusal<RedisAuthException>(options);
        assertContains(why, "127.0.0.1:" + std::to_string(tlsPort_));
        assertContains(why, "the certificate of Redis is not trusted: self-signed certificate");
        assertContains(why, "redis.tls.ca names whom to trust");
        const TestCertificate other("another.test");
        options.tls->ca = other.certificate();
        assertContains(refusal<RedisAuthException>(options), "is not trusted");
    }

    void aCertificateOfAnotherNameIsRefused() {
        startTls();
        RedisOptions options = encrypted();
        options.tls->serverName = "another.test";
        assertContains(refusal<RedisAuthException>(options), "hostname mismatch");
        options.tls->serverName = "127.0.0.1";
        assertContains(refusal<RedisAuthException>(options), "IP address mismatch");
    }

    void theHostIsTheNameUnlessAnotherIsGiven() {
        startTls({}, "localhost");
        RedisOptions options = encrypted();
        options.tls->serverName.clear();
        assertContains(refusal<RedisAuthException>(options), "IP address mismatch");
        options.host = "localhost";
        Connection link(options, "");
        assertEqual("PONG", link.call(Command{"PING"}).text());
    }

    void aServerMayDemandACertificate() {
        const TestCertificate client("client.test");
        startTls({"--tls-auth-clients", "yes", "--tls-ca-cert-file", client.certificate()});
        RedisOptions options = encrypted();
        const std::string why = refusal<RedisIoException>(options);
        assertContains(why, "set redis.tls.certificate and redis.tls.key");
        options.tls->certificate = client.certificate();
        options.tls->key = client.key();
        Connection link(options, "");
        assertEqual("PONG", link.call(Command{"PING"}).text());
    }

    void aFileThatCannotBeUsedIsNamed() {
        startTls();
        const TestCertificate client("client.test");
        const TestCertificate other("other.test");
        RedisOptions options = encrypted();
        options.tls->ca = "/nowhere.pem";
        assertContains(refusal<RedisAuthException>(options), "redis.tls.ca = /nowhere.pem: ");
        options = encrypted();
        options.tls->certificate = client.key();
        options.tls->key = client.key();
        assertContains(refusal<RedisAuthException>(options),
                       "redis.tls.certificate = " + client.key() + ": ");
        options.tls->certificate = client.certificate();
        options.tls->key = other.key();
        assertContains(refusal<RedisAuthException>(options), "redis.tls.key = " + other.key());
        const TestCertificate hidden("hidden.test", {.passphrase = "hush"});
        options.tls->certificate = hidden.certificate();
        options.tls->key = hidden.key();
        assertContains(refusal<RedisAuthException>(options), "without a passphrase");
    }

    void anOlderVersionThanAllowedIsRefused() {
        startTls({"--tls-protocols", "TLSv1.2"});
        RedisOptions options = encrypted();
        Connection link(options, "");
        assertEqual("PONG", link.call(Command{"PING"}).text());
        options.tls->minVersion = Redis::Tls::Version::V13;
        assertContains(refusal<RedisIoException>(options), "the handshake failed");
    }

    void tlsAndPlainDoNotMix() {
        startTls();
        RedisOptions options = encrypted();
        options.port = own_->plainPort();
        assertContains(refusal<RedisIoException>(options), "perhaps it speaks no TLS on this port");
        options = plainAt(static_cast<std::uint16_t>(tlsPort_));
        CPPUNIT_ASSERT(!refusal<RedisIoException>(options).empty());
    }

    void theHandshakeHasADeadline() {
        // The kernel accepts for a server that does not.
        const Poco::Net::ServerSocket silent(Poco::Net::SocketAddress("127.0.0.1", 0));
        RedisOptions options = plainAt(silent.address().port());
        options.connectTimeout = milliseconds(200);
        options.tls = Redis::Tls{};
        const auto began = Connection::Clock::now();
        assertContains(refusal<RedisIoException>(options), "the handshake of TLS in time");
        CPPUNIT_ASSERT(Connection::Clock::now() - began < kAtOnce);
    }

    void aRenewedFileIsUsedByTheNextConnection() {
        startTls();
        const TestCertificate old(kName);
        const std::string file = old.certificate() + ".link";
        std::filesystem::create_symlink(old.certificate(), file);
        RedisOptions options = encrypted();
        options.tls->ca = file;
        CPPUNIT_ASSERT(!refusal<RedisAuthException>(options).empty());
        std::filesystem::remove(file);
        std::filesystem::create_symlink(certificate_->certificate(), file);
        Connection link(options, "");
        assertEqual("PONG", link.call(Command{"PING"}).text());
    }

    void aUnixSocketLeadsToRedis() {
        const TestCertificate folder("folder");  // A folder that goes away with the test.
        const std::string path = folder.key() + ".sock";
        const RedisServer own({"--unixsocket", path});
        RedisOptions options;
        options.host = path;
        Connection link(options, "named");
        assertContains(link.call(Command{"CLIENT", "LIST"}).text(), path);
        const std::string value(5'000'000, 'v');
        link.call(Command{"SET", "large", value});
        CPPUNIT_ASSERT(link.call(Command{"GET", "large"}).text() == value);
        options.host = path + ".gone";
        assertContains(refusal<RedisIoException>(options), "connect to Redis at " + options.host);
    }

private:
    void startTls(std::vector<std::string> extra = {}, const std::string& name = kName) {
        certificate_ = std::make_unique<TestCertificate>(name);
        tlsPort_ = freePort();
        std::vector<std::string> args = {"--tls-port",
                                         std::to_string(tlsPort_),
                                         "--tls-cert-file",
                                         certificate_->certificate(),
                                         "--tls-key-file",
                                         certificate_->key(),
                                         "--tls-ca-cert-file",
                                         certificate_->certificate(),
                                         "--tls-auth-clients",
                                         "no"};
        args.insert(args.end(), extra.begin(), extra.end());
        useOwnServer(args);
    }
    /// By TLS to the server of startTls().
    [[nodiscard]] RedisOptions encrypted() const {
        RedisOptions options;
        options.port = tlsPort_;
        options.connectTimeout = kAtOnce;
        options.tls = Redis::Tls{};
        options.tls->ca = certificate_->certificate();
        options.tls->serverName = kName;
        return options;
    }

    std::unique_ptr<TestCertificate> certificate_;
    int tlsPort_ = 0;
};

CPPUNIT_TEST_SUITE_REGISTRATION(RedisTlsTest);
