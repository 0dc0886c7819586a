#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "redis/RedisClient.h"
#include "support/Assert.h"
#include "support/LoadedQueue.h"
#include "support/Patience.h"
#include "support/SentinelSet.h"
#include "support/ServerAnswers.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;

std::string masterOf(RedisClient& client) {
    return std::string(client.call(Command{"CONFIG", "GET", "port"}).at(1).text());
}

}  // namespace

/// Redis behind sentinels: clients find the master, and leave one that is it no more.
class SentinelTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SentinelTest);
    CPPUNIT_TEST(theMasterIsFoundAlthoughASentinelIsDown);
    CPPUNIT_TEST(aNameThatNoSentinelKnowsIsNamed);
    CPPUNIT_TEST(aClientThatWaitsInsideRedisLeavesAFormerMaster);
    CPPUNIT_TEST(theDocumentedRightsAtTheSentinelsSuffice);
    CPPUNIT_TEST(aDemotedMasterIsLeftByItsRefusal);
    CPPUNIT_TEST(workGoesOnAfterAFailoverAndAfterAKill);
    CPPUNIT_TEST(workGoesOnByTls);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override { sentinels_ = std::make_unique<SentinelSet>(); }
    void tearDown() override { sentinels_.reset(); }

    void theMasterIsFoundAlthoughASentinelIsDown() {
        sentinels_->stopSentinel(0);
        RedisClient client(RedisOptions(sentinels_->settings()), "test");
        assertEqual(std::to_string(sentinels_->masterPort()), masterOf(client));
    }

    void aNameThatNoSentinelKnowsIsNamed() {
        Redis::Settings settings = sentinels_->settings();
        settings.sentinel->master = "other";
        RedisClient client(RedisOptions(settings), "test");
        try {
            client.connection();
            CPPUNIT_FAIL("connected");
        } catch (const RedisIoException& error) {
            assertContains(error.message(), "no sentinel names the master other");
            assertContains(error.message(), "it does not know a master named other");
        }
    }

    void aClientThatWaitsInsideRedisLeavesAFormerMaster() {
        RedisClient client(RedisOptions(sentinels_->settings()), "test");
        client.connection().send(Command{"BZPOPMIN", "nothing", "0"},
                                 Connection::Clock::now() + kPatience);
        sentinels_->failOver();
        // The reply is UNBLOCKED, or the connection is at its end: whichever notices first.
        try {
            static_cast<void>(client.connection().receive(Connection::Clock::now() + kPatience));
        } catch (const RedisTimeoutException&) {
            CPPUNIT_FAIL("it still waits");
        } catch (const RedisIoException&) {
            // It has left.
        }
        client.drop();
        assertEqual(std::to_string(sentinels_->masterPort()), masterOf(client));
    }

    void theDocumentedRightsAtTheSentinelsSuffice() {
        Redis::Settings settings = sentinels_->settings();
        settings.sentinel->user = "reader";
        settings.sentinel->password = "hush";
        for (const Redis::Address& sentinel : settings.sentinel->addresses) {
            // As docs/redis.md has them.
            assertEqual("OK",
                        ask(sentinel.port,
                            {"ACL",
                             "SETUSER",
                             "reader",
                             "on",
                             ">hush",
                             "resetchannels",
                             "-@all",
                             "+auth",
                             "+ping",
                             "+subscribe",
                             "+sentinel|get-master-addr-by-name",
                             "&+switch-master"}));
        }
        RedisClient client(RedisOptions(settings), "test");
        const auto& sentinels = settings.sentinel->addresses;
        const auto listens = [&] {
            return std::any_of(sentinels.begin(), sentinels.end(), [](const auto& sentinel) {
                return has(ask(sentinel.port, {"CLIENT", "LIST"}), "user=reader");
            });
        };
        assertEqual(std::to_string(sentinels_->masterPort()), masterOf(client));
        await("a sentinel has the subscription", listens);
        sentinels_->failOver();
        await("the client is at the new master",
              [&] { return masterOf(client) == std::to_string(sentinels_->masterPort()); });
        for (const Redis::Address& sentinel : settings.sentinel->addresses) {
            assertEqual("", ask(sentinel.port, {"ACL", "LOG"}));
        }
    }

    void aDemotedMasterIsLeftByItsRefusal() {
        LoadedQueue load(sentinels_->settings(), "bull", "demoted");
        // No sentinel has a part in it: only the refusals of the former master show what it is.
        const int former = sentinels_->masterPort();
        load.pauseWorker();
        load.startAdding();
        load.untilAdded(50);
        assertEqual("OK", ask(former, {"REPLICAOF", "127.0.0.1", "1"}));
        std::this_thread::sleep_for(milliseconds(300));
        assertEqual("OK", ask(former, {"REPLICAOF", "NO", "ONE"}));
        const std::size_t before = load.added();
        load.untilAdded(before + 100);
        load.stopAdding();
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, load.unknown());
        load.resumeWorker();
        load.untilAllEnded();
        load.assertEachEndedOnce();
    }

    void workGoesOnAfterAFailoverAndAfterAKill() {
        LoadedQueue load(sentinels_->settings(), "bull", "load");
        load.startAdding();
        load.untilEnded(200);
        sentinels_->failOver();
        load.untilEnded(load.ended() + 200);
        sentinels_->killMaster();
        load.untilEnded(load.ended() + 200);
        load.stopAdding();
        load.untilAllEnded();
        load.assertEachEndedOnce();
    }

    void workGoesOnByTls() {
        sentinels_ = std::make_unique<SentinelSet>(&redisCertificate());
        LoadedQueue load(sentinels_->settings(), "bull", "hidden");
        load.startAdding();
        load.untilEnded(200);
        sentinels_->failOver();
        load.untilEnded(load.ended() + 200);
        sentinels_->killMaster();
        load.untilEnded(load.ended() + 200);
        load.stopAdding();
        load.untilAllEnded();
        load.assertEachEndedOnce();
    }

private:
    std::unique_ptr<SentinelSet> sentinels_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(SentinelTest);
