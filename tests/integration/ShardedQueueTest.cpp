#include <future>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "drover/FlowProducer.h"
#include "drover/Json.h"
#include "drover/Metrics.h"
#include "drover/Queue.h"
#include "drover/operate/QueueOverview.h"
#include "support/Assert.h"
#include "support/WholeQueue.h"
#include "support/WorkerFixture.h"

namespace {

using namespace drover;
using namespace drover::test;
using Status = AddResult::Status;

constexpr int kShards = 4;

NewJob named(const std::string& name) {
    NewJob job;
    job.name = name;
    return job;
}

NewJob withId(const std::string& id) {
    NewJob job = named("custom");
    job.opts.jobId = id;
    return job;
}

}  // namespace

/// One queue over several queues of one Redis: where its jobs go, and what is seen of it as a whole.
class ShardedQueueTest : public WorkerFixture {
    CPPUNIT_TEST_SUITE(ShardedQueueTest);
    CPPUNIT_TEST(jobsGoToTheShardsInTurn);
    CPPUNIT_TEST(anIdIsKnownWhicheverProducerAddsIt);
    CPPUNIT_TEST(aMemberOfTheDataChoosesTheShard);
    CPPUNIT_TEST(anAddThatHappensOnceGoesToOneShard);
    CPPUNIT_TEST(eachJobOfACallHasItsOwnResult);
    CPPUNIT_TEST(aShardHasItsPartOfTheBound);
    CPPUNIT_TEST(theLoadIsThatOfAllShards);
    CPPUNIT_TEST(aFlowLiesInShardsOfOneNumber);
    CPPUNIT_TEST(handlersAddToTheShards);
    CPPUNIT_TEST(theOverviewHasOneQueue);
    CPPUNIT_TEST(aWrongNumberOfShardsIsRefused);
    CPPUNIT_TEST_SUITE_END();

public:
    void tearDown() override {
        queue_.reset();
        for (int shard = 0; shard < kShards; ++shard) {
            removeQueue(Shards::nameOf(name(), shard));
        }
        WorkerFixture::tearDown();
    }

