#include <algorithm>
#include <atomic>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <regex>

#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "drover/FlowProducer.h"
#include "plugin/abi/HostFunctions.h"
#include "queue/ops/Settle.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;

constexpr double kPriorityStep = 4294967296.0;  // 2^32

}  // namespace

/// Section N: parents and children. Node's FlowProducer makes the flows: a parent "p" in a queue of its own, its children in the
/// queue that is worked.
class FlowSection : public Conformance {
public:
    using Conformance::Conformance;

    void setUp() override {
        Conformance::setUp();
        // One child may be held while its siblings end.
        settings_.threads = 2;
        settings_.batchSize = 1;
    }

    void c226_aParentWaitsForItsChildren() {
        // The same tree by both sides: the same keys, but for times.
        Stored stored;
        const std::string base = queueName();
        for (const Side side : kBoth) {
            useQueue(base + nameOf(side)[0]);
            addFlow(side, {"c1", "c2"});
            assertEqual("waiting-children", parentState());
            auto keys = dependencies();
            std::sort(keys.begin(), keys.end());
            CPPUNIT_ASSERT_EQUAL(joined({key("c1"), key("c2")}), joined(keys));
            assertEqual("added name=sum | waiting-children", parentEvents());
            stored[side] = storedKeys();
        }
        expectEqual(stored);
        if (!is670()) {
            return;  // Others store a child that exists already in other ways.
        }
        const unsigned seed = std::random_device{}();
        std::cout << "random trees of seed " << seed << std::endl;
        for (const Side side : kBoth) {
            useQueue(base + "r" + nameOf(side)[0]);
            parents_ = queueName() + "-parent";
            std::minstd_rand random(seed);
            std::vector<std::string> known;
            for (int n = 0; n < 5; ++n) {
                addTree(side, randomTree(random, "t" + std::to_string(n), known));
            }
            stored[side] = storedKeys();
        }
        expectEqual(stored);
    }

    void c227_nodeEndsOneChild() {
        flow("{}", {child("c1"), child("c2", "hold")});
        startWorker(Side::Node);
        untilState("c1", "completed");
        CPPUNIT_ASSERT_EQUAL(key("c2"), joined(dependencies()));
        assertEqual(R"({"of":"c1"})", processed("c1"));
        assertEqual("waiting-children", parentState());
        eventually("it holds", [&] { return begun(Side::Node).size() == 2; });
        release(Side::Node);
        untilState("c2", "completed");
    }

    void c228_weEndTheLastChild() {
        const std::string before =
            peer()
                .call("queue.add", parentQueue() + R"(, "args": ["mail", {}, {}])")["id"]
                .GetString();
        redis({"DEL", pkey("marker")});
        flow("{}", {child("c1"), child("c2", "hold")});
        startWorker(Side::Ours);
        untilState("c1", "completed");
        assertEqual("waiting-children", parentState());
        CPPUNIT_ASSERT_EQUAL(key("c2"), joined(dependencies()));
        release(Side::Ours);
        untilState("c2", "completed");
        CPPUNIT_ASSERT_EQUAL(joined({before, "p"}), joined(list(pkey("wait"))));
        assertEqual("0", text({"ZSCORE", pkey("marker"), "0"}));
        assertEqual("added name=sum | waiting-children | waiting prev=waiting-children",
                    parentEvents());
        CPPUNIT_ASSERT(dependencies().empty());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", pkey("waiting-children")}));
    }

    void c229_eitherSideReadsTheOthersResults() {
        flow("{}", {child("c1"), child("c2")});
        startWorker(Side::Ours);
        untilParent("waiting");
        peer().call(
            "worker.start",
            parentQueue() + R"(, "worker": "parents", "behaviours": {"*": {"do": "children"}})");
        untilParent("completed");
        peer().call("worker.close", R"("worker": "parents")");
        expectBoth(text({"HGET", pkey("p"), "returnvalue"}));
        stopWorker(Side::Ours);

        // Node ends the children, ours the parent.
        const std::string children = queueName();
        flow("{}", {child("d1"), child("d2")}, "q");
        startWorker(Side::Node);
        untilParent("waiting", "q");
        behaviours_["sum"] = [](RunningJob& job) {
            std::string values;
            CPPUNIT_ASSERT(job.childrenValues(values) == HostStatus::Ok);
            job.setOutcome({JobOutcome::Kind::Completed, values, "", 0});
        };
        useQueue(children + "-parent");
        startWorker(Side::Ours);
        untilState("q", "completed");
        rapidjson::Document values;
        values.Parse(field("q", "returnvalue").c_str());
        CPPUNIT_ASSERT_EQUAL(2u, values.MemberCount());
        assertEqual(R"({"of":"d2"})", textOf(values[("bull:" + children + ":d2").c_str()]));
    }

