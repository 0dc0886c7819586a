#include <algorithm>
#include <functional>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/FlowProducer.h"
#include "queue/ops/Advance.h"
#include "support/Assert.h"
#include "support/RedisFixture.h"
#include "support/WholeQueue.h"

namespace {

using namespace drover;
using namespace drover::test;
using Status = AddResult::Status;
using Strings = std::vector<std::string>;

const AddOnce kOnce{"key-1", "content"};

}  // namespace

/// Trees of jobs as they are added: all of a tree or nothing, whatever is there already.
class FlowProducerTest : public RedisFixture {
    CPPUNIT_TEST_SUITE(FlowProducerTest);
    CPPUNIT_TEST(aTreeIsStoredAsBullmqStoresIt);
    CPPUNIT_TEST(jobsAreStoredLevelByLevel);
    CPPUNIT_TEST(childrenGoWhereTheirOptionsSay);
    CPPUNIT_TEST(theEffectOfAFailureIsInTheParentField);
    CPPUNIT_TEST(theResultHasTheTreeAsStored);
    CPPUNIT_TEST(aRootMayHaveAParentOfItsOwn);
    CPPUNIT_TEST(aRootWithoutItsParentAddsNothing);
    CPPUNIT_TEST(aRootOfAnotherParentAddsNothing);
    CPPUNIT_TEST(anExistingRootGetsTheChildren);
    CPPUNIT_TEST(aJobAloneMayBeDeduplicated);
    CPPUNIT_TEST(childrenThatHadCompletedReleaseTheParentAtTheEnd);
    CPPUNIT_TEST(anExistingChildIsWaitedFor);
    CPPUNIT_TEST(aChildOfAnotherParentStaysThere);
    CPPUNIT_TEST(aChildWhoseParentIsGoneIsAdopted);
    CPPUNIT_TEST(oneIdTwiceInATreeIsOneJob);
    CPPUNIT_TEST(aPausedQueueOf5xGetsItsJobsInPaused);
    CPPUNIT_TEST(whileClosedThereIsNoMarker);
    CPPUNIT_TEST(anyKeyOfAnotherTypeStoresNothing);
    CPPUNIT_TEST(badInputIsRejectedAndStoresNothing);
    CPPUNIT_TEST(aTreeHasAtMostTenThousandJobs);
    CPPUNIT_TEST(aBulkIsOneResultPerTree);
    CPPUNIT_TEST(aTreeWithAKeyIsAddedOnce);
    CPPUNIT_TEST(anotherContentOfAKeyAddsNothing);
    CPPUNIT_TEST(aRefusedTreeLeavesItsKeyFree);
    CPPUNIT_TEST(aJobAloneWithAKeyIsAddedOnce);
    CPPUNIT_TEST(aBadKeyOrRecordAddsNothing);
    CPPUNIT_TEST(withoutRedisATreeIsUnavailable);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        RedisFixture::setUp();
        const std::string qualified = keys().qualifiedName();
        name_ = qualified.substr(qualified.find(':') + 1);
        producer_ = std::make_unique<FlowProducer>(handleOf(options()), FlowProducer::Settings{});
    }

    void aTreeIsStoredAsBullmqStoresIt() {
        const QueueKeys other("bull", name_ + "-other");
        FlowJob flow = job("sum", {job("part"), job("far")});
        flow.children[1].queue = name_ + "-other";
        flow.children[1].job.data = "{\"n\":1}";
        const FlowNode tree = added(flow);
        const std::string root = tree.job->id;
        const std::string part = tree.children[0].job->id;
        const std::string far = tree.children[1].job->id;

        auto fields = hash(root);
        CPPUNIT_ASSERT_EQUAL(std::to_string(tree.job->timestampMs), fields["timestamp"]);
        fields.erase("timestamp");
        CPPUNIT_ASSERT(fields == (std::map<std::string, std::string>{{"name", "sum"},
                                                                     {"data", "{}"},
                                                                     {"opts", "{\"attempts\":0}"},
                                                                     {"delay", "0"},
                                                                     {"priority", "0"}}));
        const std::string parentId = R"({"id":")" + root + R"(",)";
        CPPUNIT_ASSERT_EQUAL(keys().job(root), text({"HGET", other.job(far), "parentKey"}));
        CPPUNIT_ASSERT_EQUAL(parentId + R"("queueKey":")" + keys().qualifiedName() + "\"}",
                             text({"HGET", other.job(far), "parent"}));
        CPPUNIT_ASSERT_EQUAL(R"({"attempts":0,"parent":)" + parentId + R"("queue":")" +
                                 keys().qualifiedName() + "\"}}",
                             text({"HGET", other.job(far), "opts"}));
        assertEqual("{\"n\":1}", text({"HGET", other.job(far), "data"}));

        CPPUNIT_ASSERT_EQUAL(fieldOf(root, "timestamp"),
                             text({"ZSCORE", keys().waitingChildren, root}));
        CPPUNIT_ASSERT(list(keys().wait) == Strings{part});
        CPPUNIT_ASSERT(list(other.wait) == Strings{far});
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2},
                             number({"SCARD", keys().job(root + ":dependencies")}));
        CPPUNIT_ASSERT_EQUAL(
            std::int64_t{1},
            number({"SISMEMBER", keys().job(root + ":dependencies"), other.job(far)}));
        CPPUNIT_ASSERT(events() == (Strings{"added " + root + " name=sum",
                                            "waiting-children " + root,
                                            "added " + part + " name=part",
                                            "waiting " + part}));
        assertEqual("2", text({"GET", keys().idCounter}));
        assertEqual("1", text({"GET", other.idCounter}));
        for (const QueueKeys* queue : {&keys(), &other}) {
            assertEqual("0", text({"ZSCORE", queue->marker, "0"}));
            assertEqual("10000", text({"HGET", queue->meta, "opts.maxLenEvents"}));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"HEXISTS", queue->meta, "version"}));
        }
    }

    void jobsAreStoredLevelByLevel() {
        added(named("a", {named("b", {named("d")}), named("c", {named("e")})}));
        Strings order;
        for (const std::string& event : events()) {
            if (event.rfind("added ", 0) == 0) {
                order.push_back(event.substr(6, 1));
            }
        }
        CPPUNIT_ASSERT(order == (Strings{"a", "b", "c", "d", "e"}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, number({"ZCARD", keys().waitingChildren}));
        CPPUNIT_ASSERT(list(keys().wait) == (Strings{"e", "d"}));
    }

    void childrenGoWhereTheirOptionsSay() {
        FlowJob flow = named("p", {named("first"), named("late"), named("urgent"), named("last")});
        flow.job.opts.delayMs = 5000;
        flow.job.opts.priority = 4;
        flow.children[1].job.opts.delayMs = 60000;
        flow.children[1].job.opts.timestampMs = 1795382406903;
        flow.children[2].job.opts.priority = 3;
        flow.children[3].job.opts.lifo = true;
        added(flow);
        assertEqual("5000", fieldOf("p", "delay"));
        assertEqual("4", fieldOf("p", "priority"));
        CPPUNIT_ASSERT(stateOf("p") == JobState::WaitingChildren);
        CPPUNIT_ASSERT(list(keys().wait) == (Strings{"first", "last"}));
        CPPUNIT_ASSERT_EQUAL(std::to_string(1795382466903 * 4096),
                             text({"ZSCORE", keys().delayed, "late"}));
        CPPUNIT_ASSERT_EQUAL(std::to_string(3LL * 4294967296 + 1),
                             text({"ZSCORE", keys().prioritized, "urgent"}));
        assertEqual("1795382466903", text({"ZSCORE", keys().marker, "1"}));
    }

    void theEffectOfAFailureIsInTheParentField() {
        FlowJob flow = named("p", {named("a"), named("b"), named("c"), named("d"), named("e")});
        flow.children[0].job.opts.childFailure = ChildFailure::FailParent;
        flow.children[1].job.opts.childFailure = ChildFailure::ContinueParent;
        flow.children[2].job.opts.childFailure = ChildFailure::IgnoreDependency;
        flow.children[3].job.opts.childFailure = ChildFailure::RemoveDependency;
        added(flow);
        for (const auto& [id, flag] : std::map<std::string, std::string>{{"a", ",\"fpof\":true}"},
                                                                         {"b", ",\"cpof\":true}"},
                                                                         {"c", ",\"idof\":true}"},
                                                                         {"d", ",\"rdof\":true}"},
                                                                         {"e", "\"}"}}) {
            const std::string parent = fieldOf(id, "parent");
            CPPUNIT_ASSERT_EQUAL(flag, parent.substr(parent.size() - flag.size()));
        }
    }

    void theResultHasTheTreeAsStored() {
        FlowJob flow = job("sum", {named("c", {job("g")})});
        flow.children[0].job.opts.attempts = 3;
        const FlowNode tree = added(flow);
        static const std::regex kUuid(
            "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
        CPPUNIT_ASSERT(std::regex_match(tree.job->id, kUuid));
        CPPUNIT_ASSERT(tree.job->id != tree.children[0].children[0].job->id);
        CPPUNIT_ASSERT_EQUAL(keys().job("c"), tree.children[0].key);
        CPPUNIT_ASSERT_EQUAL(keys().job("c"), *tree.children[0].children[0].job->parentKey);
        // As Node's add returns it.
        CPPUNIT_ASSERT_EQUAL(
            R"({"name":"c","data":{},"opts":{"attempts":3,"jobId":"c","parent":{"id":")" +
                tree.job->id + R"(","queue":")" + keys().qualifiedName() +
                R"("}},"id":"c","progress":0,"returnvalue":null,"stacktrace":null,"priority":0,)" +
                R"("attemptsStarted":0,"attemptsMade":0,"stalledCounter":0,"timestamp":)" +
                std::to_string(tree.job->timestampMs) + R"(,"parentKey":")" + tree.key +
                R"(","parent":{"id":")" + tree.job->id + R"(","queueKey":")" +
                keys().qualifiedName() + R"("},"queueQualifiedName":")" + keys().qualifiedName() +
                "\"}",
            tree.children[0].job->toJson());
        const auto read = producer_->flow(name_, tree.job->id);
        CPPUNIT_ASSERT(read);
        CPPUNIT_ASSERT_EQUAL(tree.children[0].children[0].key,
                             read->children.at(0).children.at(0).key);
    }

    void aRootMayHaveAParentOfItsOwn() {
        added(named("top", {named("x")}));
        FlowJob flow = named("p", {named("c")});
        flow.job.opts.parent = {"top", keys().qualifiedName()};
        added(flow);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number({"SCARD", keys().job("top:dependencies")}));
        CPPUNIT_ASSERT_EQUAL(keys().job("top"), fieldOf("p", "parentKey"));
    }

    void aRootWithoutItsParentAddsNothing() {
        FlowJob flow = named("p", {named("c")});
        flow.job.opts.parent = {"gone", keys().qualifiedName()};
        const FlowResult result = producer_->add(flow);
        CPPUNIT_ASSERT(result.status == Status::Rejected);
        CPPUNIT_ASSERT_EQUAL(-5, result.code);
        assertContains(result.message, keys().job("gone"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, keysOfTheQueue());
    }

    void aRootOfAnotherParentAddsNothing() {
        added(named("one", {named("p")}));
        added(named("two", {named("x")}));
        const std::int64_t before = keysOfTheQueue();
        FlowJob flow = named("p", {named("c")});
        flow.job.opts.parent = {"two", keys().qualifiedName()};
        const FlowResult result = producer_->add(flow);
        CPPUNIT_ASSERT(result.status == Status::Rejected);
        CPPUNIT_ASSERT_EQUAL(-7, result.code);
        CPPUNIT_ASSERT_EQUAL(before, keysOfTheQueue());
        CPPUNIT_ASSERT_EQUAL(keys().job("one"), fieldOf("p", "parentKey"));
    }

    void anExistingRootGetsTheChildren() {
        FlowJob known = named("p", {named("c")});
        added(known);
        known.job.data = "{\"other\":1}";
        known.children = {named("d")};
        added(known);
        assertEqual("{}", fieldOf("p", "data"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number({"SCARD", keys().job("p:dependencies")}));
        assertEqual("4", text({"GET", keys().idCounter}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, static_cast<std::int64_t>(countOf("duplicated p")));
    }

    void aJobAloneMayBeDeduplicated() {
        FlowJob flow = job("once");
        flow.job.opts.deduplication = Deduplication{"x"};
        const FlowNode first = added(flow);
        const FlowNode second = added(flow);
        CPPUNIT_ASSERT_EQUAL(first.key, second.key);
        CPPUNIT_ASSERT_EQUAL(first.job->id, second.job->id);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"LLEN", keys().wait}));
    }

    void childrenThatHadCompletedReleaseTheParentAtTheEnd() {
        complete("c1", "{\"n\":1}");
        complete("c2", "2");
        added(named("p", {named("c1"), named("c2")}));
        CPPUNIT_ASSERT(stateOf("p") == JobState::Waiting);
        assertEqual("{\"n\":1}", text({"HGET", keys().job("p:processed"), keys().job("c1")}));
        assertEqual("2", text({"HGET", keys().job("p:processed"), keys().job("c2")}));
        CPPUNIT_ASSERT_EQUAL(keys().job("p"), fieldOf("c1", "parentKey"));
        const Strings all = events();
        const Strings end(all.end() - 5, all.end());
        CPPUNIT_ASSERT(end == (Strings{"added p name=p",
                                       "waiting-children p",
                                       "duplicated c1",
                                       "duplicated c2",
                                       "waiting p prev=waiting-children"}));
        // With one that has not, the parent waits on.
        complete("c3", "3");
        added(named("q", {named("c3"), named("c4")}));
        CPPUNIT_ASSERT(stateOf("q") == JobState::WaitingChildren);
        // Its delay counts.
        complete("c5", "5");
        FlowJob late = named("r", {named("c5")});
        late.job.opts.delayMs = 60000;
        added(late);
        CPPUNIT_ASSERT(stateOf("r") == JobState::Delayed);
    }

    void anExistingChildIsWaitedFor() {
        added(named("c", {}));
        added(named("p", {named("c")}));
        CPPUNIT_ASSERT(stateOf("p") == JobState::WaitingChildren);
        CPPUNIT_ASSERT_EQUAL(keys().job("p"), fieldOf("c", "parentKey"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1},
                             number({"SISMEMBER", keys().job("p:dependencies"), keys().job("c")}));
    }

    void aChildOfAnotherParentStaysThere() {
        added(named("one", {named("c")}));
        const FlowNode tree = added(named("p", {named("c"), named("d")}));
        CPPUNIT_ASSERT_EQUAL(-7, tree.children[0].code);
        CPPUNIT_ASSERT_EQUAL(0, tree.children[1].code);
        CPPUNIT_ASSERT_EQUAL(keys().job("one"), fieldOf("c", "parentKey"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"SCARD", keys().job("p:dependencies")}));
        // Without any child of its own it still is not released.
        added(named("q", {named("c")}));
        CPPUNIT_ASSERT(stateOf("q") == JobState::WaitingChildren);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number({"HEXISTS", keys().job("q"), "flowAttachmentFailed"}));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, countOf("duplicated c"));
    }

    void aChildWhoseParentIsGoneIsAdopted() {
        added(named("one", {named("c")}));
        redis({"DEL", keys().job("one")});
        redis({"ZREM", keys().waitingChildren, "one"});
        CPPUNIT_ASSERT_EQUAL(0, added(named("p", {named("c")})).children[0].code);
        CPPUNIT_ASSERT_EQUAL(keys().job("p"), fieldOf("c", "parentKey"));
    }

    void oneIdTwiceInATreeIsOneJob() {
        added(named("p", {named("c"), named("c")}));
        CPPUNIT_ASSERT(list(keys().wait) == Strings{"c"});
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, countOf("duplicated c"));
        // Under two parents the first one has it.
        const FlowNode tree =
            added(named("q", {named("a", {named("x")}), named("b", {named("x")})}));
        CPPUNIT_ASSERT_EQUAL(-7, tree.children[1].children[0].code);
        CPPUNIT_ASSERT(stateOf("b") == JobState::WaitingChildren);
    }

    void aPausedQueueOf5xGetsItsJobsInPaused() {
        redis({"HSET", keys().meta, "paused", "1", "version", "bullmq:5.81.5"});
        redis({"LPUSH", keys().wait, "old"});
        complete("done", "1");
        added(named("p", {named("c")}));
        added(named("q", {named("done")}));
        CPPUNIT_ASSERT(list(keys().paused) == (Strings{"c", "old", "q"}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().wait, keys().marker}));
        // In a queue of 6.x alone they wait.
        redis({"DEL", keys().paused});
        redis({"HSET", keys().meta, "version", "bullmq:6.7.0"});
        FlowProducer off(handleOf(options()), {"bull", Bullmq5::Off});
        CPPUNIT_ASSERT(off.add(named("r", {named("d")})).status == Status::Added);
        CPPUNIT_ASSERT(list(keys().wait) == Strings{"d"});
    }

    void whileClosedThereIsNoMarker() {
        redis({"HSET", keys().meta, "concurrency", "1"});
        redis({"LPUSH", keys().active, "busy"});
        FlowJob flow = named("p", {named("c"), named("d")});
        flow.children[1].job.opts.delayMs = 60000;
        added(flow);
        CPPUNIT_ASSERT(redis({"ZSCORE", keys().marker, "0"}).isNil());
        CPPUNIT_ASSERT(!redis({"ZSCORE", keys().marker, "1"}).isNil());
    }

    void anyKeyOfAnotherTypeStoresNothing() {
        const QueueKeys other("bull", name_ + "-other");
        FlowJob flow = named("p", {named("c"), named("known"), named("m", {named("g")})});
        flow.children[0].queue = name_ + "-other";
        flow.children[2].job.opts.priority = 2;
        flow.job.opts.parent = {"top", keys().qualifiedName()};
        for (const std::string& key : {keys().wait,
                                       keys().delayed,
                                       keys().prioritized,
                                       keys().waitingChildren,
                                       keys().events,
                                       keys().marker,
                                       keys().meta,
                                       keys().idCounter,
                                       other.wait,
                                       other.delayed,
                                       other.events,
                                       other.meta,
                                       other.idCounter,
                                       keys().completed,
                                       keys().job("p"),
                                       keys().job("g"),
                                       keys().job("known"),
                                       keys().job("p:dependencies"),
                                       keys().job("top:dependencies"),
                                       keys().job("top:processed"),
                                       other.job("c")}) {
            for (const std::string& gone : allKeys()) {
                redis({"DEL", gone});
            }
            redis({"HSET", keys().job("top"), "name", "top"});
            complete("known", "1");
            redis({"DEL", key});
            if (key == keys().wait || key == other.wait) {
                redis({"SADD", key, "x"});
            } else {
                redis({"LPUSH", key, "x"});
            }
            const std::set<std::string> before = allKeys();
            const FlowResult result = producer_->add(flow);
            CPPUNIT_ASSERT_MESSAGE(key, result.status == Status::Unavailable);
            // A counter may have moved.
            std::set<std::string> after = allKeys();
            for (const std::string& counter : {keys().idCounter, other.idCounter}) {
                if (before.count(counter) == 0) {
                    after.erase(counter);
                }
            }
            CPPUNIT_ASSERT_MESSAGE(key, before == after);
        }
    }

    void badInputIsRejectedAndStoresNothing() {
        const auto rejects = [&](const std::string& part,
                                 const std::function<void(FlowJob&)>& change) {
            FlowJob flow = named("p", {named("c", {named("g")})});
            change(flow);
            const FlowResult result = producer_->add(flow);
            CPPUNIT_ASSERT_MESSAGE(part, result.status == Status::Rejected);
            CPPUNIT_ASSERT_EQUAL(0, result.code);
            assertContains(result.message, part);
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, keysOfTheQueue());
        };
        rejects("a:b", [](FlowJob& flow) { flow.children[0].queue = "a:b"; });
        rejects("must be provided", [](FlowJob& flow) { flow.queue.clear(); });
        rejects("not valid JSON", [](FlowJob& flow) { flow.children[0].job.data = "{"; });
        rejects("got 9999999",
                [](FlowJob& flow) { flow.children[0].children[0].job.opts.priority = 9999999; });
        rejects("12", [](FlowJob& flow) { flow.job.opts.jobId = "12"; });
        rejects("\"deduplication\" cannot be used for a job with children",
                [](FlowJob& flow) { flow.job.opts.deduplication = Deduplication{"x"}; });
        rejects("\"deduplication\" cannot be used for a job with a parent", [](FlowJob& flow) {
            flow.children[0].children[0].job.opts.deduplication = Deduplication{"x"};
        });
        rejects("\"parent\"", [](FlowJob& flow) {
            flow.children[0].job.opts.parent = {"x", "bull:q"};
        });
        rejects("own ancestor",
                [](FlowJob& flow) { flow.children[0].children[0].job.opts.jobId = "p"; });
        rejects("level 1000", [this](FlowJob& flow) {
            FlowJob* deepest = &flow;
            while (!deepest->children.empty()) {
                deepest = &deepest->children[0];
            }
            for (int i = 0; i < 998; ++i) {
                deepest->children.push_back(job("deep"));
                deepest = &deepest->children[0];
            }
        });
    }

    void aTreeHasAtMostTenThousandJobs() {
        FlowJob flow = job("p", std::vector<FlowJob>(9999, job("c")));
        const FlowNode tree = added(flow);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{9999}, number({"SCARD", tree.key + ":dependencies"}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{9999}, number({"LLEN", keys().wait}));
        // The oldest one is claimed first.
        CPPUNIT_ASSERT_EQUAL(tree.children[0].job->id, list(keys().wait).back());
        flow.children.push_back(job("c"));
        const FlowResult result = producer_->add(flow);
        CPPUNIT_ASSERT(result.status == Status::Rejected);
        assertContains(result.message, "at most 10000 jobs");
    }

    void aTreeWithAKeyIsAddedOnce() {
        added(named("elsewhere", {named("x")}));
        const FlowJob flow = job("p", {job("a"), named("x"), job("b", {job("c")})});
        const FlowResult first = producer_->addOnce(flow, kOnce);
        CPPUNIT_ASSERT_MESSAGE(first.message, first.status == Status::Added);
        CPPUNIT_ASSERT(!first.repeated);
        CPPUNIT_ASSERT_EQUAL(-7, first.tree.children[1].code);
        assertEqual("p", fieldOf(first.tree.job->id, "name"));
        const auto before = events();
        FlowProducer another(handleOf(options()), {});
        const FlowResult again = another.addOnce(flow, kOnce);
        CPPUNIT_ASSERT(again.status == Status::Added);
        CPPUNIT_ASSERT(again.repeated);
        assertEqual(first.tree.toJson(), again.tree.toJson());
        CPPUNIT_ASSERT_EQUAL(-7, again.tree.children[1].code);
        CPPUNIT_ASSERT(before == events());
        CPPUNIT_ASSERT(number({"PTTL", onceKey()}) > 0);
        // The key is free once its record is gone, and other jobs come.
        redis({"DEL", onceKey()});
        const FlowResult later = another.addOnce(flow, kOnce);
        CPPUNIT_ASSERT(!later.repeated);
        CPPUNIT_ASSERT(later.tree.job->id != first.tree.job->id);
    }

    void anotherContentOfAKeyAddsNothing() {
        producer_->addOnce(job("p", {job("c")}), kOnce);
        AddOnce other = kOnce;
        other.fingerprint = "other";
        const auto before = events();
        CPPUNIT_ASSERT(producer_->addOnce(job("q"), other).status == Status::KeyTaken);
        // So is a key that jobs were added with.
        redis({"SET", onceKey(), R"(["content","1","","5"])"});
        CPPUNIT_ASSERT(producer_->addOnce(job("q"), kOnce).status == Status::KeyTaken);
        CPPUNIT_ASSERT(before == events());
    }

    void aRefusedTreeLeavesItsKeyFree() {
        FlowJob flow = named("p", {named("c")});
        flow.job.opts.parent = {"top", keys().qualifiedName()};
        CPPUNIT_ASSERT_EQUAL(-5, producer_->addOnce(flow, kOnce).code);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", onceKey()}));
        added(named("top"));
        CPPUNIT_ASSERT(producer_->addOnce(flow, kOnce).status == Status::Added);
    }

    void aJobAloneWithAKeyIsAddedOnce() {
        FlowJob flow = job("p");
        flow.job.opts.deduplication = Deduplication{};
        flow.job.opts.deduplication->id = "d";
        const FlowResult first = producer_->addOnce(flow, kOnce);
        const FlowResult again = producer_->addOnce(flow, kOnce);
        CPPUNIT_ASSERT(again.repeated);
        assertEqual(first.tree.toJson(), again.tree.toJson());
        AddOnce other = kOnce;
        other.fingerprint = "other";
        CPPUNIT_ASSERT(producer_->addOnce(flow, other).status == Status::KeyTaken);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"LLEN", keys().wait}));
    }

    void aBadKeyOrRecordAddsNothing() {
        CPPUNIT_ASSERT(producer_->addOnce(job("p"), {"a:b", "c"}).status == Status::Rejected);
        redis({"SADD", onceKey(), "a"});
        CPPUNIT_ASSERT(producer_->addOnce(job("p"), kOnce).status == Status::Unavailable);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().wait, keys().idCounter}));
    }

    void aBulkIsOneResultPerTree() {
        redis({"SCRIPT", "FLUSH"});
        std::vector<FlowJob> flows;
        for (int i = 0; i < 130; ++i) {
            flows.push_back(named("p" + std::to_string(i), {job("c")}));
        }
        flows[7].queue = "a:b";
        redis({"SET", keys().job("p9"), "text"});
        const auto results = producer_->addBulk(flows);
        CPPUNIT_ASSERT_EQUAL(std::size_t{130}, results.size());
        for (std::size_t i = 0; i < results.size(); ++i) {
            const Status expected = i == 7   ? Status::Rejected
                                    : i == 9 ? Status::Unavailable
                                             : Status::Added;
            CPPUNIT_ASSERT(results[i].status == expected);
            if (expected == Status::Added) {
                CPPUNIT_ASSERT_EQUAL("p" + std::to_string(i), results[i].tree.job->id);
            }
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{128}, number({"ZCARD", keys().waitingChildren}));
        CPPUNIT_ASSERT(producer_->addBulk({}).empty());
    }

    void withoutRedisATreeIsUnavailable() {
        RedisOptions nowhere = options();
        nowhere.port = 1;
        FlowProducer producer(handleOf(nowhere), FlowProducer::Settings{});
        CPPUNIT_ASSERT(producer.add(named("p", {named("c")})).status == Status::Unavailable);
    }

