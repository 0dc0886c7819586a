#include <chrono>
#include <csignal>
#include <poll.h>
#include <pty.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "integration/AppFixture.h"
#include "support/Assert.h"
#include "support/Patience.h"

namespace {

using namespace drover;
using namespace drover::test;

/// The binary on a terminal of its own, 100 columns wide.
class OnTerminal {
public:
    explicit OnTerminal(std::vector<std::string> args) {
        args.insert(args.begin(), DROVER_BINARY_DIR "/engine/drover");
        std::vector<char*> words;
        for (std::string& arg : args) {
            words.push_back(arg.data());
        }
        words.push_back(nullptr);
        winsize size{};
        size.ws_col = 100;
        size.ws_row = 30;
        pid_ = forkpty(&terminal_, nullptr, nullptr, &size);
        CPPUNIT_ASSERT(pid_ >= 0);
        if (pid_ == 0) {
            execv(words[0], words.data());
            _exit(127);
        }
    }
    ~OnTerminal() {
        if (pid_ > 0) {
            kill(pid_, SIGKILL);
            waitpid(pid_, nullptr, 0);
        }
        close(terminal_);
    }
    OnTerminal(const OnTerminal&) = delete;
    OnTerminal& operator=(const OnTerminal&) = delete;

    void type(const std::string& keys) const {
        CPPUNIT_ASSERT(write(terminal_, keys.data(), keys.size()) ==
                       static_cast<ssize_t>(keys.size()));
    }
    /// Waits until the screen has got this text.
    void waitFor(const std::string& text) {
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        while (shown_.find(text) == std::string::npos) {
            CPPUNIT_ASSERT_MESSAGE("the terminal shows " + shown_,
                                   std::chrono::steady_clock::now() < deadline && receive());
        }
        shown_.erase(0, shown_.find(text) + text.size());
    }
    /// Waits for the end; returns the exit code, or -1 for a signal.
    int end() {
        while (receive()) {
        }
        int status = 0;
        CPPUNIT_ASSERT(waitpid(pid_, &status, 0) == pid_);
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    [[nodiscard]] const std::string& shown() const { return shown_; }

private:
    /// Receives some output. Returns false once the program has ended.
    bool receive() {
        pollfd source{terminal_, POLLIN, 0};
        CPPUNIT_ASSERT_MESSAGE("nothing came: " + shown_,
                               poll(&source, 1, static_cast<int>(kPatience.count())) == 1);
        char buffer[4096];
        const ssize_t count = read(terminal_, buffer, sizeof buffer);
        if (count <= 0) {
            return false;
        }
        shown_.append(buffer, static_cast<std::size_t>(count));
        return true;
    }

    int terminal_ = -1;
    pid_t pid_ = -1;
    std::string shown_;
};

}  // namespace

/// Commands in front of a person: screens that end at Ctrl-C, and questions.
class AppTerminalTest : public AppFixture {
    CPPUNIT_TEST_SUITE(AppTerminalTest);
    CPPUNIT_TEST(aWatchedListEndsAtCtrlC);
    CPPUNIT_TEST(topEndsAtTheKeyQ);
    CPPUNIT_TEST(aQuestionIsAnswered);
    CPPUNIT_TEST_SUITE_END();

public:
    void aWatchedListEndsAtCtrlC() {
        auto queue = makeQueue();
        OnTerminal drover(args({"job", "list", "--queue", queueName_, "--watch"}));
        drover.waitFor("\033[?1049h");
        drover.waitFor("0 of 0 waiting jobs");
        CPPUNIT_ASSERT(queue.add({"first"}).status == AddResult::Status::Added);
        drover.waitFor("1 of 1 waiting job");
        drover.type("\003");
        CPPUNIT_ASSERT_EQUAL(0, drover.end());
        // The person's own screen is back, with its cursor.
        assertContains(drover.shown(), "\033[?25h\033[?1049l");
    }

    void topEndsAtTheKeyQ() {
        OnTerminal drover(args({"queue", "top", queueName_}));
        drover.waitFor("1 queue, 0 waiting");
        drover.waitFor("1 queue, 0 waiting");
        drover.type("xq");
        CPPUNIT_ASSERT_EQUAL(0, drover.end());
    }

    void aQuestionIsAnswered() {
        auto queue = makeQueue();
        CPPUNIT_ASSERT(queue.add({"first"}).status == AddResult::Status::Added);
        const std::string question = "Remove the 1 waiting job of " + queueName_ + "? [y/N] ";
        for (const auto& [answer, code] : {std::pair{"n\n", 2}, {"\n", 2}, {"y\n", 0}}) {
            OnTerminal drover(args({"queue", "drain", queueName_}));
            drover.waitFor(question);
            CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, queue.counts().waiting);
            drover.type(answer);
            CPPUNIT_ASSERT_EQUAL(code, drover.end());
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, queue.counts().waiting);
    }

private:
    static std::vector<std::string> args(std::vector<std::string> words) {
        words.insert(words.end(), {"--redis", redisUrl(RedisServer::shared().port())});
        return words;
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AppTerminalTest);
