#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "drover/FlowProducer.h"
#include "drover/Queue.h"
#include "drover/QueueReader.h"
#include "drover/operate/QueueDoctor.h"
#include "drover/operate/QueueOverview.h"
#include "support/Assert.h"
#include "support/ClusterSet.h"
#include "support/LoadedQueue.h"
#include "support/Patience.h"
#include "support/ServerAnswers.h"

namespace {

using namespace drover;
using namespace drover::test;

}  // namespace

/// Redis as a cluster: each queue is worked at the node of its slot, and moves with it.
class ClusterTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ClusterTest);
    CPPUNIT_TEST(queuesOfEachNodeAreWorkedListedAndExamined);
    CPPUNIT_TEST(aQueueWhoseKeysDoNotShareASlotIsRefused);
    CPPUNIT_TEST(aFlowOverTwoSlotsIsRejected);
    CPPUNIT_TEST(aParentInAnotherSlotIsRejected);
    CPPUNIT_TEST(aScriptOfOneKeyIsRefusedWhileItsSlotMoves);
    CPPUNIT_TEST(aSlotThatMovesUnderLoadLosesNothing);
    CPPUNIT_TEST(workGoesOnAtAReplicaThatTookOver);
    CPPUNIT_TEST(workGoesOnAtAReplicaByTls);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override { cluster_ = std::make_unique<ClusterSet>(); }
    void tearDown() override { cluster_.reset(); }

    void queuesOfEachNodeAreWorkedListedAndExamined() {
        const std::vector<std::string> names = {"{a}", "{b}", "{c}", "{d}", "{e}"};
        std::set<int> ports;
        std::vector<std::unique_ptr<LoadedQueue>> loads;
        for (const std::string& name : names) {
            ports.insert(cluster_->portOf("bull:" + name));
            loads.push_back(std::make_unique<LoadedQueue>(cluster_->settings(), "bull", name));
            loads.back()->startAdding();
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, ports.size());
        for (const auto& load : loads) {
            load->untilEnded(50);
            load->stopAdding();
        }
        for (const auto& load : loads) {
            load->untilAllEnded();
            load->assertEachEndedOnce();
            CPPUNIT_ASSERT_EQUAL(std::size_t{0}, load->account().lost);
        }
        const Redis redis(cluster_->settings());
        QueueOverview overview(redis, "bull");
        CPPUNIT_ASSERT(overview.names() == names);
        for (const QueueSummary& summary : overview.look(names, true)) {
            assertEqual("", summary.problem);
            CPPUNIT_ASSERT(summary.counts.completed >= 50);
        }
        QueueDoctor doctor(redis, {"bull", "{b}"});
        CPPUNIT_ASSERT(doctor.examine({}).findings.empty());
        CPPUNIT_ASSERT(redis.info().count("redis_version") == 1);
    }

    void aQueueWhoseKeysDoNotShareASlotIsRefused() {
        const Redis redis(cluster_->settings());
        try {
            const QueueReader reader(redis, {"bull", "mails"});
            CPPUNIT_FAIL("accepted");
        } catch (const Poco::InvalidArgumentException& error) {
            assertContains(error.message(), "bull:mails do not share a slot of the cluster");
        }
    }

    void aFlowOverTwoSlotsIsRejected() {
        FlowProducer flows(Redis(cluster_->settings()), {});
        FlowJob child;
        child.queue = "{two}";
        child.job.name = "child";
        FlowJob root;
        root.queue = "{one}";
        root.job.name = "root";
        root.children = {child};
        const FlowResult refused = flows.add(root);
        CPPUNIT_ASSERT(refused.status == AddResult::Status::Rejected);
        assertContains(refused.message,
                       "bull:{two} and the queue bull:{one} lie in different slots");
        root.children.front().queue = "{one}-children";
        assertEqual("", flows.add(root).message);
    }

    void aParentInAnotherSlotIsRejected() {
        Queue queue(Redis(cluster_->settings()), producerOf("{one}"));
        NewJob job;
        job.name = "child";
        job.opts.parent = ParentJob{"1", "bull:{two}"};
        const AddResult refused = queue.add(job);
        CPPUNIT_ASSERT(refused.status == AddResult::Status::Rejected);
        assertContains(refused.message, "lie in different slots of the cluster");
    }

    void aScriptOfOneKeyIsRefusedWhileItsSlotMoves() {
        const Redis redis(cluster_->settings());
        Queue queue(redis, producerOf("{one}"));
        const auto added =
            queue.addBulk(std::vector<NewJob>(30, {"some"}), Queue::Clock::now() + kPatience);
        cluster_->moveSlotOf("bull:{one}", [&] {
            // The job of each id is at either node; without its key of the whole slot the script would begin there.
            for (const AddResult& one : added) {
                const QueueReader reader(Redis(cluster_->settings()), {"bull", "{one}"});
                CPPUNIT_ASSERT_THROW(reader.childCounts(one.id), RedisBusyException);
            }
        });
        const QueueReader reader(redis, {"bull", "{one}"});
        CPPUNIT_ASSERT_EQUAL(std::int64_t{30}, reader.counts().waiting);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, reader.childCounts(added.front().id).failed);
    }

    void aSlotThatMovesUnderLoadLosesNothing() {
        LoadedQueue load(cluster_->settings(), "{bull}", "moving");
        load.startAdding();
        load.untilEnded(100);
        const int before = cluster_->portOf("{bull}");
        cluster_->moveSlotOf("{bull}", [&] {
            // A worker and a producer are refused meanwhile; both wait.
            await("the queue waits", [&] { return load.refused(); });
        });
        CPPUNIT_ASSERT(cluster_->portOf("{bull}") != before);
        load.untilEnded(load.ended() + 100);
        // And back, without a pause.
        cluster_->moveSlotOf("{bull}", [] {});
        load.untilEnded(load.ended() + 100);
        load.stopAdding();
        load.untilAllEnded();
        load.assertEachEndedOnce();
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, load.account().lost);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, load.account().repeated);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, load.unknown());
    }

    void workGoesOnAtAReplicaThatTookOver() {
        cluster_->addReplicaFor("{bull}");
        LoadedQueue load(cluster_->settings(), "{bull}", "failing");
        load.startAdding();
        load.untilEnded(100);
        cluster_->failOver("{bull}");
        load.untilEnded(load.ended() + 100);
        cluster_->killMaster("{bull}");
        load.untilEnded(load.ended() + 100);
        load.stopAdding();
        load.untilAllEnded();
        load.assertEachEndedOnce();
    }

    void workGoesOnAtAReplicaByTls() {
        cluster_ = std::make_unique<ClusterSet>(&redisCertificate());
        cluster_->addReplicaFor("{bull}");
        LoadedQueue load(cluster_->settings(), "{bull}", "hidden");
        load.startAdding();
        load.untilEnded(100);
        cluster_->killMaster("{bull}");
        load.untilEnded(load.ended() + 100);
        load.stopAdding();
        load.untilAllEnded();
        load.assertEachEndedOnce();
    }

private:
    static Queue::Settings producerOf(const std::string& name) {
        Queue::Settings settings;
        settings.name = name;
        settings.addTimeout = kPatience;
        return settings;
    }

    std::unique_ptr<ClusterSet> cluster_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ClusterTest);