    void jobsGoToTheShardsInTurn() {
        open();
        std::map<std::string, int> counts;
        for (int i = 0; i < 2 * kShards; ++i) {
            const AddResult added = queue_->add(named("one"));
            CPPUNIT_ASSERT(added.status == Status::Added);
            ++counts[added.queue];
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{kShards}, counts.size());
        for (int shard = 0; shard < kShards; ++shard) {
            CPPUNIT_ASSERT_EQUAL(2, counts["bull:" + Shards::nameOf(name(), shard)]);
            CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, waiting(shard));
        }
        const AddResult added = queue_->add(named("two"));
        assertEqual(added.queue, addedJob(named("two"), added, "other").queueQualifiedName);
        // No queue has the name of all.
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().wait}));
        assertEqual("bull:" + name(), queue_->qualifiedName());
        Metrics metrics;
        queue_->measure(metrics);
        for (const MetricFamily::Sample& sample : metrics.samples("drover_jobs_added_total")) {
            assertEqual(name(), sample.label("queue"));
            CPPUNIT_ASSERT_EQUAL(sample.label("result") == "added" ? 9.0 : 0.0, sample.value);
        }
    }

    void anIdIsKnownWhicheverProducerAddsIt() {
        std::set<std::string> shards;
        for (int i = 0; i < 3; ++i) {
            open();
            for (int id = 0; id < 20; ++id) {
                const AddResult added = queue_->add(withId("id-" + std::to_string(id)));
                CPPUNIT_ASSERT(added.match ==
                               (i == 0 ? AddResult::Match::None : AddResult::Match::Id));
                shards.insert(added.queue);
            }
            NewJob once = named("once");
            once.opts.deduplication = Deduplication{"only"};
            CPPUNIT_ASSERT(queue_->add(once).match ==
                           (i == 0 ? AddResult::Match::None : AddResult::Match::Deduplication));
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{kShards}, shards.size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{21}, waiting());
    }

    void aMemberOfTheDataChoosesTheShard() {
        open({kShards, "customer"});
        std::map<int, std::set<std::string>> queues;
        for (int i = 0; i < 40; ++i) {
            NewJob job = named("order");
            job.data = R"({"customer":)" + std::to_string(i % 10) + "}";
            queues[i % 10].insert(queue_->add(job).queue);
        }
        std::set<std::string> all;
        for (const auto& [customer, its] : queues) {
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, its.size());
            all.insert(its.begin(), its.end());
        }
        CPPUNIT_ASSERT(all.size() > 1);
    }

    void anAddThatHappensOnceGoesToOneShard() {
        AddOnce once;
        once.key = "request";
        once.fingerprint = "content";
        open();
        const std::vector<NewJob> jobs = {named("a"), withId("mine"), named("b")};
        const auto first = addOnce(jobs, once);
        assertEqual(first[0].queue, first[2].queue);
        open();
        const auto again = addOnce(jobs, once);
        for (std::size_t i = 0; i < first.size(); ++i) {
            CPPUNIT_ASSERT(again[i].repeated);
            assertEqual(first[i].queue, again[i].queue);
            assertEqual(first[i].id, again[i].id);
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, waiting());
        once.fingerprint = "another content";
        CPPUNIT_ASSERT(addOnce({named("a")}, once)[0].status == Status::KeyTaken);
    }

    void eachJobOfACallHasItsOwnResult() {
        open();
        std::vector<NewJob> jobs;
        for (int i = 0; i < 1500; ++i) {
            jobs.push_back(i % 100 == 99 ? withId("7") : withId("job-" + std::to_string(i)));
        }
        const auto results = queue_->addBulk(jobs, Queue::Clock::now() + kPatience);
        CPPUNIT_ASSERT_EQUAL(jobs.size(), results.size());
        for (std::size_t i = 0; i < results.size(); ++i) {
            if (i % 100 == 99) {
                CPPUNIT_ASSERT(results[i].status == Status::Rejected);
            } else {
                assertEqual("job-" + std::to_string(i), results[i].id);
                CPPUNIT_ASSERT_EQUAL(std::int64_t{1},
                                     number({"EXISTS", results[i].queue + ":" + results[i].id}));
            }
        }
        CPPUNIT_ASSERT(queue_->addBulk({}, Queue::Clock::now() + kPatience).empty());
    }

    void aShardHasItsPartOfTheBound() {
        admission_.maxDepth = 2 * kShards;
        open();
        eventually("the load is known", [this] { return queue_->load().has_value(); });
        int full = 0;
        for (int i = 0; i < 3 * kShards; ++i) {
            full += queue_->add(named("one")).status == Status::QueueFull ? 1 : 0;
        }
        CPPUNIT_ASSERT_EQUAL(kShards, full);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2 * kShards}, waiting());
    }

    void theLoadIsThatOfAllShards() {
        open();
        for (int i = 0; i < 6; ++i) {
            queue_->add(named("one"));
        }
        eventually("all shards are sampled", [this] {
            const auto load = queue_->load();
            return load && load->waiting == 6;
        });
    }

    void aFlowLiesInShardsOfOneNumber() {
        FlowProducer flows(handleOf(options()), {.sharded = {{name(), {kShards, ""}}}});
        FlowJob child;
        child.queue = name();
        child.job = named("child");
        FlowJob root;
        root.queue = name();
        root.job = withId("root");
        root.children = {child, child};
        const FlowResult added = flows.add(root);
        assertEqual("", added.message);
        const std::string shard = "bull:" + Shards{kShards, ""}.nameFor(name(), "root");
        assertEqual(shard + ":root", added.tree.key);
        for (const FlowNode& node : added.tree.children) {
            assertStartsWith(node.key, shard + ":");
        }
        AddOnce once;
        once.key = "tree";
        root.job = named("root");
        const FlowResult first = flows.addOnce(root, once);
        const FlowResult again = flows.addOnce(root, once);
        CPPUNIT_ASSERT(again.repeated);
        assertEqual(first.tree.key, again.tree.key);
        assertEqual(first.tree.children[1].key, again.tree.children[1].key);
    }

    void handlersAddToTheShards() {
        const Shards shards{kShards, ""};
        targets_ = {{"bull:" + name() + "-x", {Bullmq5::Auto, {}}},
                    {"bull:" + name(), {Bullmq5::Auto, shards}}};
        const std::string own = name() + "-own";
        std::string jobs = "[";
        for (int i = 0; i < 2 * kShards; ++i) {
            jobs += R"({"name":"x","queue":")" + name() + R"("},)";
        }
        jobs += R"({"name":"x","queue":")" + name() + R"(","opts":{"jobId":"mine"}}])";
        ClientPool clients([this] { return std::make_unique<RedisClient>(options(), "host"); }, 1);
        const QueueContext context(QueueKeys("bull", own));
        const JobCalls calls(context, clients, "", targets_);
        ClaimedJob job;
        job.id = "1";
        job.queue = "bull:" + own;
        std::string answer;
        CPPUNIT_ASSERT(calls.call(job, {}, {}, HostCall::AddJobs, jobs, answer) == HostStatus::Ok);
        for (int shard = 0; shard < kShards; ++shard) {
            CPPUNIT_ASSERT_EQUAL(std::int64_t{shards.shardOf("mine") == shard ? 3 : 2},
                                 waiting(shard));
        }
        // A scheduler has all its jobs in the shard of its id.
        CPPUNIT_ASSERT(
            calls.call(job,
                       {},
                       {},
                       HostCall::UpsertScheduler,
                       R"({"queue":")" + name() + R"(","id":"nightly","repeat":{"every":60000}})",
                       answer) == HostStatus::Ok);
        const std::string at = "bull:" + shards.nameFor(name(), "nightly");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"EXISTS", at + ":repeat"}));
        CPPUNIT_ASSERT(calls.call(job,
                                  {},
                                  {},
                                  HostCall::RemoveScheduler,
                                  R"({"queue":")" + name() + R"(","id":"nightly"})",
                                  answer) == HostStatus::Ok);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", at + ":repeat"}));
    }

    void theOverviewHasOneQueue() {
        useOwnServer();
        open();
        for (int i = 0; i < 10; ++i) {
            NewJob job = named("one");
            job.opts.delayMs = i < 3 ? 60000 : 0;
            queue_->add(job);
        }
        redis({"HSET", "bull:" + Shards::nameOf(name(), 0) + ":meta", "paused", "1"});
        QueueOverview overview(
            handleOf(options()), "bull", {{name(), {kShards, ""}}, {"unused", {2, ""}}});
        CPPUNIT_ASSERT(overview.names() == std::vector<std::string>{name()});
        const auto found = overview.look({name(), Shards::nameOf(name(), 1), "unused"});
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, found.size());
        assertEqual(name(), found[0].name);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, found[0].counts.delayed);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, found[0].waiting());
        CPPUNIT_ASSERT(!found[0].paused);
        CPPUNIT_ASSERT(found[0].oldestWaitMs.has_value());
        assertEqual(Shards::nameOf(name(), 1), found[1].name);
        CPPUNIT_ASSERT_EQUAL(waiting(1), found[1].waiting());
        assertEqual("unused", found[2].name);
        CPPUNIT_ASSERT(!found[2].oldestWaitMs);
        for (int shard = 1; shard < kShards; ++shard) {
            redis({"HSET", "bull:" + Shards::nameOf(name(), shard) + ":meta", "paused", "1"});
        }
        CPPUNIT_ASSERT(overview.look({name()})[0].paused);
        redis({"DEL", "bull:" + Shards::nameOf(name(), 2) + ":wait"});
        redis({"SET", "bull:" + Shards::nameOf(name(), 2) + ":wait", "text"});
        const QueueSummary broken = overview.look({name()})[0];
        assertEqual(name(), broken.name);
        assertStartsWith(broken.problem, Shards::nameOf(name(), 2) + ": WRONGTYPE");
        // Another number of shards is another queue.
        QueueOverview two(handleOf(options()), "bull", {{name(), {2, ""}}});
        const std::vector<std::string> expected = {
            name(), Shards::nameOf(name(), 2), Shards::nameOf(name(), 3)};
        CPPUNIT_ASSERT(two.names() == expected);
        queue_.reset();
    }

    void aWrongNumberOfShardsIsRefused() {
        for (const int count : {-1, 0, Shards::kMost + 1}) {
            CPPUNIT_ASSERT_THROW(open({count, ""}), Poco::InvalidArgumentException);
        }
    }

