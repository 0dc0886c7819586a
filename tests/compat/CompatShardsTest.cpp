#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Queue.h"
#include "drover/operate/QueueOverview.h"
#include "support/Assert.h"
#include "support/NodePeer.h"
#include "support/Patience.h"
#include "support/RedisServer.h"

namespace {

using namespace drover;
using namespace drover::test;

}  // namespace

/// The shards of a queue are plain queues for real BullMQ, which adds to them and works them.
class CompatShardsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(CompatShardsTest);
    CPPUNIT_TEST(bullMq6SeesPlainQueues);
    CPPUNIT_TEST(bullMq5SeesPlainQueues);
    CPPUNIT_TEST_SUITE_END();

public:
    void bullMq6SeesPlainQueues() { playWith("6.7.0"); }
    void bullMq5SeesPlainQueues() { playWith("5.48.1"); }

private:
    static void playWith(const std::string& version) {
        constexpr int kShards = 4;
        Queue::Settings settings;
        settings.name = "spread-" + version.substr(0, 1);
        settings.shards.count = kShards;
        const Redis redis(redisAt(RedisServer::shared().port()));
        Queue queue(redis, settings);
        // Turns go past a shard that has no connection yet.
        const auto until = Queue::Clock::now() + kPatience;
        while (!queue.healthy() && Queue::Clock::now() < until) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
        for (int i = 0; i < kShards; ++i) {
            const AddResult added =
                queue.add({"ours", R"({"seat":7})"}, Queue::Clock::now() + kPatience);
            CPPUNIT_ASSERT_MESSAGE(added.message, added.status == AddResult::Status::Added);
        }
        NodePeer node(version, RedisServer::shared());
        for (const std::string& name : settings.shards.namesOf(settings.name)) {
            const std::string target = "\"queue\": \"" + name + "\"";
            const auto theirs = node.call("queue.add", target + R"(, "args": ["theirs", {}, {}])");
            assertEqual("2", theirs["id"].GetString());
            assertEqual("waiting",
                        node.call("queue.getJobState", target + R"(, "args": ["1"])").GetString());
            const std::string worker = "\"worker\": \"" + name + "\"";
            node.call("worker.start", target + ", " + worker);
            for (const char* id : {"1", "2"}) {
                node.call("worker.wait", worker + R"(, "event": "completed", "job": )" + id);
            }
            const auto kept = node.call("queue.getJob", target + R"(, "args": ["1"])");
            CPPUNIT_ASSERT_EQUAL(7, kept["returnvalue"]["seat"].GetInt());
            node.call("worker.close", worker);
        }
        QueueOverview overview(redis, "bull", {{settings.name, settings.shards}});
        const QueueSummary all = overview.look({settings.name})[0];
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2 * kShards}, all.counts.completed);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CompatShardsTest);