    void c230_aReleasedParentsDelayAndPriorityCount() {
        flow(R"({"delay":60000})", {child("c1")});
        flow(R"({"priority":7})", {child("d1")}, "q");
        startWorker(Side::Ours);
        untilParent("delayed");
        const std::string due = text({"ZSCORE", pkey("delayed"), "p"});
        CPPUNIT_ASSERT_EQUAL(0LL, std::stoll(due) % 4096);
        const std::int64_t dueMs = std::stoll(due) / 4096;
        CPPUNIT_ASSERT(dueMs > clock_.wallMs() + 50000 &&
                       dueMs <= clock_.wallMs() + 60000 + kClockError);
        CPPUNIT_ASSERT_EQUAL(
            "added name=sum | waiting-children | delayed delay=" + std::to_string(dueMs),
            parentEvents());
        CPPUNIT_ASSERT_EQUAL(std::to_string(dueMs), text({"ZSCORE", pkey("marker"), "1"}));
        untilParent("prioritized", "q");
        CPPUNIT_ASSERT_EQUAL(7 * kPriorityStep + 1,
                             std::stod(text({"ZSCORE", pkey("prioritized"), "q"})));
    }

    void c231_aFailedChildFailsItsParent() {
        // The worker that claims the parent fails it, unrun.
        for (const Side worker : kBoth) {
            const std::string base = queueName();
            flow(R"({"attempts":3})",
                 {child("c1", "fail", R"("failParentOnFailure":true)"),
                  child("c2", "mail", R"("delay":60000)")});
            startWorker(Side::Ours);
            untilParent("waiting");
            const std::string reason = "child " + key("c1") + " failed";
            CPPUNIT_ASSERT_EQUAL(reason, text({"HGET", pkey("p"), "defa"}));
            CPPUNIT_ASSERT_EQUAL(text({"HGET", key("c1"), "finishedOn"}),
                                 text({"ZSCORE", pkey("p:unsuccessful"), key("c1")}));
            CPPUNIT_ASSERT_EQUAL(key("c2"), joined(dependencies()));
            stopWorker(Side::Ours);
            const std::size_t seen = seenByOurs().size();
            useQueue(base + "-parent");
            startWorker(worker);
            untilState("p", "failed");
            CPPUNIT_ASSERT_EQUAL(reason, field("p", "failedReason"));
            assertEqual("(none)", fieldOrNone("p", "defa"));
            CPPUNIT_ASSERT_EQUAL(seen, seenByOurs().size());
            stopWorker(worker);
            useQueue(base + "-again");
        }
    }

