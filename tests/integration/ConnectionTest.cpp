#include <chrono>

#include <Poco/Net/ServerSocket.h>
#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "redis/Addresses.h"
#include "support/Assert.h"
#include "support/LogCapture.h"
#include "support/Patience.h"
#include "support/RedisFixture.h"
#include "support/TcpProxy.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

const std::string kPassword = "correct horse battery staple";

/// Runs `work` and returns the text of the exception of type E that it must throw.
template <typename E, typename Work>
std::string textOf(Work work) {
    try {
        work();
    } catch (const E& error) {
        return error.displayText();
    }
    CPPUNIT_FAIL("nothing was thrown");
    return "";
}

/// A frozen server accepts connections and bytes and answers nothing; thawed at the end of the test in any case.
class Frozen {
public:
    explicit Frozen(RedisServer& server) : server_(server) { server_.freeze(); }
    ~Frozen() { server_.thaw(); }
    Frozen(const Frozen&) = delete;
    Frozen& operator=(const Frozen&) = delete;

private:
    RedisServer& server_;
};

}  // namespace

/// One connection: its introduction, its deadlines, and the bytes that it lets through.
class ConnectionTest : public RedisFixture {
    CPPUNIT_TEST_SUITE(ConnectionTest);
    CPPUNIT_TEST(aUserOfTheAccessListGetsIn);
    CPPUNIT_TEST(aPasswordOfTheDefaultUserGetsIn);
    CPPUNIT_TEST(aWrongPasswordIsAnAuthFaultThatHidesIt);
    CPPUNIT_TEST(aServerWithoutAuthDoesNotGetThePassword);
    CPPUNIT_TEST(aMissingPasswordIsAnAuthFault);
    CPPUNIT_TEST(anAuthFaultIsRetriedSlowlyAndCured);
    CPPUNIT_TEST(theDatabaseIsSelected);
    CPPUNIT_TEST(aDatabaseThatDoesNotExistIsNamed);
    CPPUNIT_TEST(theNameShowsInTheClientList);
    CPPUNIT_TEST(aNameThatRedisRefusesCostsOnlyTheName);
    CPPUNIT_TEST(aMissingServerIsAnIoFault);
    CPPUNIT_TEST(theIntroductionHasADeadline);
    CPPUNIT_TEST(aCallHasADeadlineAndBreaksTheConnection);
    CPPUNIT_TEST(aBigWriteHasADeadline);
    CPPUNIT_TEST(aTransferThatGetsOnIsWaitedFor);
    CPPUNIT_TEST(aSmallCommandBehindALargeOneWaitsForIt);
    CPPUNIT_TEST(aReplyThatDribblesIsNotWaitedFor);
    CPPUNIT_TEST(aReplicaIsRefused);
    CPPUNIT_TEST(aFlushedScriptIsSentAgain);
    CPPUNIT_TEST(sixtyFourMegabytesComeBackWhole);
    CPPUNIT_TEST(everyByteTravels);
    CPPUNIT_TEST(aWrongTypeIsAScriptFaultAndLeavesTheConnection);
    CPPUNIT_TEST(aClosedConnectionIsAnIoFaultAndIsReplaced);
    CPPUNIT_TEST(outOfMemoryIsBackPressure);
    CPPUNIT_TEST(aPasswordThatIsNotRequiredIsAWarning);
    CPPUNIT_TEST(everyAddressIsTried);
    CPPUNIT_TEST(anAddressInBracketsIsOne);
    CPPUNIT_TEST_SUITE_END();

public:
    void aUserOfTheAccessListGetsIn() {
        redis({"ACL", "SETUSER", "drover", "on", ">" + kPassword, "~*", "&*", "+@all"});
        RedisOptions as = options();
        as.user = "drover";
        as.password = kPassword;
        Connection link(as, "");
        assertEqual("drover", link.call(Command{"ACL", "WHOAMI"}).text());
        redis({"ACL", "DELUSER", "drover"});
    }

    void aPasswordOfTheDefaultUserGetsIn() {
        RedisServer own({"--requirepass", kPassword});
        Connection link(to(own, kPassword), "");
        assertEqual("PONG", link.call(Command{"PING"}).text());
    }

