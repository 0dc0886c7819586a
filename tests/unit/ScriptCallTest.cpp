#include <memory>
#include <string>
#include <vector>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "queue/ScriptCall.h"
#include "redis/EmbeddedScripts.h"
#include "support/Assert.h"

using drover::test::assertEqual;

using namespace drover;

/// A call has the keys that the header of its script names, in that order.
class ScriptCallTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ScriptCallTest);
    CPPUNIT_TEST(keysStandInTheOrderOfTheHeader);
    CPPUNIT_TEST(keysOfAJobFollowItsId);
    CPPUNIT_TEST(everyHeaderNamesKnownKeys);
    CPPUNIT_TEST(anUnknownScriptIsRefused);
    CPPUNIT_TEST_SUITE_END();

public:
    void keysStandInTheOrderOfTheHeader() {
        assertEqual(
            "10 p:q:meta p:q:id p:q:wait p:q:delayed p:q:prioritized p:q:marker "
            "p:q:events p:q:pc p:q:active p:q:paused",
            keysOf("addJobs"));
        assertEqual(
            "9 p:q:stalled p:q:wait p:q:active p:q:stalled-check p:q:meta p:q:marker "
            "p:q:events p:q:repeat p:q:paused",
            keysOf("checkStalled"));
    }

    void keysOfAJobFollowItsId() {
        assertEqual("2 p:q:7 p:q:7:logs", keysOf("addLog", "7"));
        assertEqual("4 p:q:7 p:q:7:lock p:q:drover:cancel p:q:drover:cancels",
                    keysOf("cancelJob", "7"));
        assertEqual("3 p:q:7 p:q:events p:q:meta", keysOf("updateProgress", "7"));
    }

    void everyHeaderNamesKnownKeys() {
        for (std::size_t i = 0; i < kEmbeddedScriptCount; ++i) {
            const EmbeddedScript& script = kEmbeddedScripts[i];
            const Command command = ScriptCall(script.name).begin(redis_, queue_, 0, "7");
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                script.name, static_cast<std::size_t>(3 + script.keyCount), command.args().size());
        }
    }

    void anUnknownScriptIsRefused() {
        CPPUNIT_ASSERT_THROW(ScriptCall("addJob"), Poco::NotFoundException);
    }

private:
    /// The count of keys and the keys of a call, joined by spaces.
    std::string keysOf(const std::string& script, const std::string& job = "") {
        const Command command = ScriptCall(script).begin(redis_, queue_, 0, job);
        std::string joined;
        for (std::size_t i = 2; i < command.args().size(); ++i) {
            joined += (i == 2 ? "" : " ") + std::string(command.args()[i]);
        }
        return joined;
    }

    const QueueContext queue_{QueueKeys("p", "q")};
    const RedisClient redis_{RedisOptions(), "test"};
};

CPPUNIT_TEST_SUITE_REGISTRATION(ScriptCallTest);