    void c232_soItGoesUpTheChain() {
        const std::string q = queueName();
        peer().call(
            "flow.add",
            R"("args": [{"name": "top", "queueName": ")" + q +
                R"(", "opts": {"jobId": "top"}, "children": [{"name": "middle", "queueName": ")" +
                q +
                R"(", "opts": {"jobId": "middle", "failParentOnFailure": true}, "children": [)" +
                R"({"name": "fail", "queueName": ")" + q +
                R"(", "opts": {"jobId": "leaf", "failParentOnFailure": true}}]}]}])");
        startWorker(Side::Ours);
        for (const char* id : {"leaf", "middle", "top"}) {
            untilState(id, "failed");
        }
        CPPUNIT_ASSERT_EQUAL("child " + key("leaf") + " failed", field("middle", "failedReason"));
        CPPUNIT_ASSERT_EQUAL("child " + key("middle") + " failed", field("top", "failedReason"));
        assertEqual("leaf", joined(begun(Side::Ours)));
        // Level by level: each was released, claimed and failed before the next one.
        CPPUNIT_ASSERT_EQUAL(
            "added name=top | waiting-children | waiting prev=waiting-children | active "
            "prev=waiting | failed failedReason=child " +
                key("middle") + " failed prev=active | retries-exhausted attemptsMade=1",
            eventsOf("top"));
    }

    void c233_theParentContinuesAtTheFirstFailure() {
        flow("{}",
             {child("c1", "fail", R"("continueParentOnFailure":true)"),
              child("c2", "mail", R"("delay":60000)")});
        startWorker(Side::Ours);
        untilParent("waiting");
        assertEqual("told to fail", text({"HGET", pkey("p:failed"), key("c1")}));
        CPPUNIT_ASSERT_EQUAL(key("c2"), joined(dependencies()));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"HEXISTS", pkey("p"), "defa"}));
        assertEqual("added name=sum | waiting-children | waiting prev=waiting-children",
                    parentEvents());
    }

    void c234_anIgnoredFailureIsRecorded() {
        flow("{}",
             {child("c1", "fail", R"("ignoreDependencyOnFailure":true)"), child("c2", "hold")});
        startWorker(Side::Ours);
        untilState("c1", "failed");
        assertEqual("waiting-children", parentState());
        CPPUNIT_ASSERT_EQUAL(key("c2"), joined(dependencies()));
        release(Side::Ours);
        untilParent("waiting");
        assertEqual("told to fail", text({"HGET", pkey("p:failed"), key("c1")}));
        if (!is548()) {
            CPPUNIT_ASSERT_EQUAL("{\"" + key("c1") + "\":\"told to fail\"}",
                                 textOf(peer().call("job.getIgnoredChildrenFailures",
                                                    parentQueue() + R"(, "job": "p")")));
        }
        // As the last one it releases the parent, too.
        flow("{}", {child("d1", "fail", R"("ignoreDependencyOnFailure":true)")}, "q");
        untilParent("waiting", "q");
    }

    void c235_aRemovedDependencyIsDropped() {
        flow("{}",
             {child("c1", "fail", R"("removeDependencyOnFailure":true)"), child("c2", "hold")});
        startWorker(Side::Ours);
        untilState("c1", "failed");
        CPPUNIT_ASSERT_EQUAL(key("c2"), joined(dependencies()));
        assertEqual("waiting-children", parentState());
        release(Side::Ours);
        untilParent("waiting");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number({"EXISTS", pkey("p:failed"), pkey("p:unsuccessful")}));
    }

    void c236_withoutAPolicyTheParentWaitsOn() {
        flow("{}", {child("c1", "fail"), child("c2")});
        startWorker(Side::Ours);
        untilState("c1", "failed");
        untilState("c2", "completed");
        assertEqual("waiting-children", parentState());
        CPPUNIT_ASSERT_EQUAL(key("c1"), joined(dependencies()));
    }

    void c237_aFailedChildThatIsRemovedReleasesTheParent() {
        flow("{}", {child("c1", "fail", R"("removeOnFail":true)"), child("c2")});
        startWorker(Side::Ours);
        untilParent("waiting");
        CPPUNIT_ASSERT(dependencies().empty());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"c1"}));
    }

    void c238_repeatedAttemptsDoNotConcernTheParent() {
        flow("{}",
             {child("c1", "fail", R"("failParentOnFailure":true,"attempts":3,"backoff":60000)"),
              child("c2", "twice", R"("failParentOnFailure":true,"attempts":3)")});
        startWorker(Side::Ours);
        untilState("c1", "delayed");
        untilState("c2", "completed");
        assertEqual("waiting-children", parentState());
        CPPUNIT_ASSERT_EQUAL(key("c1"), joined(dependencies()));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", pkey("p:unsuccessful")}));
        assertEqual("added name=sum | waiting-children", parentEvents());
    }

    void c242_aChildThatHadCompletedCountsAtTheEnd() {
        const std::string base = queueName();
        for (const Side side : kBoth) {
            useQueue(base + nameOf(side)[0]);
            startWorker(Side::Ours);
            run(Side::Node, "mail", R"({"of":"c1"})", R"({"jobId":"c1"})");
            run(Side::Node, "mail", R"({"of":"c2"})", R"({"jobId":"c2"})");
            stopWorker(Side::Ours);
            // Had it been released at its first child, it would wait twice.
            addFlow(side, {"c1", "c2"});
            assertEqual("waiting", parentState());
            assertEqual(R"({"of":"c1"})", processed("c1"));
            assertEqual(R"({"of":"c2"})", processed("c2"));
            CPPUNIT_ASSERT_EQUAL(pkey("p"), field("c1", "parentKey"));
            assertEqual("added name=sum | waiting-children | waiting prev=waiting-children",
                        parentEvents());
            addFlow(side, {"c1", "late"}, "q");
            assertEqual("waiting-children", parentState("q"));
        }
    }

    void c243_aChildOfAnotherLivingParentStaysThere() {
        const std::string base = queueName();
        for (const Side side : kBoth) {
            useQueue(base + nameOf(side)[0]);
            addFlow(side, {"c1"}, "one");
            const FlowNode tree = addFlow(side, {"c1"});
            CPPUNIT_ASSERT_EQUAL(side == Side::Ours ? -7 : 0, tree.children.at(0).code);
            CPPUNIT_ASSERT_EQUAL(pkey("one"), field("c1", "parentKey"));
            assertEqual("waiting-children", parentState());
            CPPUNIT_ASSERT(dependencies().empty());
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                                 number({"HEXISTS", pkey("p"), "flowAttachmentFailed"}));
            assertEqual("added name=mail | waiting", eventsOf("c1"));
        }
    }

    void c248_nodeRebuildsOurTree() {
        // A tree of three levels.
        FlowJob top = ourFlow({"c1", "c2", "c3", "gone"});
        top.children[1].children = ourFlow({"g1", "g2"}).children;
        top.children[0].job.opts.removeOnComplete = KeepJobs{};
        top.children[1].job.opts.childFailure = ChildFailure::RemoveDependency;
        top.children[2].job.name = "fail";
        top.children[2].job.opts.childFailure = ChildFailure::IgnoreDependency;
        top.children[3].job.opts.removeOnComplete = KeepJobs{0};
        CPPUNIT_ASSERT(producer().add(top).status == AddResult::Status::Added);
        expectSameTree(4);
        startWorker(Side::Ours);
        untilParent("waiting");
        stopWorker(Side::Ours);
        // 5.48.1 does not read failed children.
        if (!is548()) {
            expectSameTree(4);
        }
        // Node's tree is read alike on both sides.
        addFlow(Side::Node, {"n1", "n2"}, "q");
        rapidjson::Document ours;
        ours.Parse(producer().flow(parents_, "q")->toJson(view()).c_str());
        rapidjson::Document theirs;
        theirs.Parse(nodeTree("q", "").c_str());
        CPPUNIT_ASSERT(ours == theirs);
        CPPUNIT_ASSERT_EQUAL(2u, theirs["children"].Size());
    }

    void c240_aChildFromTheHandlerHoldsTheCompletionOff() {
        // Without waiting: the completion is refused, which is a failed attempt.
        behaviours_["hasty"] = [](RunningJob& job) {
            std::string ids;
            CPPUNIT_ASSERT(job.addChildren(R"([{"name":"late","data":{},"opts":{"delay":60000}}])",
                                           ids) == HostStatus::Ok);
            job.setOutcome({JobOutcome::Kind::Completed, "{}", "", 0});
        };
        // As it should be: it waits, and sees the result when it runs again.
        behaviours_["sum"] = [](RunningJob& job) {
            std::string values;
            CPPUNIT_ASSERT(job.childrenValues(values) == HostStatus::Ok);
            if (values != "{}") {
                job.setOutcome({JobOutcome::Kind::Completed, values, "", 0});
                return;
            }
            std::string ids;
            CPPUNIT_ASSERT(
                job.addChildren(R"([{"name":"mail","data":{"n":1},"opts":{"delay":200}}])", ids) ==
                HostStatus::Ok);
            job.setOutcome({JobOutcome::Kind::WaitingChildren, "", "", 0});
        };
        startWorker(Side::Ours);
        const std::string hasty = add(Side::Node, "hasty");
        untilState(hasty, "failed");
        assertContains(field(hasty, "failedReason"), "pending dependencies");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"SCARD", key(hasty + ":dependencies")}));

        const std::string sum = add(Side::Node, "sum");
        untilState(sum, "completed");
        assertContains(field(sum, "returnvalue"), R"({"n":1})");
        assertEqual("2", field(sum, "ats"));
        assertEqual("1", field(sum, "atm"));
        assertContains(eventsOf(sum),
                       "waiting-children prev=active | waiting "
                       "prev=waiting-children");
    }

    void c241_waitingForNoChildrenIsNotWaiting() {
        const std::string id = add(Side::Node, "mail");
        CPPUNIT_ASSERT_EQUAL(id, claim(1).at(0).id);
        CPPUNIT_ASSERT_EQUAL(
            1,
            ops::moveToWaitingChildren(ours(), client(), {{id, "token"}}, clock_.wallMs())
                .codes.at(0));
        assertEqual("active", nodeState(id));
        assertEqual("token", text({"GET", key(id + ":lock")}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"waiting-children"}));
    }