    void aWrongPasswordIsAnAuthFaultThatHidesIt() {
        RedisServer own({"--requirepass", kPassword});
        const std::string text = textOf<RedisAuthException>(
            [&] { Connection link(to(own, "sesame-opens-nothing"), ""); });
        assertContains(text, "WRONGPASS");
        assertLacks(text, "sesame");
        // Nor does the client that logs it.
        LogCapture log("redis");
        RedisClient client(to(own, "sesame-opens-nothing"), "secretive");
        CPPUNIT_ASSERT_THROW(client.call(Command{"PING"}), RedisAuthException);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log.count("secretive: Redis is away"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, log.count("sesame"));
    }

    void aServerWithoutAuthDoesNotGetThePassword() {
        // Redis quotes the arguments of an unknown command.
        RedisServer own({"--rename-command", "AUTH", "LOGIN"});
        const std::string text =
            textOf<Exception>([&] { Connection link(to(own, "sesame-opens-nothing"), ""); });
        assertContains(text, "AUTH");
        assertLacks(text, "sesame");
    }

    void aMissingPasswordIsAnAuthFault() {
        RedisServer own({"--requirepass", kPassword});
        const std::string text =
            textOf<RedisAuthException>([&] { Connection link(to(own, ""), ""); });
        assertContains(text, "NOAUTH");
    }

    void anAuthFaultIsRetriedSlowlyAndCured() {
        RedisServer own({"--requirepass", kPassword});
        RedisClient client(to(own, "wrong"), "test");
        CPPUNIT_ASSERT_THROW(client.call(Command{"PING"}), RedisAuthException);
        CPPUNIT_ASSERT(client.nextAttempt() - SteadyClock::now() > milliseconds(300));
        Connection admin(to(own, kPassword), "");
        admin.call(Command{"CONFIG", "SET", "requirepass", "wrong"});
        eventually("let in", [&] {
            try {
                return client.call(Command{"PING"}).text() == "PONG";
            } catch (const RedisIoException&) {
                return false;
            }
        });
        CPPUNIT_ASSERT(client.healthy());
    }

    void theDatabaseIsSelected() {
        RedisOptions third = options();
        third.database = 3;
        Connection link(third, "");
        link.call(Command{"SET", "where", "three"});
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", "where"}));
        assertEqual("three", link.call(Command{"GET", "where"}).text());
    }

    void aDatabaseThatDoesNotExistIsNamed() {
        RedisOptions beyond = options();
        beyond.database = 999;
        const std::string text = textOf<Exception>([&] { Connection link(beyond, ""); });
        assertContains(text, "SELECT");
        // Counts as trouble with the server: a client with a connection waits and tries again, and does not spin.
        RedisClient client(beyond, "test");
        CPPUNIT_ASSERT_THROW(client.call(Command{"PING"}), RedisIoException);
        CPPUNIT_ASSERT(client.nextAttempt() - SteadyClock::now() > milliseconds(300));
    }

    void theNameShowsInTheClientList() {
        const std::string name = QueueKeys("bull", "mail").workerClientName("n1");
        Connection link(options(), name);
        assertContains(text({"CLIENT", "LIST"}), "name=" + name + " ");
    }

    void aNameThatRedisRefusesCostsOnlyTheName() {
        Connection link(options(), "bull:bWFpbA==:w:the second floor");
        assertEqual("PONG", link.call(Command{"PING"}).text());
    }

    void aMissingServerIsAnIoFault() {
        RedisOptions nowhere = optionsAt(freePort());
        const std::string text = textOf<RedisIoException>([&] { Connection link(nowhere, ""); });
        assertContains(text, "127.0.0.1:" + std::to_string(nowhere.port));
    }

    void theIntroductionHasADeadline() {
        RedisServer own;
        RedisOptions hasty = to(own, "");
        hasty.port = own.plainPort();  // TLS has a handshake of its own before it.
        hasty.tls.reset();
        hasty.connectTimeout = milliseconds(100);
        hasty.commandTimeout = milliseconds(200);
        const Frozen frozen(own);
        const auto began = SteadyClock::now();
        CPPUNIT_ASSERT_THROW(Connection(hasty, ""), RedisTimeoutException);
        CPPUNIT_ASSERT(SteadyClock::now() - began >= milliseconds(190));
        CPPUNIT_ASSERT(SteadyClock::now() - began < kAtOnce);
    }

