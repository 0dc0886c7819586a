#include <chrono>
#include <functional>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <cppunit/extensions/HelperMacros.h>

#include "process/Reaper.h"

using namespace drover;

/// Orphans are reaped, and a child of other code is not.
class ReaperTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ReaperTest);
    CPPUNIT_TEST(anOrphanIsReaped);
    CPPUNIT_TEST(aChildOfTheEngineRetainsItsStatus);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override { CPPUNIT_ASSERT_EQUAL(0, ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)); }
    void tearDown() override { (void)::prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0); }

    void anOrphanIsReaped() {
        CPPUNIT_ASSERT(Reaper::isNeeded());
        // The child makes a grandchild, prints its id, and ends on request.
        int told[2] = {-1, -1};
        int go[2] = {-1, -1};
        CPPUNIT_ASSERT(::pipe(told) == 0 && ::pipe(go) == 0);
        const pid_t child = ::fork();
        if (child == 0) {
            const pid_t grandchild = ::fork();
            if (grandchild == 0) {
                ::pause();
                ::_exit(0);
            }
            (void)!::write(told[1], &grandchild, sizeof grandchild);
            char byte = 0;
            (void)!::read(go[0], &byte, 1);
            ::_exit(0);
        }
        pid_t orphan = 0;
        CPPUNIT_ASSERT_EQUAL(ssize_t{sizeof orphan}, ::read(told[0], &orphan, sizeof orphan));
        Reaper reaper([](pid_t) { return false; }, false);
        const auto now = Reaper::Clock::now();
        CPPUNIT_ASSERT_EQUAL(0, reaper.look(now));
        CPPUNIT_ASSERT_EQUAL(ssize_t{1}, ::write(go[1], "x", 1));
        int status = 0;
        CPPUNIT_ASSERT_EQUAL(child, ::waitpid(child, &status, 0));
        ::kill(orphan, SIGKILL);
        int reaped = 0;
        eventually([&] { return (reaped += reaper.look(now)) == 1; });
        CPPUNIT_ASSERT_EQUAL(-1, ::kill(orphan, 0));
        for (const int fd : {told[0], told[1], go[0], go[1]}) {
            ::close(fd);
        }
    }

    void aChildOfTheEngineRetainsItsStatus() {
        pid_t known = 0;
        Reaper reaper([&](pid_t pid) { return pid == known; }, false);
        const auto now = Reaper::Clock::now();
        const pid_t popened = endedChild(3);
        known = endedChild(4);
        CPPUNIT_ASSERT_EQUAL(0, reaper.look(now));
        CPPUNIT_ASSERT_EQUAL(0, reaper.look(now + std::chrono::seconds(29)));
        int status = 0;
        CPPUNIT_ASSERT_EQUAL(popened, ::waitpid(popened, &status, WNOHANG));
        CPPUNIT_ASSERT_EQUAL(3, WEXITSTATUS(status));
        // An orphan's parent left it behind; the engine never leaves its own children.
        const pid_t forgotten = endedChild(5);
        CPPUNIT_ASSERT_EQUAL(0, reaper.look(now));
        CPPUNIT_ASSERT_EQUAL(1, reaper.look(now + std::chrono::seconds(31)));
        CPPUNIT_ASSERT_EQUAL(-1, ::waitpid(forgotten, &status, WNOHANG));
        CPPUNIT_ASSERT_EQUAL(known, ::waitpid(known, &status, WNOHANG));
        CPPUNIT_ASSERT_EQUAL(4, WEXITSTATUS(status));
    }

private:
    static pid_t endedChild(int code) {
        const pid_t child = ::fork();
        if (child == 0) {
            ::_exit(code);
        }
        siginfo_t info{};
        CPPUNIT_ASSERT_EQUAL(0,
                             ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT));
        return child;
    }

    static void eventually(const std::function<bool()>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!condition()) {
            CPPUNIT_ASSERT(std::chrono::steady_clock::now() < deadline);
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ReaperTest);
