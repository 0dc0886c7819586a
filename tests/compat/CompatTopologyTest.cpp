#include <string>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Queue.h"
#include "support/Assert.h"
#include "support/ClusterSet.h"
#include "support/LoadedQueue.h"
#include "support/NodePeer.h"
#include "support/Patience.h"
#include "support/SentinelSet.h"

namespace {

using namespace drover;
using namespace drover::test;

constexpr const char* kPrefix = "{bull}";

/// Adds jobs to the queue "theirs", works the queue "ours", and returns the report of topology.cjs.
std::string playBoth(const Redis::Settings& server, int port, const std::string& kind) {
    Queue::Settings settings;
    settings.prefix = kPrefix;
    settings.name = "theirs";
    Queue theirs(Redis(server), settings);
    for (int i = 0; i < 10; ++i) {
        const AddResult added = theirs.add({"work"}, Queue::Clock::now() + kPatience);
        CPPUNIT_ASSERT_MESSAGE(added.message, added.status == AddResult::Status::Added);
    }
    const LoadedQueue ours(server, kPrefix, "ours");
    return runNodeScript("compat/topology.cjs", port, kind + " " + kPrefix + " 10");
}

}  // namespace

/// Real BullMQ and Drover share queues on a cluster, and behind sentinels.
class CompatTopologyTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(CompatTopologyTest);
    CPPUNIT_TEST(onACluster);
    CPPUNIT_TEST(behindSentinels);
    CPPUNIT_TEST_SUITE_END();

public:
    void onACluster() {
        const ClusterSet cluster;
        const Redis::Settings server = cluster.settings();
        assertContains(playBoth(server, server.cluster.front().port, "cluster"), kEnded);
    }

    void behindSentinels() {
        const SentinelSet sentinels;
        const Redis::Settings server = sentinels.settings();
        assertContains(playBoth(server, server.sentinel->addresses.front().port, "sentinel"),
                       kEnded);
    }

private:
    static constexpr const char* kEnded = "10 ended by Drover, 10 by BullMQ, which ran 10";
};

CPPUNIT_TEST_SUITE_REGISTRATION(CompatTopologyTest);