private:
    [[nodiscard]] std::string name() const { return keys().qualifiedName().substr(5); }

    void open(const Shards& shards = {kShards, ""}) {
        queue_.reset();
        Queue::Settings settings;
        settings.name = name();
        settings.shards = shards;
        settings.addTimeout = std::chrono::seconds(10);
        settings.admission = admission_;
        queue_ = std::make_unique<Queue>(handleOf(options()), settings);
        // Turns go past a shard that has no connection yet.
        eventually("every shard is connected", [this] { return queue_->healthy(); });
    }

    std::vector<AddResult> addOnce(std::vector<NewJob> jobs, const AddOnce& once) {
        const auto promise = std::make_shared<std::promise<std::vector<AddResult>>>();
        std::future<std::vector<AddResult>> results = promise->get_future();
        queue_->addOnceAsync(std::move(jobs), once, [promise](std::vector<AddResult> all) {
            promise->set_value(std::move(all));
        });
        return results.get();
    }

    [[nodiscard]] std::int64_t waiting(int shard) {
        return number({"LLEN", "bull:" + Shards::nameOf(name(), shard) + ":wait"});
    }
    [[nodiscard]] std::int64_t waiting() {
        std::int64_t all = 0;
        for (int shard = 0; shard < kShards; ++shard) {
            all += waiting(shard);
        }
        return all;
    }
    void removeQueue(const std::string& queue) {
        const Reply keys = redis({"KEYS", "bull:" + queue + ":*"});
        for (std::size_t i = 0; i < keys.size(); ++i) {
            redis({"DEL", std::string(keys.at(i).text())});
        }
    }

    Queue::Admission admission_;
    std::unique_ptr<Queue> queue_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ShardedQueueTest);
