#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <Poco/Exception.h>
#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "drover/FlowProducer.h"
#include "drover/JobSchedulers.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;
using Strings = std::vector<std::string>;

}  // namespace

/// Section A: keys, meta, and names.
class KeySection : public Conformance {
public:
    using Conformance::Conformance;

    void c001_aPlainAddTouchesKeysOfItsQueueAlone() {
        untilIntroduced();  // The queue of now has written its meta.
        node("monitor.start");
        Queue::Settings settings;
        settings.name = queueName() + "-a";
        settings.addTimeout = std::chrono::seconds(10);
        Queue fresh(handleOf(options()), settings);
        CPPUNIT_ASSERT(fresh.add({"mail", "{}", {}}).status == AddResult::Status::Added);
        eventually("the script was seen", [&] { return seenKeys("EVALSHA").size() >= 10; });
        for (const std::string& name : seenKeys("EVALSHA")) {
            assertStartsWith(name, "bull:" + settings.name + ":");
        }
        for (const char* command : {"HSET",
                                    "HMGET",
                                    "HGET",
                                    "LPUSH",
                                    "INCRBY",
                                    "XADD",
                                    "ZADD",
                                    "XTRIM",
                                    "EXISTS",
                                    "LLEN",
                                    "ZCARD",
                                    "XLEN"}) {
            const rapidjson::Document all = seen(command);
            for (const auto& one : all.GetArray()) {
                assertStartsWith(one[1].GetString(), "bull:" + settings.name + ":");
            }
        }
    }

    void c002_anEmptyNameOrOneWithAColonIsRefused() {
        for (const char* name : {"", "a:b"}) {
            Queue::Settings settings;
            settings.name = name;
            CPPUNIT_ASSERT_THROW(Queue(handleOf(options()), settings),
                                 Poco::InvalidArgumentException);
        }
    }

    void c003_theLengthOfTheStreamIsInMeta() {
        untilIntroduced();
        assertEqual("10000", text({"HGET", key("meta"), "opts.maxLenEvents"}));
        node("queue.open", R"("opts": {"streams": {"events": {"maxLen": 500}}})");
        eventually("Node's value is there", [this] {
            return text({"HGET", key("meta"), "opts.maxLenEvents"}) == "500";
        });
        add(Side::Ours, "mail");
        share(bullmq5_);
        add(Side::Ours, "mail");
        assertEqual("500", text({"HGET", key("meta"), "opts.maxLenEvents"}));
    }

    void c004_withoutMetaTheFirstTrimWritesTheLength() {
        untilIntroduced();
        redis({"DEL", key("meta")});
        add(Side::Ours, "mail");
        assertEqual("10000", text({"HGET", key("meta"), "opts.maxLenEvents"}));
    }

    void c005_nodeReadsOurVersion() {
        untilIntroduced();
        node("queue.open", R"("opts": {"skipMetasUpdate": true})");
        const std::string version = nodeText("queue.getVersion");
        CPPUNIT_ASSERT_EQUAL("\"" + text({"HGET", key("meta"), "version"}) + "\"", version);
        assertStartsWith(version, "\"drover:");
    }

