#include <sys/socket.h>
#include <unistd.h>

#include <cppunit/extensions/HelperMacros.h>

#include "core/HashSlot.h"
#include "redis/ClusterEndpoints.h"
#include "redis/OpenSockets.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;

const Redis::Address kOld{"one", 1};
const Redis::Address kNew{"two", 2};

/// Two ends of a connection.
struct Pair {
    Pair() { CPPUNIT_ASSERT_EQUAL(0, socketpair(AF_UNIX, SOCK_STREAM, 0, fds)); }
    ~Pair() {
        close(fds[0]);
        close(fds[1]);
    }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;
    [[nodiscard]] bool atEnd() const {
        char byte = 0;
        return recv(fds[0], &byte, 1, MSG_DONTWAIT) == 0;
    }

    int fds[2] = {-1, -1};
};

}  // namespace

/// Where the keys of a queue lie, and how connections leave a server that has them no more.
class EndpointsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(EndpointsTest);
    CPPUNIT_TEST(slotsAreThoseOfRedis);
    CPPUNIT_TEST(aQueueNeedsBracesForOneSlot);
    CPPUNIT_TEST(redirectionsAreParsed);
    CPPUNIT_TEST(onlySocketsOfFormerMastersEnd);
    CPPUNIT_TEST_SUITE_END();

public:
    void slotsAreThoseOfRedis() {
        // As CLUSTER KEYSLOT answers.
        CPPUNIT_ASSERT_EQUAL(12739, hashSlot("123456789"));
        CPPUNIT_ASSERT_EQUAL(12182, hashSlot("foo"));
        CPPUNIT_ASSERT_EQUAL(hashSlot("{user1000}.following"), hashSlot("user1000"));
        CPPUNIT_ASSERT_EQUAL(hashSlot("foo{bar}{zap}"), hashSlot("bar"));
        CPPUNIT_ASSERT_EQUAL(hashSlot("foo{{bar}}zap"), hashSlot("{bar"));
        CPPUNIT_ASSERT(hashSlot("foo{}{bar}") != hashSlot("bar"));
        CPPUNIT_ASSERT_EQUAL(0, hashSlot(""));
    }

    void aQueueNeedsBracesForOneSlot() {
        assertEqual("", slotError("{bull}:mails"));
        assertEqual("", slotError("bull:{mails}"));
        for (const char* name : {"bull:mails", "bull:{}mails", "{}bull:{mails}", "bull:}mails{"}) {
            assertContains(slotError(name), "put braces around the prefix, as in {bull}");
            assertContains(slotError(name), name);
        }
    }

    void redirectionsAreParsed() {
        CPPUNIT_ASSERT(redirection("MOVED 3999 127.0.0.1:6381", "h") ==
                       (Redis::Address{"127.0.0.1", 6381}));
        CPPUNIT_ASSERT(redirection("MOVED 3999 ::1:6381", "h") == (Redis::Address{"::1", 6381}));
        CPPUNIT_ASSERT(redirection("MOVED 3999 :6381", "h") == (Redis::Address{"h", 6381}));
        CPPUNIT_ASSERT_EQUAL(0, redirection("MOVED", "h").port);
    }

    void onlySocketsOfFormerMastersEnd() {
        OpenSockets sockets;
        const Pair toOld, toNew, late;
        const auto old = sockets.enter(toOld.fds[0], kOld);
        const auto fresh = sockets.enter(toNew.fds[0], kNew);
        CPPUNIT_ASSERT(!old->ended());
        sockets.endAllBut(kNew);
        CPPUNIT_ASSERT(old->ended() && toOld.atEnd());
        CPPUNIT_ASSERT(!fresh->ended() && !toNew.atEnd());
        const auto after = sockets.enter(late.fds[0], kOld);
        CPPUNIT_ASSERT(after->ended() && late.atEnd());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(EndpointsTest);