    void aCallHasADeadlineAndBreaksTheConnection() {
        RedisServer own;
        Connection link(to(own, ""), "");
        CPPUNIT_ASSERT(!link.broken());
        {
            const Frozen frozen(own);
            const auto began = SteadyClock::now();
            CPPUNIT_ASSERT_THROW(link.call(Command{"PING"}, began + milliseconds(100)),
                                 RedisTimeoutException);
            CPPUNIT_ASSERT(SteadyClock::now() - began >= milliseconds(99));
            CPPUNIT_ASSERT(SteadyClock::now() - began < kAtOnce);
        }
        // The late answer must never count as that of the next command.
        CPPUNIT_ASSERT(link.broken());
    }

    void aBigWriteHasADeadline() {
        RedisServer own;
        Connection link(to(own, ""), "");
        const std::string big(64 * 1024 * 1024, 'x');
        const Frozen frozen(own);
        const auto began = SteadyClock::now();
        CPPUNIT_ASSERT_THROW(link.send(Command{"SET", "big", big}, began + milliseconds(200)),
                             RedisTimeoutException);
        CPPUNIT_ASSERT(SteadyClock::now() - began < kAtOnce);
        CPPUNIT_ASSERT(link.broken());
    }

    void aTransferThatGetsOnIsWaitedFor() {
        TcpProxy proxy(server_->port());
        RedisOptions slow = optionsAt(proxy.port());
        slow.commandTimeout = milliseconds(400);
        Connection link(slow, "");
        // Two megabytes each way, four seconds: ten times the deadline.
        proxy.throttle(1'000'000);
        const std::string value(2'000'000, 'v');
        const std::string key = keys().job("large");
        assertEqual("OK", link.call(Command{"SET", key, value}).text());
        CPPUNIT_ASSERT(value == link.call(Command{"GET", key}).text());
        proxy.throttle(0);
        redis({"DEL", key});
    }

    void aSmallCommandBehindALargeOneWaitsForIt() {
        TcpProxy proxy(server_->port());
        RedisOptions slow = options();
        slow.port = proxy.port();
        slow.commandTimeout = milliseconds(400);
        Connection link(slow, "");
        // The kernel accepts it at once, and sends it for two seconds.
        proxy.throttle(1'000'000);
        const std::string key = keys().job("large");
        link.send(Command{"SET", key, std::string(2'000'000, 'v')},
                  SteadyClock::now() + slow.commandTimeout);
        link.send(Command{"PING"}, SteadyClock::now() + slow.commandTimeout);
        for (const char* expected : {"OK", "PONG"}) {
            assertEqual(expected, link.receive(SteadyClock::now() + slow.commandTimeout).text());
        }
        proxy.throttle(0);
        redis({"DEL", key});
    }

    void aReplyThatDribblesIsNotWaitedFor() {
        TcpProxy proxy(server_->port());
        RedisOptions slow = optionsAt(proxy.port());
        slow.commandTimeout = milliseconds(400);
        Connection link(slow, "");
        proxy.throttle(1000);
        const std::string value(90'000, 'v');
        redis({"SET", keys().job("small"), value});
        const auto began = SteadyClock::now();
        CPPUNIT_ASSERT_THROW(link.call(Command{"GET", keys().job("small")}), RedisTimeoutException);
        CPPUNIT_ASSERT(SteadyClock::now() - began < kAtOnce);
        proxy.throttle(0);
        redis({"DEL", keys().job("small")});
    }

    void aReplicaIsRefused() {
        RedisServer replica({"--replicaof", "127.0.0.1 " + std::to_string(server_->plainPort())});
        const std::string text =
            textOf<RedisIoException>([&] { Connection link(to(replica, ""), ""); });
        assertContains(text, "a master is needed");
    }

    void aFlushedScriptIsSentAgain() {
        assertEqual("1", addJob());
        redis({"SCRIPT", "FLUSH"});
        assertEqual("2", addJob());
        redis({"CONFIG", "RESETSTAT"});
        assertEqual("3", addJob());
        assertLacks(text({"INFO", "commandstats"}), "cmdstat_eval:");
    }

    void sixtyFourMegabytesComeBackWhole() {
        std::string big(64 * 1024 * 1024, 'x');
        big.front() = 'a';
        big[big.size() / 2] = '\n';
        big.back() = 'z';
        RedisOptions patient = options();
        patient.commandTimeout = milliseconds(20000);
        Connection link(patient, "");
        link.call(Command{"SET", "big", big});
        CPPUNIT_ASSERT(link.call(Command{"GET", "big"}).text() == big);
        assertEqual("PONG", link.call(Command{"PING"}).text());
        link.call(Command{"DEL", "big"});
    }

    void everyByteTravels() {
        std::string bytes;
        for (int i = 0; i < 1024; ++i) {
            bytes += static_cast<char>(i % 256);
        }
        bytes += "%s%n$5\r\n$3\r\n";
        redis({"SET", "bytes", bytes});
        CPPUNIT_ASSERT_EQUAL(bytes, text({"GET", "bytes"}));
        const std::string id = addJob(bytes, bytes);
        CPPUNIT_ASSERT_EQUAL(bytes, hash(id)["data"]);
        const auto claimed = claim(1);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, claimed.size());
        CPPUNIT_ASSERT_EQUAL(bytes, claimed.front().data);
        CPPUNIT_ASSERT_EQUAL(bytes, claimed.front().name);
    }