    void c006_theVersionDecidesNothing() {
        share(Bullmq5::Off);
        untilIntroduced();
        redis({"HSET", key("meta"), "paused", "1"});
        Strings ids;
        for (const char* version : {"bullmq:6.7.0", "bullmq:5.81.5", "bullmq:5.48.1", "x"}) {
            redis({"HSET", key("meta"), "version", version});
            ids.insert(ids.begin(), add(Side::Ours, "mail"));
        }
        assertEqual(joined(ids), joined(list(key("wait"))));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"paused"}));
    }

    void c007_oursWritesNoKeyThatNodesSweepRemoves() {
        std::atomic<bool> added{false};
        queue().addOnceAsync({{"mail", "{}", {}}},
                             {"key", "request", std::chrono::minutes(1)},
                             [&](const std::vector<AddResult>&) { added = true; });
        eventually("it is added", [&] { return added.load(); });
        const std::set<std::string> jobs = {"1",
                                            add(Side::Ours, "mail", "{}", R"({"priority":2})"),
                                            add(Side::Ours, "mail", "{}", R"({"delay":600000})"),
                                            add(Side::Ours, "fail")};
        startWorker(Side::Ours);
        keepLocks(options());
        weCheck(60000);
        eventually("the jobs ended", [&] {
            return number({"ZCARD", key("completed")}) + number({"ZCARD", key("failed")}) == 3;
        });
        eventually("lost jobs were looked for", [&] {
            return existing({"drover:rescue", "drover:rescue-shared"}) == 1;
        });
        stopWorker(Side::Ours);
        JobSchedulers schedulers(handleOf(options()), {"bull", queueName()});
        RepeatOptions repeat;
        repeat.every = std::chrono::hours(1);
        CPPUNIT_ASSERT(schedulers.upsert("hourly", repeat, {"mail"}).has_value());

        const std::set<std::string> table = {"meta",
                                             "id",
                                             "wait",
                                             "paused",
                                             "active",
                                             "prioritized",
                                             "delayed",
                                             "marker",
                                             "events",
                                             "pc",
                                             "completed",
                                             "waiting-children",
                                             "failed",
                                             "repeat",
                                             "stalled",
                                             "limiter",
                                             "stalled-check"};
        const Strings before = suffixes();
        CPPUNIT_ASSERT(std::find(before.begin(), before.end(), "drover:once:key") != before.end());
        for (const std::string& suffix : before) {
            CPPUNIT_ASSERT_MESSAGE(suffix,
                                   suffix.find(':') != std::string::npos ||
                                       table.count(suffix) == 1 || jobs.count(suffix) == 1);
        }
        CPPUNIT_ASSERT_EQUAL(0, node("queue.removeOrphanedJobs").GetInt());
        CPPUNIT_ASSERT(suffixes() == before);
    }

    void c008_aBracedPrefixKeepsAFlowInOneSlot() {
        const auto cluster = startCluster();
        const RedisOptions there = optionsAt(static_cast<std::uint16_t>(cluster->port()));
        FlowJob flow;
        flow.queue = "parents";
        flow.job.name = "sum";
        flow.children.resize(2);
        for (FlowJob& child : flow.children) {
            child.queue = "children";
            child.job.name = "mail";
        }
        FlowProducer braced(handleOf(there), {"{bull}", Bullmq5::Auto});
        const FlowResult added = braced.add(flow);
        CPPUNIT_ASSERT_MESSAGE(added.message, added.status == AddResult::Status::Added);
        RedisClient direct(there, "cluster");
        const auto slotOf = [&](const std::string& key) {
            return direct.call(Command{"CLUSTER", "KEYSLOT", key}).integer();
        };
        CPPUNIT_ASSERT_EQUAL(slotOf("{bull}:parents:wait"), slotOf("{bull}:children:wait"));
        workUntilCompleted(there, "{bull}", "children", 2);
        workUntilCompleted(there, "{bull}", "parents", 1);
    }

    void c009_aBracedNameWorksOnAClusterNode() {
        const auto cluster = startCluster();
        const RedisOptions there = optionsAt(static_cast<std::uint16_t>(cluster->port()));
        Queue::Settings settings;
        settings.name = "{q}";
        settings.addTimeout = std::chrono::seconds(10);
        WholeQueue ours(there, settings);
        for (const char* opts : {"{}",
                                 R"({"priority":3})",
                                 R"({"delay":1})",
                                 R"({"deduplication":{"id":"once"}})",
                                 R"({"deduplication":{"id":"once"}})"}) {
            const AddResult added = ours.add({"mail", "{}", JobOptions::parse(opts)});
            CPPUNIT_ASSERT_MESSAGE(added.message, added.status == AddResult::Status::Added);
        }
        workUntilCompleted(there, "bull", "{q}", 4);
    }

    void c010_aPrefixOfOnesOwnWorksBothWays() {
        Queue::Settings settings;
        settings.prefix = "acme";
        settings.name = queueName();
        settings.addTimeout = std::chrono::seconds(10);
        WholeQueue ours(options(), settings);
        const std::string prefix = "acme:" + queueName() + ":";
        node("worker.start", R"("worker": "acme", "behaviours": {}, "opts": {"prefix": "acme"})");
        const std::string id = ours.add({"mail", "{}", {}}).id;
        eventually("Node ran our job", [&] {
            return number({"ZCARD", prefix + "completed"}) == 1;
        });
        node("worker.close", R"("worker": "acme")");

        node("queue.open", R"("opts": {"prefix": "acme"})");
        const std::string theirs = add(Side::Node, "mail");
        CPPUNIT_ASSERT(ours.job(theirs).has_value());
        workUntilCompleted(options(), "acme", queueName(), 2);
        const Reply left = redis({"KEYS", prefix + "*"});
        for (std::size_t i = 0; i < left.size(); ++i) {
            redis({"DEL", std::string(left.at(i).text())});
        }
        CPPUNIT_ASSERT(id != theirs);
    }

    void c011_relayKeysAreLeftAlone() {
        redis({"HSET", "bull::relay:x", "a", "1"});
        redis({"LPUSH", "bull::relay:wait", "7"});
        startWorker(Side::Ours);
        untilState(add(Side::Ours, "mail"), "completed");
        rescueLost(ours());
        assertEqual("1", text({"HGET", "bull::relay:x", "a"}));
        assertEqual("7", joined(list("bull::relay:wait")));
        redis({"DEL", "bull::relay:x", "bull::relay:wait"});
    }

    void c012_nodeFindsTheWorkerOfAQueueBeyondAscii() {
        useQueue(queueName() + "-żółw");
        startWorker(Side::Ours);
        untilIdle();
        const rapidjson::Document workers = node("queue.getWorkers");
        CPPUNIT_ASSERT_EQUAL(1u, workers.Size());
        untilState(add(Side::Node, "mail"), "completed");
    }

