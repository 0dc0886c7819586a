#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "chaos/Fleet.h"
#include "drover/Shards.h"
#include "support/ClusterSet.h"

namespace {

using namespace drover;
using namespace drover::test;

constexpr int kShards = 4;
const std::string kQueue = "reservation-queue";

}  // namespace

/// One queue over four masters: while one is dead, the shards of the others are worked, and each job ends once.
class ShardsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ShardsTest);
    CPPUNIT_TEST(aDrainWithAKilledMasterEndsOncePerJob);
    CPPUNIT_TEST_SUITE_END();

public:
    void aDrainWithAKilledMasterEndsOncePerJob() {
        // An answer is given for what is on disk, and a master is needed for its own slots alone.
        ClusterSet cluster(kShards,
                           {"--appendfsync", "always", "--cluster-require-full-coverage", "no"});
        std::vector<std::unique_ptr<QueueState>> shards;
        for (const std::string& name : Shards{kShards, ""}.namesOf(kQueue)) {
            shards.push_back(std::make_unique<QueueState>(cluster.portOf("bull:" + name), name));
            shards.back()->reset();
        }
        const std::string sharded = "queue.reservation.shards=" + std::to_string(kShards);
        Fleet::Settings settings;
        settings.consumers = 2;
        settings.clusterPort = cluster.settings().cluster.front().port;
        settings.jobOptions = R"({"attempts":3})";
        settings.producerKeys = {sharded, "plugins.load=api"};
        // A job each: the kill comes in the middle of the work.
        settings.consumerKeys = {sharded, "queue.reservation.batchSize=1"};
        Fleet fleet(settings);
        for (std::size_t i = 0; i < fleet.consumers(); ++i) {
            fleet.killConsumer(i);
        }
        std::vector<Ask> asks;
        for (std::int64_t user = 1; user <= kJobs; ++user) {
            asks.push_back({Fleet::kBigEvent, user});
        }
        const std::vector<Answer> answers = fleet.postReservations(asks);
        CPPUNIT_ASSERT_EQUAL(
            kJobs,
            static_cast<std::int64_t>(std::count_if(
                answers.begin(), answers.end(), [](const Answer& one) { return one.accepted(); })));
        const std::int64_t dead = waiting(*shards[kDead]);
        CPPUNIT_ASSERT_MESSAGE(std::to_string(dead), dead > kJobs / (2 * kShards));

        for (std::size_t i = 0; i < fleet.consumers(); ++i) {
            fleet.startConsumer(i);
        }
        eventually("the drain has begun",
                   [&] { return fleet.rows(Fleet::kBigEvent) > kJobs / 10; });
        RedisServer& master = cluster.masterOf(shards[kDead]->keys().qualifiedName());
        master.stop(9);
        const auto killed = std::chrono::steady_clock::now();
        eventually("the other shards are drained", [&] {
            return std::all_of(shards.begin(), shards.end(), [&](const auto& shard) {
                return shard == shards[kDead] || shard->idle();
            });
        });
        const std::int64_t without = fleet.rows(Fleet::kBigEvent);
        master.start();
        eventually("the last shard is drained", [&] { return shards[kDead]->idle(); });
        std::cerr << "  " << kJobs << " jobs, " << without << " rows while a master was dead, "
                  << fleet.rows(Fleet::kBigEvent) << " at the end, "
                  << std::chrono::duration_cast<std::chrono::milliseconds>(
                         std::chrono::steady_clock::now() - killed)
                         .count()
                  << " ms after the kill\n";
        CPPUNIT_ASSERT_MESSAGE("the master died too late", without < kJobs);

        CPPUNIT_ASSERT_EQUAL(kJobs, fleet.rows(Fleet::kBigEvent));
        CPPUNIT_ASSERT_EQUAL(kJobs, fleet.counter(Fleet::kBigEvent));
        CPPUNIT_ASSERT_EQUAL(kJobs, fleet.ledger().outcomes("RESERVED"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, fleet.ledger().outcomes("REJECTED"));
        std::int64_t ended = 0;
        for (const auto& shard : shards) {
            const std::int64_t completed =
                shard->call({"ZCARD", shard->keys().completed}).integer();
            shard->assertFirstAttempts(completed);
            shard->assertEndings(completed, 0);
            shard->assertClean();
            ended += completed;
        }
        CPPUNIT_ASSERT_EQUAL(kJobs, ended);
        fleet.forgetLogs();
    }

private:
    static constexpr std::int64_t kJobs = 6000;
    static constexpr std::size_t kDead = 2;

    static std::int64_t waiting(QueueState& shard) {
        return shard.call({"LLEN", shard.keys().wait}).integer();
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ShardsTest);