    void aWrongTypeIsAScriptFaultAndLeavesTheConnection() {
        redis({"SET", keys().wait, "a string"});
        const std::string id = text({"CLIENT", "ID"});
        CPPUNIT_ASSERT_THROW(addJob(), ScriptException);
        CPPUNIT_ASSERT_EQUAL(id, text({"CLIENT", "ID"}));
    }

    void aClosedConnectionIsAnIoFaultAndIsReplaced() {
        Connection other(options(), "");
        CPPUNIT_ASSERT(client().call(Command{"PING"}).text() == "PONG");
        other.call(Command{"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
        CPPUNIT_ASSERT_THROW(client().call(Command{"PING"}), RedisIoException);
        CPPUNIT_ASSERT(!client().healthy());
        eventually("back", [&] {
            try {
                return client().call(Command{"PING"}).text() == "PONG";
            } catch (const RedisIoException&) {
                return false;
            }
        });
        CPPUNIT_ASSERT(client().healthy());
    }

    void outOfMemoryIsBackPressure() {
        RedisServer own;
        RedisClient client(to(own, ""), "test");
        client.call(Command{"CONFIG", "SET", "maxmemory", "1"});
        CPPUNIT_ASSERT_THROW(client.call(Command{"SET", "a", "b"}), RedisBusyException);
    }

    void aPasswordThatIsNotRequiredIsAWarning() {
        LogCapture log("redis");
        RedisOptions as = options();
        as.password = "hush";
        for (int i = 0; i < 3; ++i) {
            Connection link(as, "");
            assertEqual("PONG", link.call(Command{"PING"}).text());
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log.count("asks for no password"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, log.count("hush"));
        // A user is another matter: the name counts.
        as.user = "somebody";
        CPPUNIT_ASSERT_THROW(Connection(as, ""), RedisAuthException);
    }

    void everyAddressIsTried() {
        // The server listens on the second one only.
        const std::vector<Poco::Net::IPAddress> addresses = {Poco::Net::IPAddress("127.0.0.2"),
                                                             Poco::Net::IPAddress("127.0.0.1")};
        Poco::Net::StreamSocket socket;
        connectToAny(socket, addresses, options().port, milliseconds(5000));
        assertEqual("127.0.0.1", socket.peerAddress().host().toString());
        const std::string text = textOf<RedisIoException>(
            [&] { connectToAny(socket, addresses, freePort(), milliseconds(5000)); });
        CPPUNIT_ASSERT_MESSAGE(text,
                               text.find("127.0.0.1") != std::string::npos &&
                                   text.find("127.0.0.2") != std::string::npos);
        CPPUNIT_ASSERT(!addressesOf("localhost").empty());
    }

    void anAddressInBracketsIsOne() {
        assertEqual("::1", addressesOf("[::1]").front().toString());
        assertEqual("::1", addressesOf("::1").front().toString());
        RedisServer own({"--bind", "127.0.0.1 ::1"});
        RedisOptions six = to(own, "");
        six.host = "[::1]";
        assertEqual("PONG", Connection(six, "").call(Command{"PING"}).text());
    }

private:
    static RedisOptions to(const RedisServer& server, const std::string& password) {
        RedisOptions options(redisAt(server.port()));
        options.password = password;
        return options;
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ConnectionTest);
