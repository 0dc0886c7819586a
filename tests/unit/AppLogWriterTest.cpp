#include <atomic>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <string>
#include <thread>
#include <unistd.h>

#include <cppunit/extensions/HelperMacros.h>

#include "process/LogWriter.h"
#include "support/Assert.h"

using drover::test::assertEqual;

namespace {

using namespace drover;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

std::string notice(std::uint64_t dropped) {
    return std::to_string(dropped) + " dropped\n";
}

/// A pipe with room for `room` more bytes.
class Pipe {
public:
    Pipe() {
        CPPUNIT_ASSERT_EQUAL(0, pipe2(ends_, O_CLOEXEC));
        fcntl(ends_[1], F_SETFL, O_NONBLOCK);
        const std::string junk(65536, '#');
        while (write(ends_[1], junk.data(), junk.size()) > 0) {
        }
        fcntl(ends_[1], F_SETFL, 0);
        fcntl(ends_[0], F_SETFL, O_NONBLOCK);
    }
    ~Pipe() {
        close(ends_[1]);
        closeReader();
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    [[nodiscard]] int writer() const { return ends_[1]; }
    void closeReader() {
        if (ends_[0] >= 0) {
            close(ends_[0]);
        }
        ends_[0] = -1;
    }
    /// Reads until `text` has come; returns the input, without the junk.
    std::string readUntil(const std::string& text) const {
        std::string all;
        const auto deadline = Clock::now() + seconds(20);
        while (all.find(text) == std::string::npos) {
            CPPUNIT_ASSERT_MESSAGE(text + " does not come in:\n" + all, Clock::now() < deadline);
            char buffer[4096];
            const ssize_t count = read(ends_[0], buffer, sizeof buffer);
            if (count <= 0) {
                std::this_thread::sleep_for(milliseconds(1));
                continue;
            }
            for (const char c : std::string(buffer, static_cast<std::size_t>(count))) {
                if (c != '#') {
                    all += c;
                }
            }
        }
        return all;
    }

private:
    int ends_[2] = {-1, -1};
};

}  // namespace

/// A reader that does not read costs lines and nothing else.
class AppLogWriterTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(AppLogWriterTest);
    CPPUNIT_TEST(linesWaitForTheReaderInOrder);
    CPPUNIT_TEST(tooManyLinesAreDroppedCountedAndReported);
    CPPUNIT_TEST(tooManyBytesAreDropped);
    CPPUNIT_TEST(aLineLongerThanTheQueueIsAcceptedWhenItIsAlone);
    CPPUNIT_TEST(aFlushEndsInItsTimeAndTheNextOneDoesNotWaitAgain);
    CPPUNIT_TEST(theDestructorEndsWithoutAReader);
    CPPUNIT_TEST(linesWithoutAnyReaderAreCounted);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override { std::signal(SIGPIPE, SIG_IGN); }

    void linesWaitForTheReaderInOrder() {
        const Pipe pipe;
        LogWriter log(pipe.writer(), notice);
        std::string expected;
        for (int i = 0; i < 1000; ++i) {
            const std::string line = "line " + std::to_string(i) + "\n";
            log.push(line);
            expected += line;
        }
        CPPUNIT_ASSERT_EQUAL(expected, pipe.readUntil("line 999\n"));
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, log.dropped());
    }

    void tooManyLinesAreDroppedCountedAndReported() {
        const Pipe pipe;
        LogWriter log(pipe.writer(), notice, {10, 1000000});
        for (int i = 0; i < 25; ++i) {
            log.push(std::to_string(i) + "\n");
        }
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{15}, log.dropped());
        // Reported although no further line follows.
        const std::string text = pipe.readUntil("15 dropped\n");
        assertEqual("0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n15 dropped\n", text);
        CPPUNIT_ASSERT(log.flush(seconds(20)));
        log.push("again\n");
        assertEqual("again\n", pipe.readUntil("again\n"));
    }

    void tooManyBytesAreDropped() {
        const Pipe pipe;
        LogWriter log(pipe.writer(), notice, {1000, 100});
        log.push(std::string(60, 'a') + "\n");
        log.push(std::string(60, 'b') + "\n");
        log.push("c\n");
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, log.dropped());
        CPPUNIT_ASSERT_EQUAL(std::string(60, 'a') + "\n1 dropped\nc\n", pipe.readUntil("c\n"));
    }

    void aLineLongerThanTheQueueIsAcceptedWhenItIsAlone() {
        const Pipe pipe;
        LogWriter log(pipe.writer(), notice, {10, 100});
        log.push(std::string(200000, 'x') + "\n");
        CPPUNIT_ASSERT_EQUAL(std::string(200000, 'x') + "\n", pipe.readUntil("\n"));
    }

    void aFlushEndsInItsTimeAndTheNextOneDoesNotWaitAgain() {
        const Pipe pipe;
        LogWriter log(pipe.writer(), notice);
        log.push("a\n");
        CPPUNIT_ASSERT(!log.flush(milliseconds(50)));
        const auto began = Clock::now();
        log.flushUnlessStuck(seconds(20));
        CPPUNIT_ASSERT(Clock::now() - began < seconds(10));
        (void)pipe.readUntil("a\n");
        CPPUNIT_ASSERT(log.flush(seconds(20)));
        // It waits again, since it was read again.
        log.push("b\n");
        log.flushUnlessStuck(seconds(20));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, log.waiting().load());
    }

    void theDestructorEndsWithoutAReader() {
        const Pipe pipe;
        const auto began = Clock::now();
        {
            LogWriter log(pipe.writer(), notice);
            log.push("a\n");
        }
        CPPUNIT_ASSERT(Clock::now() - began < seconds(10));
    }

    void linesWithoutAnyReaderAreCounted() {
        Pipe pipe;
        pipe.closeReader();
        LogWriter log(pipe.writer(), notice);
        log.push("a\n");
        CPPUNIT_ASSERT(log.flush(seconds(20)));
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, log.dropped());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AppLogWriterTest);