private:
    static std::string child(const std::string& id,
                             const std::string& name = "mail",
                             const std::string& opts = "") {
        return R"({"name": ")" + name + R"(", "data": {"of": ")" + id +
               R"("}, "queueName": "CHILDREN", "opts": {"jobId": ")" + id + "\"" +
               (opts.empty() ? "" : ", " + opts) + "}}";
    }

    void flow(const std::string& opts,
              const std::vector<std::string>& children,
              const std::string& id = "p") {
        std::string all;
        for (const std::string& one : children) {
            all += (all.empty() ? "" : ", ") + one;
        }
        for (std::size_t at = all.find("CHILDREN"); at != std::string::npos;
             at = all.find("CHILDREN")) {
            all.replace(at, 8, queueName());
        }
        parents_ = queueName() + "-parent";
        peer().call("flow.add",
                    R"("args": [{"name": "sum", "queueName": ")" + parents_ +
                        R"(", "opts": {"jobId": ")" + id + "\"" +
                        (opts == "{}" ? "}" : ", " + opts.substr(1)) + R"(, "children": [)" + all +
                        "]}]");
    }

    FlowProducer& producer() {
        if (!producer_) {
            producer_ = std::make_unique<FlowProducer>(handleOf(options()),
                                                       FlowProducer::Settings{"bull", bullmq5_});
        }
        return *producer_;
    }

    FlowJob ourFlow(const std::vector<std::string>& children, const std::string& id = "p") {
        parents_ = queueName() + "-parent";
        FlowJob flow;
        flow.queue = parents_;
        flow.job.name = "sum";
        flow.job.opts.jobId = id;
        for (const std::string& one : children) {
            FlowJob& child = flow.children.emplace_back();
            child.queue = queueName();
            child.job.name = "mail";
            child.job.data = R"({"of":")" + one + "\"}";
            child.job.opts.jobId = one;
        }
        return flow;
    }

    /// Adds a parent and its children. Returns our tree; Node's has the children alone.
    FlowNode addFlow(Side side,
                     const std::vector<std::string>& children,
                     const std::string& id = "p") {
        FlowJob ours = ourFlow(children, id);
        if (side == Side::Ours) {
            FlowResult result = producer().add(std::move(ours));
            CPPUNIT_ASSERT_MESSAGE(result.message, result.status == AddResult::Status::Added);
            return std::move(result.tree);
        }
        std::vector<std::string> all;
        for (const std::string& one : children) {
            all.push_back(child(one));
        }
        flow("{}", all, id);
        FlowNode tree;
        tree.children.resize(children.size());
        return tree;
    }

    using Stored = std::map<Side, std::map<std::string, std::string>>;
    static void expectEqual(Stored& stored) {
        for (const auto& [name, value] : stored[Side::Node]) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(name, value, stored[Side::Ours][name]);
        }
        CPPUNIT_ASSERT_EQUAL(stored[Side::Node].size(), stored[Side::Ours].size());
    }

    /// Returns a tree over both queues. Some of its jobs are in earlier trees, too.
    FlowJob randomTree(std::minstd_rand& random,
                       const std::string& id,
                       std::vector<std::string>& known) {
        const auto below = [&](unsigned n) { return static_cast<unsigned>(random() / 7 % n); };
        std::vector<std::string> mayRepeat = known;
        int made = 0;
        const std::function<FlowJob(unsigned)> node = [&](unsigned levels) {
            FlowJob flow;
            std::string own = id + "-" + std::to_string(made++);
            if (made > 1 && !mayRepeat.empty() && below(5) == 0) {
                const unsigned at = below(static_cast<unsigned>(mayRepeat.size()));
                own = mayRepeat[at];
                mayRepeat.erase(mayRepeat.begin() + at);
            } else {
                known.push_back(own);
            }
            // The queue is that of the id, so that a known id is a known job.
            flow.queue = own.back() % 2 == 0 ? queueName() : parents_;
            flow.job.name = "node";
            flow.job.data = R"({"of":")" + own + "\"}";
            JobOptions& opts = flow.job.opts;
            opts.jobId = own;
            opts.timestampMs = 1795382406903 + made;
            opts.attempts = static_cast<int>(below(3));
            opts.priority = below(4) == 0 ? static_cast<int>(1 + below(9)) : 0;
            opts.lifo = below(5) == 0;
            if (below(4) == 0) {
                opts.delayMs = below(100000);
            }
            if (made > 1 && below(2) == 0) {
                opts.childFailure = static_cast<ChildFailure>(below(4));
            }
            for (unsigned n = levels == 0 ? 0 : below(4); n > 0; --n) {
                flow.children.push_back(node(levels - 1));
            }
            return flow;
        };
        return node(3);
    }

    static std::string jsonOf(const FlowJob& flow) {
        std::string json = R"({"name": ")" + flow.job.name + R"(", "queueName": ")" + flow.queue +
                           R"(", "data": )" + flow.job.data + R"(, "opts": )" +
                           flow.job.opts.toPublicJson() + R"(, "children": [)";
        for (const FlowJob& child : flow.children) {
            json += (&child == &flow.children.front() ? "" : ", ") + jsonOf(child);
        }
        return json + "]}";
    }
    void addTree(Side side, const FlowJob& flow) {
        if (side == Side::Node) {
            peer().call("flow.add", "\"args\": [" + jsonOf(flow) + "]");
            return;
        }
        const FlowResult result = producer().add(flow);
        CPPUNIT_ASSERT_MESSAGE(result.message, result.status == AddResult::Status::Added);
    }

    /// The keys of both queues without names of queues and times. Options are compared as JSON.
    std::map<std::string, std::string> storedKeys() {
        std::map<std::string, std::string> stored;
        for (const std::string& name : {queueName(), parents_}) {
            auto dump = peer().call("keys.dump", "\"queue\": \"" + name + "\"");
            for (auto& one : dump.GetObject()) {
                const std::string suffix = one.name.GetString();
                if (suffix == "meta") {
                    continue;  // Node's Queue of this test writes its version.
                }
                auto& value = one.value["value"];
                if (value.IsObject() && value.HasMember("opts")) {
                    rapidjson::Document opts;
                    opts.Parse(value["opts"].GetString());
                    std::map<std::string, std::string> sorted;
                    for (const auto& option : opts.GetObject()) {
                        sorted[option.name.GetString()] = textOf(option.value);
                    }
                    for (const auto& [option, text] : sorted) {
                        stored[name + suffix + option] = text;
                    }
                    value.EraseMember("opts");
                }
                stored[name + suffix] = textOf(value);
            }
        }
        std::map<std::string, std::string> plain;
        for (auto& [name, text] : stored) {
            plain[withoutNames(name)] = withoutNames(text);
        }
        return plain;
    }
    std::string withoutNames(std::string text) const {
        for (std::size_t at = 0; (at = text.find(queueName(), at)) != std::string::npos;) {
            text.replace(at, queueName().size(), "Q");
        }
        static const std::regex kMoment("1[789][0-9]{11}(-[0-9]+)?");
        return std::regex_replace(text, kMoment, "TIME");
    }

    [[nodiscard]] JobView view() const { return is548() ? JobView::Bullmq548 : JobView::Bullmq6; }
    std::string nodeTree(const std::string& id, const std::string& opts) {
        return peer()
            .call("flow.get",
                  R"("args": [{"queueName": ")" + parents_ + R"(", "id": ")" + id + "\"" + opts +
                      "}]")
            .GetString();
    }
    /// Compares both sides' trees below "p", text by text.
    void expectSameTree(std::size_t children) {
        const auto tree = producer().flow(parents_, "p");
        CPPUNIT_ASSERT(tree);
        CPPUNIT_ASSERT_EQUAL(children, tree->children.size());
        CPPUNIT_ASSERT_EQUAL(nodeTree("p", ""), tree->toJson(view()));
        const auto flat = producer().flow(parents_, "p", {2, 20});
        CPPUNIT_ASSERT_EQUAL(nodeTree("p", R"(, "depth": 2)"), flat->toJson(view()));
    }

    [[nodiscard]] std::string pkey(const std::string& suffix) const {
        return "bull:" + parents_ + ":" + suffix;
    }
    [[nodiscard]] std::string parentQueue() { return "\"queue\": \"" + queueName() + "-parent\""; }
    std::string parentState(const std::string& id = "p") {
        return peer()
            .call("queue.getJobState", "\"queue\": \"" + parents_ + R"(", "args": [")" + id + "\"]")
            .GetString();
    }
    void untilParent(const std::string& state, const std::string& id = "p") {
        eventually("the parent is " + state, [&] { return parentState(id) == state; });
    }
    std::vector<std::string> dependencies() {
        const Reply reply = redis({"SMEMBERS", pkey("p:dependencies")});
        std::vector<std::string> keys;
        for (std::size_t i = 0; i < reply.size(); ++i) {
            keys.emplace_back(reply.at(i).text());
        }
        return keys;
    }
    std::string processed(const std::string& id) {
        return text({"HGET", pkey("p:processed"), key(id)});
    }
    std::string parentEvents() {
        const std::string children = queueName();
        useQueue(parents_);
        const std::string events = eventsOf("p");
        useQueue(children);
        return events;
    }
    void expectBoth(const std::string& json) {
        rapidjson::Document values;
        values.Parse(json.c_str());
        CPPUNIT_ASSERT_EQUAL_MESSAGE(json, 2u, values.MemberCount());
        for (const char* id : {"c1", "c2"}) {
            CPPUNIT_ASSERT_EQUAL(std::string(R"({"of":")") + id + "\"}",
                                 textOf(values[key(id).c_str()]));
        }
    }

    std::string parents_;
    std::unique_ptr<FlowProducer> producer_;
};

