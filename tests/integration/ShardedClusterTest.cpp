#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "core/Clock.h"
#include "drover/FlowProducer.h"
#include "drover/Queue.h"
#include "drover/QueueReader.h"
#include "drover/operate/QueueOverview.h"
#include "redis/RedisShared.h"
#include "support/Assert.h"
#include "support/Await.h"
#include "support/ClusterSet.h"
#include "support/FakeHandler.h"
#include "support/Patience.h"
#include "support/ServerAnswers.h"
#include "worker/Worker.h"

namespace {

using namespace drover;
using namespace drover::test;
using Status = AddResult::Status;

constexpr int kShards = 4;
const Shards kFour{kShards, ""};

}  // namespace

/// One queue over the masters of a cluster: each has a shard, and is needed for that one alone.
class ShardedClusterTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ShardedClusterTest);
    CPPUNIT_TEST(eachMasterHasAShard);
    CPPUNIT_TEST(aFlowSharesASlot);
    CPPUNIT_TEST(handlersReachTheShardsOfEverySlot);
    CPPUNIT_TEST(jobsInTurnPassAMasterThatIsAway);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        cluster_ = std::make_unique<ClusterSet>(
            kShards, std::vector<std::string>{"--cluster-require-full-coverage", "no"});
    }
    void tearDown() override { cluster_.reset(); }

    void eachMasterHasAShard() {
        const Redis redis(cluster_->settings());
        Queue queue(redis, producerOf("mails"));
        for (const AddResult& added :
             queue.addBulk(std::vector<NewJob>(40, {"some"}), Queue::Clock::now() + kPatience)) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                added.message, static_cast<int>(Status::Added), static_cast<int>(added.status));
        }
        std::set<int> ports;
        for (const std::string& name : kFour.namesOf("mails")) {
            const int port = cluster_->portOf("bull:" + name);
            ports.insert(port);
            assertEqual("10", ask(port, {"LLEN", "bull:" + name + ":wait"}));
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{kShards}, ports.size());
        QueueOverview overview(redis, "bull", {{"mails", kFour}});
        CPPUNIT_ASSERT(overview.names() == std::vector<std::string>{"mails"});
        CPPUNIT_ASSERT_EQUAL(std::int64_t{40}, overview.look({"mails"})[0].counts.waiting);
    }

    void aFlowSharesASlot() {
        FlowProducer flows(Redis(cluster_->settings()),
                           {.sharded = {{"orders", kFour}, {"mails", kFour}}});
        std::set<int> ports;
        for (int i = 0; i < 20; ++i) {
            FlowJob child;
            child.queue = "mails";
            child.job.name = "child";
            FlowJob root;
            root.queue = "orders";
            root.job.name = "root";
            root.job.opts.jobId = "order-" + std::to_string(i);
            root.children = {child};
            const FlowResult added = flows.add(root);
            assertEqual("", added.message);
            ports.insert(cluster_->portOf(added.tree.key));
            CPPUNIT_ASSERT_EQUAL(cluster_->portOf(added.tree.key),
                                 cluster_->portOf(added.tree.children[0].key));
            // A job of its own that becomes a child goes where its parent is.
            Queue queue(Redis(cluster_->settings()), producerOf("mails"));
            NewJob late{"late"};
            const std::size_t colon = added.tree.key.rfind(':');
            late.opts.parent =
                ParentJob{added.tree.key.substr(colon + 1), added.tree.key.substr(0, colon)};
            assertEqual("", queue.add(late).message);
        }
        CPPUNIT_ASSERT(ports.size() > 1);
    }

    void handlersReachTheShardsOfEverySlot() {
        const Redis redis(cluster_->settings());
        const std::string own = Shards::nameOf("orders", 1);
        std::mutex mutex;
        std::vector<std::string> answers;
        auto handler = std::make_shared<FakeHandler>([&](std::span<RunningJob* const> jobs) {
            for (RunningJob* job : jobs) {
                std::string answer;
                job->call(HostCall::AddJobs,
                          R"([{"name":"a","queue":"mails"},{"name":"b","queue":"mails"},)"
                          R"({"name":"c","queue":"mails"},{"name":"d","queue":"mails"},)"
                          R"({"name":"e","queue":"plain"}])",
                          answer);
                const std::lock_guard lock(mutex);
                answers.push_back(answer);
                job->setOutcome({JobOutcome::Kind::Completed, "1", "", 0});
            }
        });
        const SystemClock clock;
        QueueSettings settings;
        settings.name = own;
        Worker worker(settings,
                      redis.shared().of("bull:" + own)->options(),
                      clock,
                      {handler},
                      {{"bull:mails", {Bullmq5::Auto, kFour}}});
        worker.start();
        Queue queue(redis, producerOf(own, 1));
        CPPUNIT_ASSERT(queue.add({"order"}).status == Status::Added);
        await("the job has ended", [&] { return worker.stats().completed == 1; });
        worker.drain();
        await("the worker has ended", [&] { return worker.finished(); });
        worker.stop();
        const std::lock_guard lock(mutex);
        assertStartsWith(answers.at(0),
                         R"([{"status":"added","id":"1"},{"status":"added","id":"1"},)"
                         R"({"status":"added","id":"1"},{"status":"added","id":"1"},)"
                         R"({"status":"rejected")");
        assertContains(answers.at(0), "bull:plain do not share a slot");
        for (const std::string& name : kFour.namesOf("mails")) {
            CPPUNIT_ASSERT_EQUAL(std::int64_t{1},
                                 QueueReader(redis, {"bull", name}).counts().waiting);
        }
    }

    void jobsInTurnPassAMasterThatIsAway() {
        Queue::Settings settings = producerOf("mails");
        settings.addTimeout = std::chrono::seconds(2);
        Queue queue(Redis(cluster_->settings()), settings);
        await("each shard is reached", [&] { return queue.healthy(); });
        const std::string away = Shards::nameOf("bull:mails", 2);
        RedisServer& master = cluster_->masterOf(away);
        master.stop(9);
        await("the producer has noticed", [&] { return !queue.healthy(); });
        assertStartsWith(queue.problem(), away + ": ");
        std::map<std::string, int> counts;
        for (int i = 0; i < 30; ++i) {
            const AddResult added = queue.add({"some"});
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                added.message, static_cast<int>(Status::Added), static_cast<int>(added.status));
            ++counts[added.queue];
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{kShards - 1}, counts.size());
        CPPUNIT_ASSERT_EQUAL(0, counts[away]);
        NewJob bound{"some"};
        for (int i = 0; kFour.shardOf(bound) != 2; ++i) {
            bound.opts.jobId = "id-" + std::to_string(i);
        }
        CPPUNIT_ASSERT(queue.add(bound).status == Status::Unavailable);
        master.start();
        // The node may be back before the others serve its slots again.
        await("the shard takes jobs again",
              [&] { return queue.add(bound).status == Status::Added; });
        await("no shard has a problem", [&] { return queue.healthy(); });
    }

private:
    static Queue::Settings producerOf(const std::string& name, int shards = kShards) {
        Queue::Settings settings;
        settings.name = name;
        settings.shards.count = shards;
        settings.addTimeout = kPatience;
        return settings;
    }

    std::unique_ptr<ClusterSet> cluster_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ShardedClusterTest);