private:
    [[nodiscard]] std::string onceKey() const { return keys().job("drover:once:") + kOnce.key; }
    FlowJob job(const std::string& name, std::vector<FlowJob> children = {}) const {
        FlowJob flow;
        flow.queue = name_;
        flow.job.name = name;
        flow.children = std::move(children);
        return flow;
    }
    FlowJob named(const std::string& id, std::vector<FlowJob> children = {}) const {
        FlowJob flow = job(id, std::move(children));
        flow.job.opts.jobId = id;
        return flow;
    }
    FlowNode added(const FlowJob& flow) {
        FlowResult result = producer_->add(flow);
        CPPUNIT_ASSERT_MESSAGE(result.message, result.status == Status::Added);
        return std::move(result.tree);
    }
    void complete(const std::string& id, const std::string& value) {
        redis(
            {"HSET", keys().job(id), "name", id, "data", "{}", "opts", "{}", "returnvalue", value});
        redis({"ZADD", keys().completed, "1", id});
    }
    std::string fieldOf(const std::string& id, const std::string& field) {
        return text({"HGET", keys().job(id), field});
    }
    std::size_t countOf(const std::string& event) {
        const Strings all = events();
        return static_cast<std::size_t>(std::count(all.begin(), all.end(), event));
    }
    std::set<std::string> allKeys() {
        const Reply reply = redis({"KEYS", "bull:" + name_ + "*"});
        std::set<std::string> all;
        for (std::size_t i = 0; i < reply.size(); ++i) {
            all.emplace(reply.at(i).text());
        }
        return all;
    }
    std::int64_t keysOfTheQueue() { return static_cast<std::int64_t>(allKeys().size()); }

    std::string name_;
    std::unique_ptr<FlowProducer> producer_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(FlowProducerTest);
