#include <string>
#include <typeinfo>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "redis/Reply.h"
#include "support/Assert.h"

using drover::test::assertContains;
using drover::test::assertEqual;

namespace {

using namespace drover;

struct Known {
    const char* text;  ///< As redis-server 7.0 words it.
    ReplyClass kind;
};

const std::vector<Known> kReplies = {
    {"NOSCRIPT No matching script. Please use EVAL.", ReplyClass::NoScript},
    {"READONLY You can't write against a read only replica. script: 5f2c, on @user_script:3.",
     ReplyClass::Topology},
    {"UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
     ReplyClass::Topology},
    {"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
     ReplyClass::Topology},
    {"NOREPLICAS Not enough good replicas to write.", ReplyClass::Pressure},
    {"LOADING Redis is loading the dataset in memory", ReplyClass::Wait},
    {"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
     ReplyClass::Wait},
    {"OOM command not allowed when used memory > 'maxmemory'. script: 5f2c, on @user_script:7.",
     ReplyClass::Pressure},
    {"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist",
     ReplyClass::Pressure},
    {"NOAUTH Authentication required.", ReplyClass::Auth},
    {"WRONGPASS invalid username-password pair or user is disabled.", ReplyClass::Auth},
    {"NOPERM this user has no permissions to run the 'evalsha' command", ReplyClass::Auth},
    {"ERR AUTH <password> called without any password configured for the default user. Are you "
     "sure your configuration is correct?",
     ReplyClass::Auth},
    {"ERR invalid password", ReplyClass::Auth},
    {"ERR Client sent AUTH, but no password is set", ReplyClass::Auth},
    {"ERR max number of clients reached", ReplyClass::TooMany},
    {"WRONGTYPE Operation against a key holding the wrong kind of value", ReplyClass::WrongType},
    {"MOVED 3999 127.0.0.1:6381", ReplyClass::Cluster},
    {"CROSSSLOT Keys in request don't hash to the same slot", ReplyClass::Cluster},
    {"ASK 3999 127.0.0.1:6381", ReplyClass::Wait},
    {"TRYAGAIN Multiple keys request during rehashing of slot", ReplyClass::Wait},
    {"CLUSTERDOWN The cluster is down", ReplyClass::Topology},
    {"ERR value is not an integer or out of range", ReplyClass::Other},
    {"ERR user_script:12: Script attempted to access nonexistent global variable 'x'",
     ReplyClass::Other},
    {"ERR the text mentions OOM and LOADING, further on", ReplyClass::Other},
    {"", ReplyClass::Other},
};

/// The name of the exception that throwError makes of a reply, and its text.
std::pair<std::string, std::string> thrownFor(const std::string& reply) {
    try {
        throwError("advance", reply);
    } catch (const Poco::Exception& error) {
        return {error.name(), error.message()};
    }
}

}  // namespace

/// Each class of error replies has its action, and the exception has its type.
class ReplyClassTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ReplyClassTest);
    CPPUNIT_TEST(everyPrefixHasItsClass);
    CPPUNIT_TEST(faultsThatPassByThemselvesAreBusy);
    CPPUNIT_TEST(faultsForAPersonAreAuth);
    CPPUNIT_TEST(faultsThatNoRepetitionCuresAreTheScripts);
    CPPUNIT_TEST(aClusterIsRefusedWithTheCure);
    CPPUNIT_TEST(keysOfAnotherServerAreToldFromAServerThatIsFull);
    CPPUNIT_TEST(theMessageNamesTheOperationAndTheReply);
    CPPUNIT_TEST_SUITE_END();

public:
    void everyPrefixHasItsClass() {
        for (const Known& known : kReplies) {
            CPPUNIT_ASSERT_MESSAGE(known.text, classifyError(known.text) == known.kind);
        }
    }

    void faultsThatPassByThemselvesAreBusy() {
        for (const ReplyClass kind :
             {ReplyClass::Topology, ReplyClass::Wait, ReplyClass::Pressure, ReplyClass::TooMany}) {
            expectAll(kind, "drover::RedisBusyException");
        }
    }

    void faultsForAPersonAreAuth() {
        expectAll(ReplyClass::Auth, "drover::RedisAuthException");
        assertContains(thrownFor("NOAUTH Authentication required.").second, "redis.password");
    }

    void faultsThatNoRepetitionCuresAreTheScripts() {
        expectAll(ReplyClass::WrongType, "drover::ScriptException");
        expectAll(ReplyClass::Other, "drover::ScriptException");
    }

    void aClusterIsRefusedWithTheCure() {
        expectAll(ReplyClass::Cluster, "drover::ScriptException");
        assertContains(thrownFor("CROSSSLOT Keys").second, "{bull}");
    }

    void keysOfAnotherServerAreToldFromAServerThatIsFull() {
        for (const char* reply : {"READONLY You can't write",
                                  "MASTERDOWN Link",
                                  "MOVED 1 h:1",
                                  "ASK 1 h:1",
                                  "TRYAGAIN Multiple keys",
                                  "CLUSTERDOWN Hash slot"}) {
            CPPUNIT_ASSERT_MESSAGE(reply, isElsewhere(reply));
        }
        for (const char* reply : {"OOM command", "LOADING Redis", "NOSCRIPT No", "ERR MOVED"}) {
            CPPUNIT_ASSERT_MESSAGE(reply, !isElsewhere(reply));
        }
    }

    void theMessageNamesTheOperationAndTheReply() {
        const std::string message = thrownFor("OOM command not allowed").second;
        assertEqual("advance: Redis answered \"OOM command not allowed\"", message);
    }

private:
    static void expectAll(ReplyClass kind, const std::string& exception) {
        int seen = 0;
        for (const Known& known : kReplies) {
            if (known.kind == kind) {
                ++seen;
                CPPUNIT_ASSERT_EQUAL_MESSAGE(known.text, exception, thrownFor(known.text).first);
            }
        }
        CPPUNIT_ASSERT(seen > 0);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ReplyClassTest);
