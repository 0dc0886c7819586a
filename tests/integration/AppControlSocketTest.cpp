#include <filesystem>
#include <fstream>
#include <memory>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "control/ControlClient.h"
#include "control/ControlSocket.h"
#include "drover/Exceptions.h"
#include "drover/JsonWriter.h"
#include "support/Assert.h"
#include "support/Patience.h"
#include "support/ServerProcess.h"

using drover::test::assertEqual;
using drover::test::assertStartsWith;
using drover::test::kAtOnce;
using drover::test::kPatience;

namespace {

using namespace drover;
using std::chrono::milliseconds;

/// A client that can misbehave.
class RawClient {
public:
    explicit RawClient(const std::string& path) : descriptor_(connectUnixSocket(path)) {}

    void send(const std::string& text) const {
        for (std::size_t sent = 0; sent < text.size();) {
            wait(POLLOUT);
            const ssize_t count =
                ::send(descriptor_.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
            if (count < 0) {
                return;
            }
            sent += static_cast<std::size_t>(count);
        }
    }

    /// Reads until `lines` lines have come or the peer has closed.
    std::string receive(int lines) const {
        std::string text;
        while (std::count(text.begin(), text.end(), '\n') < lines) {
            wait(POLLIN);
            char buffer[4096];
            const ssize_t count = recv(descriptor_.get(), buffer, sizeof buffer, 0);
            if (count <= 0) {
                return text + "(closed)";
            }
            text.append(buffer, static_cast<std::size_t>(count));
        }
        return text;
    }

private:
    void wait(short events) const {
        pollfd polled{descriptor_.get(), events, 0};
        CPPUNIT_ASSERT_MESSAGE("the socket does nothing", poll(&polled, 1, kPatience.count()) == 1);
    }

    Descriptor descriptor_;
};

}  // namespace

/// The control socket against clients that mean well, and against clients that do not.
class AppControlSocketTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(AppControlSocketTest);
    CPPUNIT_TEST(aRequestGetsItsAnswer);
    CPPUNIT_TEST(requestsInOnePieceAreAnsweredInOrder);
    CPPUNIT_TEST(garbageIsAnsweredWithAnErrorAndHarmsNoOtherClient);
    CPPUNIT_TEST(anExceptionOfACommandIsItsError);
    CPPUNIT_TEST(aRequestThatNeverEndsIsRefusedAtItsLimit);
    CPPUNIT_TEST(aSlowClientIsCutOffWhileOtherClientsAreServed);
    CPPUNIT_TEST(aClientThatReadsNothingIsCutOff);
    CPPUNIT_TEST(oneClientTooManyGetsTheReason);
    CPPUNIT_TEST(onlyTheOwnerMayConnect);
    CPPUNIT_TEST(theSocketGoesWithItsOwnerAndOnlyItsOwn);
    CPPUNIT_TEST(aStaleSocketIsReplacedAndALivingOneIsNot);
    CPPUNIT_TEST(aFileThatIsNotASocketIsLeftAlone);
    CPPUNIT_TEST(aPathOf107BytesWorksAndOneMoreIsRefused);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        folder_ = test::makeTempFolder("drover-control");
        path_ = folder_ + "/control.sock";
        commands_ = std::make_unique<ControlCommands>();
        commands_->add("health", [](const JsonView&) { return std::string(R"({"ok":true})"); });
        commands_->add("echo", [](const JsonView& request) {
            return JsonWriter().text(request["text"].string().value()).str();
        });
        commands_->add("large", [](const JsonView&) {
            return JsonWriter().text(std::string(4000000, 'x')).str();
        });
        commands_->add(
            "fail", [](const JsonView&) -> std::string { throw Poco::NotFoundException("job 7"); });
    }
    void tearDown() override {
        socket_.reset();
        test::removeTree(folder_);
    }

    void aRequestGetsItsAnswer() {
        listen();
        assertEqual(R"({"ok":true,"result":{"ok":true}})",
                    ControlClient(path_, kPatience).exchange(R"({"command":"health"})"));
    }

    void requestsInOnePieceAreAnsweredInOrder() {
        listen();
        const RawClient client(path_);
        std::string requests;
        std::string answers;
        for (int i = 0; i < 1000; ++i) {
            requests += R"({"command":"echo","text":")" + std::to_string(i) + "\"}\n";
            answers += R"({"ok":true,"result":")" + std::to_string(i) + "\"}\n";
        }
        client.send(requests);
        CPPUNIT_ASSERT_EQUAL(answers, client.receive(1000));
    }

    void garbageIsAnsweredWithAnErrorAndHarmsNoOtherClient() {
        listen();
        const std::vector<std::string> garbage = {"",
                                                  "nonsense",
                                                  "GET / HTTP/1.1\r",
                                                  std::string("\x00\xff\xfe\x16\x03\x01", 6),
                                                  "[]",
                                                  "{}",
                                                  "{\"command\":7}",
                                                  "{\"command\":\"health\"} trailing",
                                                  std::string("{\"command\":\"health\"}\0", 21),
                                                  "{\"command\":1.234567890123456789e-331}",
                                                  "{\"command\":\"\\ud800\"}",
                                                  std::string(60000, '[')};
        for (const std::string& line : garbage) {
            const RawClient client(path_);
            client.send(line + "\n");
            assertStartsWith(client.receive(1), "{\"ok\":false,\"error\":");
        }
        assertEqual(R"({"ok":false,"error":"unknown command helth; did you mean health?"})",
                    ControlClient(path_, kPatience).exchange(R"({"command":"helth"})"));
        aRequestIsAnswered();
    }

    void anExceptionOfACommandIsItsError() {
        listen();
        assertEqual(R"({"ok":false,"error":"Not found: job 7"})",
                    ControlClient(path_, kPatience).exchange(R"({"command":"fail"})"));
    }

    void aRequestThatNeverEndsIsRefusedAtItsLimit() {
        listen({16, 1000, kPatience});
        const RawClient client(path_);
        client.send(std::string(1001, 'x'));
        const std::string answer = client.receive(2);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(
            answer,
            std::string("{\"ok\":false,\"error\":\"a request has at most 1000 bytes\"}\n(closed)"),
            answer);
    }

    void aSlowClientIsCutOffWhileOtherClientsAreServed() {
        listen({16, 1000, milliseconds(200)});
        const RawClient slow(path_);
        slow.send("{\"comm");
        aRequestIsAnswered();
        const auto began = std::chrono::steady_clock::now();
        assertEqual("(closed)", slow.receive(1));
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - began < kAtOnce);
        aRequestIsAnswered();
    }

    void aClientThatReadsNothingIsCutOff() {
        listen({1, 1000, milliseconds(200)});
        const RawClient deaf(path_);
        deaf.send("{\"command\":\"large\"}\n");
        // The only place becomes free again, since the deaf client loses it.
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        std::string answer;
        do {
            answer = ControlClient(path_, kPatience).exchange(R"({"command":"health"})");
        } while (answer.find("too many clients") != std::string::npos &&
                 std::chrono::steady_clock::now() < deadline);
        assertEqual(R"({"ok":true,"result":{"ok":true}})", answer);
    }

    void oneClientTooManyGetsTheReason() {
        listen({2, 1000, kPatience});
        const RawClient first(path_);
        const RawClient second(path_);
        // Answers show that both have been accepted.
        for (const RawClient* client : {&first, &second}) {
            client->send("{\"command\":\"health\"}\n");
            client->receive(1);
        }
        const RawClient third(path_);
        assertEqual("{\"ok\":false,\"error\":\"too many clients\"}\n(closed)", third.receive(2));
        first.send("{\"command\":\"health\"}\n");
        assertStartsWith(first.receive(1), "{\"ok\":true");
    }

    void onlyTheOwnerMayConnect() {
        listen();
        struct stat info {};
        CPPUNIT_ASSERT_EQUAL(0, stat(path_.c_str(), &info));
        CPPUNIT_ASSERT_EQUAL(0600U, info.st_mode & 07777U);
    }

    void theSocketGoesWithItsOwnerAndOnlyItsOwn() {
        listen();
        socket_.reset();
        CPPUNIT_ASSERT(!std::filesystem::exists(path_));
        CPPUNIT_ASSERT_THROW(ControlClient(path_, kPatience).exchange("{}"), Poco::IOException);

        listen();
        std::filesystem::remove(path_);
        std::ofstream(path_) << "another's";
        socket_.reset();
        CPPUNIT_ASSERT(std::filesystem::exists(path_));
    }

    void aStaleSocketIsReplacedAndALivingOneIsNot() {
        {
            ListeningUnixSocket living(path_);
            CPPUNIT_ASSERT_THROW(ListeningUnixSocket{path_}, ConfigException);
            // A hard link preserves the name of the dead socket, as a killed process leaves it.
            std::filesystem::create_hard_link(path_, path_ + ".left");
        }
        std::filesystem::rename(path_ + ".left", path_);
        listen();
        aRequestIsAnswered();
    }

    void aFileThatIsNotASocketIsLeftAlone() {
        std::ofstream(path_) << "precious";
        CPPUNIT_ASSERT_THROW(listen(), ConfigException);
        CPPUNIT_ASSERT(std::filesystem::file_size(path_) == 8);
        CPPUNIT_ASSERT_THROW(ListeningUnixSocket(folder_ + "/absent/control.sock"),
                             ConfigException);
    }

    void aPathOf107BytesWorksAndOneMoreIsRefused() {
        path_ = folder_ + "/" + std::string(106 - folder_.size(), 'x');
        CPPUNIT_ASSERT_EQUAL(std::size_t{107}, path_.size());
        listen();
        aRequestIsAnswered();
        CPPUNIT_ASSERT_THROW(ListeningUnixSocket(path_ + "x"), ConfigException);
        CPPUNIT_ASSERT_THROW(connectUnixSocket(path_ + "x"), Poco::InvalidArgumentException);
    }

private:
    void listen(const ControlSocket::Limits& limits = {}) {
        socket_ = std::make_unique<ControlSocket>(path_, *commands_, limits);
    }
    void aRequestIsAnswered() {
        assertEqual(R"({"ok":true,"result":{"ok":true}})",
                    ControlClient(path_, kPatience).exchange(R"({"command":"health"})"));
    }

    std::string folder_;
    std::string path_;
    std::unique_ptr<ControlCommands> commands_;
    std::unique_ptr<ControlSocket> socket_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(AppControlSocketTest);
