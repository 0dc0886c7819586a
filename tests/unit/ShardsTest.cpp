#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "core/HashSlot.h"
#include "core/QueueSettings.h"
#include "drover/Queue.h"
#include "drover/Shards.h"
#include "queue/FlowShards.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;

const Shards kFour{4, ""};

FlowJob node(const std::string& queue, std::vector<FlowJob> children = {}) {
    FlowJob flow;
    flow.queue = queue;
    flow.job.name = "job";
    flow.children = std::move(children);
    return flow;
}

NewJob withData(const std::string& data) {
    NewJob job;
    job.data = data;
    return job;
}

}  // namespace

/// One queue is spread over several: their names, and which one has a job.
class ShardsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ShardsTest);
    CPPUNIT_TEST(aShardHasANumberInItsName);
    CPPUNIT_TEST(fourMastersOfEqualSizeHaveOneShardEach);
    CPPUNIT_TEST(aTextAlwaysDecidesOnOneShard);
    CPPUNIT_TEST(aMemberOfTheDataDecides);
    CPPUNIT_TEST(idsDecideWithoutIt);
    CPPUNIT_TEST(childrenFollowTheirParent);
    CPPUNIT_TEST(aNumberIsDividedWithoutRest);
    CPPUNIT_TEST(aShardHasItsPartOfTheSettings);
    CPPUNIT_TEST(aFlowHasOneNumber);
    CPPUNIT_TEST(aFlowOverUnequalShardsIsRefused);
    CPPUNIT_TEST_SUITE_END();