namespace {

const Statements<FlowSection> kRegistered(
    {STATEMENT(FlowSection, c226_aParentWaitsForItsChildren),
     STATEMENT(FlowSection, c227_nodeEndsOneChild),
     STATEMENT(FlowSection, c228_weEndTheLastChild),
     STATEMENT(FlowSection, c229_eitherSideReadsTheOthersResults),
     STATEMENT(FlowSection, c230_aReleasedParentsDelayAndPriorityCount),
     STATEMENT(FlowSection, c231_aFailedChildFailsItsParent),
     STATEMENT(FlowSection, c232_soItGoesUpTheChain),
     STATEMENT(FlowSection, c233_theParentContinuesAtTheFirstFailure),
     STATEMENT(FlowSection, c234_anIgnoredFailureIsRecorded),
     STATEMENT(FlowSection, c235_aRemovedDependencyIsDropped),
     STATEMENT(FlowSection, c236_withoutAPolicyTheParentWaitsOn),
     STATEMENT(FlowSection, c237_aFailedChildThatIsRemovedReleasesTheParent),
     STATEMENT(FlowSection, c238_repeatedAttemptsDoNotConcernTheParent),
     STATEMENT(FlowSection, c240_aChildFromTheHandlerHoldsTheCompletionOff),
     STATEMENT(FlowSection, c241_waitingForNoChildrenIsNotWaiting),
     STATEMENT(FlowSection, c242_aChildThatHadCompletedCountsAtTheEnd),
     STATEMENT(FlowSection, c243_aChildOfAnotherLivingParentStaysThere),
     STATEMENT(FlowSection, c248_nodeRebuildsOurTree)});

}  // namespace