private:
    /// A cluster of one node.
    std::unique_ptr<RedisServer> startCluster() {
        // By itself the second port is 10000 above the first one, which may be beyond all ports.
        auto cluster = std::make_unique<RedisServer>(std::vector<std::string>{
            "--cluster-enabled", "yes", "--cluster-port", std::to_string(freePort())});
        RedisClient direct(optionsAt(static_cast<std::uint16_t>(cluster->port())), "cluster");
        direct.call(Command{"CLUSTER", "ADDSLOTSRANGE", "0", "16383"});
        eventually("the cluster is up", [&] {
            return direct.call(Command{"CLUSTER", "INFO"}).text().find("cluster_state:ok") !=
                   std::string_view::npos;
        });
        return cluster;
    }
    /// A worker of ours that is not on the fixture's queue works until so many jobs have completed.
    void workUntilCompleted(const RedisOptions& there,
                            const std::string& prefix,
                            const std::string& name,
                            std::int64_t count) {
        QueueSettings worked = settings_;
        worked.prefix = prefix;
        worked.name = name;
        auto handler = std::make_shared<FakeHandler>([](std::span<RunningJob* const> jobs) {
            for (RunningJob* job : jobs) {
                job->setOutcome({JobOutcome::Kind::Completed, "{}", "", 0});
            }
        });
        Worker worker(
            worked, there, clock_, std::vector<std::shared_ptr<HandlerType>>{std::move(handler)});
        worker.start();
        RedisClient direct(there, "look");
        const std::string completed = prefix + ":" + name + ":completed";
        eventually("we ran them", [&] {
            return direct.call(Command{"ZCARD", completed}).integer() == count;
        });
        worker.drain();
        eventually("our worker finished", [&] { return worker.finished(); });
    }
    /// Waits until Drover's queue has stored its version.
    void untilIntroduced() {
        eventually("meta is there", [this] {
            return number({"HEXISTS", key("meta"), "version"}) == 1;
        });
    }
    rapidjson::Document seen(const std::string& command) {
        return node("monitor.seen", "\"command\": \"" + command + "\"");
    }
    /// Returns the keys of the calls of scripts.
    Strings seenKeys(const std::string& command) {
        Strings names;
        const rapidjson::Document all = seen(command);
        for (const auto& one : all.GetArray()) {
            for (rapidjson::SizeType i = 3; i < 3 + std::stoul(one[2].GetString()); ++i) {
                names.emplace_back(one[i].GetString());
            }
        }
        return names;
    }
};

namespace {

const Statements<KeySection> kRegistered(
    {STATEMENT(KeySection, c001_aPlainAddTouchesKeysOfItsQueueAlone),
     STATEMENT(KeySection, c002_anEmptyNameOrOneWithAColonIsRefused),
     STATEMENT(KeySection, c003_theLengthOfTheStreamIsInMeta),
     STATEMENT(KeySection, c004_withoutMetaTheFirstTrimWritesTheLength),
     STATEMENT(KeySection, c005_nodeReadsOurVersion),
     STATEMENT(KeySection, c006_theVersionDecidesNothing),
     STATEMENT(KeySection, c007_oursWritesNoKeyThatNodesSweepRemoves),
     STATEMENT(KeySection, c008_aBracedPrefixKeepsAFlowInOneSlot),
     STATEMENT(KeySection, c009_aBracedNameWorksOnAClusterNode),
     STATEMENT(KeySection, c010_aPrefixOfOnesOwnWorksBothWays),
     STATEMENT(KeySection, c011_relayKeysAreLeftAlone),
     STATEMENT(KeySection, c012_nodeFindsTheWorkerOfAQueueBeyondAscii)});

}  // namespace