public:
    void aShardHasANumberInItsName() {
        CPPUNIT_ASSERT(
            kFour.namesOf("mails") ==
            (std::vector<std::string>{"mails-{0}", "mails-{1}", "mails-{2}", "mails-{3}"}));
        CPPUNIT_ASSERT(Shards().namesOf("mails") == std::vector<std::string>{"mails"});
        for (int shard = 0; shard < Shards::kMost; ++shard) {
            CPPUNIT_ASSERT(Shards::numberOf("bull:" + Shards::nameOf("mails", shard)) == shard);
        }
        for (const char* other : {"",
                                  "mails",
                                  "mails-{}",
                                  "mails-{01}",
                                  "mails-{-1}",
                                  "mails-{64}",
                                  "mails-{1}x",
                                  "mails{1}",
                                  "-{1}",
                                  "mails-{ 1}",
                                  "mails-{99999999999}"}) {
            CPPUNIT_ASSERT_MESSAGE(other, !Shards::numberOf(other));
        }
    }

    void fourMastersOfEqualSizeHaveOneShardEach() {
        std::set<int> masters;
        for (const std::string& name : kFour.namesOf("mails")) {
            masters.insert(hashSlot("bull:" + name) * 4 / 16384);
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, masters.size());
    }

    void aTextAlwaysDecidesOnOneShard() {
        // Producers of another language find the same shard: CRC16 of the text, modulo the slots, modulo the shards.
        CPPUNIT_ASSERT_EQUAL(12739 % 4, kFour.shardOf("123456789"));
        std::vector<int> counts(4);
        for (int i = 0; i < 4000; ++i) {
            ++counts.at(static_cast<std::size_t>(kFour.shardOf("customer-" + std::to_string(i))));
        }
        for (const int count : counts) {
            CPPUNIT_ASSERT_MESSAGE(std::to_string(count), count > 800 && count < 1200);
        }
        assertEqual("mails-{" + std::to_string(12739 % 4) + "}",
                    kFour.nameFor("mails", "123456789"));
        assertEqual("mails", Shards().nameFor("mails", "123456789"));
    }

    void aMemberOfTheDataDecides() {
        const Shards byCustomer{4, "customer"};
        const int seven = byCustomer.shardOf("7");
        CPPUNIT_ASSERT(byCustomer.shardOf(withData(R"({"customer":7})")) == seven);
        CPPUNIT_ASSERT(byCustomer.shardOf(withData(R"({"customer":"7","n":1})")) == seven);
        CPPUNIT_ASSERT(byCustomer.shardOf(withData(R"({"customer":"\u0037"})")) == seven);
        NewJob job = withData(R"({"customer":7})");
        job.opts.jobId = "other-than-7";
        CPPUNIT_ASSERT(byCustomer.shardOf(job) == seven);
        for (const char* data :
             {"{}", R"({"customer":null})", R"({"order":{"customer":7}})", "[7]", "7", "no JSON"}) {
            CPPUNIT_ASSERT_MESSAGE(data, !byCustomer.shardOf(withData(data)));
            job.data = data;
            CPPUNIT_ASSERT_MESSAGE(data,
                                   byCustomer.shardOf(job) == byCustomer.shardOf("other-than-7"));
        }
    }

    void idsDecideWithoutIt() {
        NewJob job;
        CPPUNIT_ASSERT(!kFour.shardOf(job));
        job.opts.jobId = "b";
        CPPUNIT_ASSERT(kFour.shardOf(job) == kFour.shardOf("b"));
        CPPUNIT_ASSERT(kFour.shardOf("a") != kFour.shardOf("b"));
        job.opts.deduplication = Deduplication{"a"};
        CPPUNIT_ASSERT(kFour.shardOf(job) == kFour.shardOf("a"));
    }

    void childrenFollowTheirParent() {
        NewJob job;
        job.opts.jobId = "a";
        for (int shard = 0; shard < 4; ++shard) {
            const std::string parent = Shards::nameOf("bull:orders", shard);
            CPPUNIT_ASSERT(kFour.shardOf(job, parent) == shard);
            job.opts.parent = ParentJob{"1", parent};
            CPPUNIT_ASSERT(kFour.shardOf(job) == shard);
            job.opts.parent.reset();
        }
        CPPUNIT_ASSERT(kFour.shardOf(job, "bull:orders-{4}") == kFour.shardOf("a"));
        CPPUNIT_ASSERT(kFour.shardOf(job, "bull:orders") == kFour.shardOf("a"));
    }

    void aNumberIsDividedWithoutRest() {
        for (const std::int64_t whole : {0, 1, 3, 4, 5, 10, 256}) {
            std::int64_t sum = 0;
            for (int shard = 0; shard < 4; ++shard) {
                sum += kFour.partOf(whole, shard);
                CPPUNIT_ASSERT(whole == 0 || kFour.partOf(whole, shard) >= 1);
            }
            CPPUNIT_ASSERT_EQUAL(whole == 0 ? 0 : std::max<std::int64_t>(whole, 4), sum);
        }
    }

    void aShardHasItsPartOfTheSettings() {
        QueueSettings settings;
        settings.name = "mails";
        settings.shards = 4;
        settings.shardBy = "customer";
        settings.threads = 6;
        settings.concurrency = 10;
        settings.limiterMax = 9;
        settings.batchSize = 32;
        const QueueSettings first = shardOf(settings, 0);
        const QueueSettings last = shardOf(settings, 3);
        assertEqual("mails-{0}", first.name);
        assertEqual("mails-{3}", last.name);
        CPPUNIT_ASSERT_EQUAL(1, last.shards);
        assertEqual("", last.shardBy);
        CPPUNIT_ASSERT_EQUAL(2, first.threads);
        CPPUNIT_ASSERT_EQUAL(1, last.threads);
        CPPUNIT_ASSERT_EQUAL(3, first.concurrency);
        CPPUNIT_ASSERT_EQUAL(2, last.concurrency);
        CPPUNIT_ASSERT_EQUAL(3, first.limiterMax);
        CPPUNIT_ASSERT_EQUAL(settings.maxBytes / 4, last.maxBytes);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, last.maxDepth);
        CPPUNIT_ASSERT_EQUAL(32, last.batchSize);
        settings.shards = 1;
        assertEqual("mails", shardOf(settings, 0).name);
        CPPUNIT_ASSERT_EQUAL(6, shardOf(settings, 0).threads);
    }

    void aFlowHasOneNumber() {
        const ShardedQueues sharded = {{"orders", kFour}, {"mails", kFour}};
        FlowJob flow =
            node("orders", {node("mails"), node("orders", {node("mails")}), node("plain")});
        flow.job.opts.jobId = "mine";
        assertEqual("", placeFlow(flow, sharded, ""));
        const int number = kFour.shardOf("mine");
        assertEqual(Shards::nameOf("orders", number), flow.queue);
        assertEqual(Shards::nameOf("mails", number), flow.children[0].queue);
        assertEqual(Shards::nameOf("mails", number), flow.children[1].children[0].queue);
        assertEqual("plain", flow.children[2].queue);

        FlowJob named = node("orders-{2}", {node("mails")});
        assertEqual("", placeFlow(named, sharded, "key"));
        assertEqual("mails-{2}", named.children[0].queue);
        FlowJob once = node("orders");
        assertEqual("", placeFlow(once, sharded, "key"));
        assertEqual(kFour.nameFor("orders", "key"), once.queue);
        std::set<std::string> queues;
        for (int i = 0; i < 1000; ++i) {
            FlowJob any = node("orders");
            assertEqual("", placeFlow(any, sharded, ""));
            queues.insert(any.queue);
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, queues.size());
    }

    void aFlowOverUnequalShardsIsRefused() {
        FlowJob flow = node("orders", {node("mails")});
        assertEqual(
            "the queue orders has 4 shards and mails 2: the jobs of a flow are in shards of one "
            "number, so their queues must have as many",
            placeFlow(flow, {{"orders", kFour}, {"mails", {2, ""}}}, ""));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ShardsTest);
