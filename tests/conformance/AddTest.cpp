#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;
using Strings = std::vector<std::string>;

}  // namespace

/// Section B: what an add writes, and that each side works what the other one has added.
class AddSection : public Conformance {
public:
    using Conformance::Conformance;

    void setUp() override {
        Conformance::setUp();
        settings_.concurrency = 1;
        settings_.batchSize = 1;
    }

    void c013_aPlainJobHasSixFields() {
        for (const Bullmq5 mode : {Bullmq5::Auto, Bullmq5::On}) {
            share(mode);
            Strings names;
            for (const auto& [name, value] : fieldsOf(add(Side::Ours, "mail"))) {
                names.push_back(name);
            }
            assertEqual(joined({"data", "delay", "name", "opts", "priority", "timestamp"}),
                        joined(names));
        }
    }

    void c014_delayAndPriorityAreTheTextZero() {
        const std::string id = add(Side::Ours, "mail");
        assertEqual("0", field(id, "delay"));
        assertEqual("0", field(id, "priority"));
    }

    void c015_bothDrawFromOneCounter() {
        assertEqual("1", add(Side::Ours, "mail"));
        assertEqual("2", add(Side::Node, "mail"));
        assertEqual("3", add(Side::Ours, "mail"));
    }

    void c016_aCustomIdDrawsFromTheCounter() {
        add(Side::Ours, "mail", "{}", R"({"jobId":"a"})");
        assertEqual("1", text({"GET", key("id")}));
        assertEqual("2", add(Side::Node, "mail"));
    }

    void c017_anIdThatExistsChangesNothing() {
        add(Side::Node, "mail", R"({"n":1})", R"({"jobId":"a"})");
        const auto before = fieldsOf("a");
        const std::size_t events = streamed().size();
        assertEqual("a", add(Side::Ours, "other", R"({"n":2})", R"({"jobId":"a","priority":2})"));
        CPPUNIT_ASSERT(before == fieldsOf("a"));
        CPPUNIT_ASSERT_EQUAL(events + 1, streamed().size());
        assertEqual("duplicated a", streamed().back());
    }

    void c018_anIdIsTakenInEveryState() {
        startWorker(Side::Node);
        for (const auto& [name, state] :
             {std::pair("mail", "completed"), std::pair("fail", "failed")}) {
            const std::string id = std::string("the-") + state;
            const std::string opts = R"({"jobId":")" + id + "\"}";
            add(Side::Ours, name, "{}", opts);
            untilState(id, state);
            CPPUNIT_ASSERT_EQUAL(id, add(Side::Ours, name, "{}", opts));
            assertEqual(state, nodeState(id));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, countOf("duplicated " + id));
        }
    }

    void c019_newJobsEnterAtTheHeadAndLifoAtTheTail() {
        const std::string old = add(Side::Node, "mail");
        const std::string fresh = add(Side::Ours, "mail");
        const std::string lifo = add(Side::Ours, "mail", "{}", R"({"lifo":true})");
        assertEqual(joined({fresh, old, lifo}), joined(list(key("wait"))));
    }

    void c020_nodeRunsOurJobsInTheirOrder() {
        Strings ids;
        for (int i = 0; i < 3; ++i) {
            ids.push_back(add(Side::Ours, "mail"));
        }
        expectRun(ids, Side::Node);
    }

    void c021_nodeRunsOurLifoJobFirst() {
        Strings ids = {add(Side::Ours, "mail"), add(Side::Node, "mail")};
        ids.insert(ids.begin(), add(Side::Ours, "mail", "{}", R"({"lifo":true})"));
        expectRun(ids, Side::Node);
    }

    void c023_aPlainAddEmitsAddedAndWaiting() {
        assertEqual("added name=mail | waiting", eventsOf(add(Side::Ours, "mail")));
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, streamed().size());
    }

    void c024_aDelayedJobHasItsDueTimeAsScore() {
        const std::int64_t now = clock_.wallMs();
        const std::string id = add(Side::Ours,
                                   "mail",
                                   "{}",
                                   "{\"delay\":60000,\"timestamp\":" + std::to_string(now) + "}");
        CPPUNIT_ASSERT_EQUAL(static_cast<double>((now + 60000) * 4096), scoreOf("delayed", id));
        assertEqual("added name=mail | delayed delay=" + std::to_string(now + 60000), eventsOf(id));
    }

    void c026_aDelayOfZeroOrLessDoesNotDelay() {
        Strings ids;
        for (const char* delay : {"0", "-5"}) {
            ids.insert(ids.begin(),
                       add(Side::Ours, "mail", "{}", R"({"delay":)" + std::string(delay) + "}"));
        }
        assertEqual(joined(ids), joined(list(key("wait"))));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"delayed"}));
    }

    void c028_theScoreIsPriorityAndCounter() {
        for (int i = 1; i <= 3; ++i) {
            const std::string id =
                add(i == 2 ? Side::Node : Side::Ours, "mail", "{}", R"({"priority":5})");
            CPPUNIT_ASSERT_EQUAL(5 * 4294967296.0 + i, scoreOf("prioritized", id));
            CPPUNIT_ASSERT_EQUAL(std::to_string(i), text({"GET", key("pc")}));
        }
    }

    void c030_theHighestPriority() {
        const std::string id = add(Side::Ours, "mail", "{}", R"({"priority":2097151})");
        assertEqual("prioritized", nodeState(id));
        expectRefused(R"({"priority":2097152})",
                      "Priority should be between 0 and 2097151, got 2097152");
    }

    void c031_customIdsThatAreRefused() {
        expectRefused(R"({"jobId":"0"})", "JobId cannot be '0' or start with '0:'");
        expectRefused(R"({"jobId":"0:x"})", "JobId cannot be '0' or start with '0:'");
        expectRefused(R"({"jobId":"123"})", "Custom Id cannot be integers");
        expectRefused(R"({"jobId":"a:b"})", "Custom Id cannot contain :");
        assertEqual("a:b:c", add(Side::Ours, "mail", "{}", R"({"jobId":"a:b:c"})"));
        expectRun({"a:b:c"});
    }

    void c032_nodeReadsOurOptionsUnderTheirPublicNames() {
        for (const char* flag : {"failParentOnFailure",
                                 "continueParentOnFailure",
                                 "ignoreDependencyOnFailure",
                                 "removeDependencyOnFailure"}) {
            const std::string opts =
                R"({"attempts":3,"delay":60000,"priority":2,"jobId":")" + std::string(flag) +
                R"(","backoff":{"type":"exponential","delay":100,"jitter":0.5},"lifo":true,)"
                R"("timestamp":1700000000000,"removeOnComplete":{"age":60,"count":5},)"
                R"("removeOnFail":7,"keepLogs":3,"stackTraceLimit":2,"sizeLimit":1000,)"
                R"("deduplication":{"id":")" +
                flag +
                R"(","ttl":60000,"keepLastIfActive":true},)"
                R"("telemetry":{"metadata":"trace","omitContext":true},")" +
                flag + "\":true}";
            rapidjson::Document theirs;
            theirs.Parse(jobJson(add(Side::Ours, "mail", "{}", opts)).c_str());
            rapidjson::Document mine;
            mine.Parse(opts.c_str());
            CPPUNIT_ASSERT_MESSAGE(opts + " and " + textOf(theirs["opts"]), mine == theirs["opts"]);
        }
    }

    void c039_dataNullAndDataThatIsMissing() {
        const auto dataOf = [this](const std::string& id) {
            rapidjson::Document job;
            job.Parse(jobJson(id).c_str());
            return textOf(job["data"]);
        };
        assertEqual("null", dataOf(add(Side::Ours, "mail", "null")));
        NewJob bare;
        bare.name = "mail";
        assertEqual("{}", dataOf(queue().add(bare).id));
    }

    void c040_aCustomIdStandsInTheOptions() {
        assertContains(field(add(Side::Ours, "mail", "{}", R"({"jobId":"a"})"), "opts"),
                       R"("jobId":"a")");
    }

    void c041_aMissingParentWritesNothing() {
        const AddResult result =
            queue().add({"mail",
                         "{}",
                         JobOptions::parse(R"({"jobId":"c","parent":{"id":"none","queue":"bull:)" +
                                           queueName() + "\"}}")});
        CPPUNIT_ASSERT(result.status == AddResult::Status::Rejected);
        CPPUNIT_ASSERT_EQUAL(-5, result.code);
        assertEqual("the parent " + key("none") + " does not exist (-5)", result.message);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             existing({"id", "c", "none:dependencies", "wait", "events"}));
    }

    void c042_aChildAndItsParentNameEachOther() {
        const std::string parent = add(Side::Node, "mail");
        const std::string tie = R"({"id":")" + parent + R"(","queue":"bull:)" + queueName() + "\"}";
        const std::string id =
            add(Side::Ours, "mail", "{}", R"({"failParentOnFailure":true,"parent":)" + tie + "}");
        CPPUNIT_ASSERT_EQUAL(key(parent), field(id, "parentKey"));
        assertEqual(
            R"({"id":")" + parent + R"(","queueKey":"bull:)" + queueName() + R"(","fpof":true})",
            field(id, "parent"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1},
                             number({"SISMEMBER", key(parent + ":dependencies"), key(id)}));
        rapidjson::Document theirs;
        theirs.Parse(jobJson(id).c_str());
        CPPUNIT_ASSERT_EQUAL(tie, textOf(theirs["opts"]["parent"]));
    }

    void c043_aBulkRetainsItsOrder() {
        std::vector<NewJob> jobs(1000);
        Strings ids;
        for (int i = 0; i < 1000; ++i) {
            jobs[static_cast<std::size_t>(i)].name = "mail";
            ids.push_back(std::to_string(i + 1));
        }
        Strings added;
        for (const AddResult& one :
             queue().addBulk(std::move(jobs), Queue::Clock::now() + std::chrono::seconds(20))) {
            added.push_back(one.id);
        }
        CPPUNIT_ASSERT(ids == added);
        expectRun(ids, Side::Node);
    }

    void c044_addsToAPausedQueueWaitWithoutAMarker() {
        node("queue.pause");
        const std::string id = add(Side::Ours, "mail");
        assertEqual(id, joined(list(key("wait"))));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"paused", "marker"}));
        assertEqual("added name=mail | waiting", eventsOf(id));
    }

    void c045_addsToAFullQueueWriteNoMarker() {
        queue().setGlobalConcurrency(1);
        const std::string first = add(Side::Ours, "hold");
        startWorker(Side::Node);
        untilState(first, "active");
        redis({"DEL", key("marker")});
        add(Side::Ours, "mail");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"marker"}));
        release(Side::Node);
        untilState("2", "completed");
    }

    void c022_weRunNodesJobsInTheirOrder() {
        Strings ids;
        for (int i = 0; i < 3; ++i) {
            ids.push_back(add(Side::Node, "mail"));
        }
        ids.insert(ids.begin(), add(Side::Node, "mail", "{}", R"({"lifo":true})"));
        expectRun(ids);
    }

    void c025_delayedJobsOfOneMillisecondRunInOrder() {
        const std::int64_t due = clock_.wallMs() + 1500;
        const std::string opts =
            "{\"timestamp\":" + std::to_string(due - 60000) + ",\"delay\":60000}";
        Strings ids;
        for (const Side producer : {Side::Ours, Side::Node, Side::Node, Side::Ours}) {
            ids.push_back(add(producer, "mail", "{}", opts));
        }
        for (std::size_t i = 0; i < ids.size(); ++i) {
            CPPUNIT_ASSERT_EQUAL(static_cast<double>(due * 4096 + static_cast<std::int64_t>(i)),
                                 scoreOf("delayed", ids[i]));
        }
        expectRun(ids);
    }

    void c027_aDelayedJobWithAPriorityEndsUpPrioritized() {
        const std::string opts = R"({"delay":1,"priority":3})";
        const Strings ids = {add(Side::Node, "mail", "{}", opts),
                             add(Side::Ours, "mail", "{}", opts)};
        CPPUNIT_ASSERT(members("delayed") == ids);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"prioritized", "wait"}));
        nextMillisecond();
        nextMillisecond();
        CPPUNIT_ASSERT_EQUAL(ids[0], claim(1).at(0).id);
        CPPUNIT_ASSERT_EQUAL(ids[1], joined(members("prioritized")));
        assertEqual("prioritized", nodeState(ids[1]));
        assertEqual("added name=mail | delayed delay=" + dueOf(ids[1]) + " | waiting prev=delayed",
                    eventsOf(ids[1]));
    }

    void c029_equalPrioritiesAreFirstInFirstOut() {
        Strings low;
        Strings high;
        for (const Side producer : {Side::Ours, Side::Node, Side::Ours, Side::Node}) {
            low.push_back(add(producer, "mail", "{}", R"({"priority":7})"));
            high.push_back(add(producer, "mail", "{}", R"({"priority":2})"));
        }
        Strings order = {add(Side::Node, "mail"), add(Side::Ours, "mail")};
        order.insert(order.end(), high.begin(), high.end());
        order.insert(order.end(), low.begin(), low.end());
        expectRun(order);
    }

    void c033_nodesShortNamesAreUnderstood() {
        Strings ids = {add(Side::Node,
                           "mail",
                           "{}",
                           R"({"keepLogs":3,"deduplication":{"id":"once","ttl":60000},)"
                           R"("telemetry":{"metadata":"trace","omitContext":true}})")};
        for (const char* flag : {"failParentOnFailure",
                                 "continueParentOnFailure",
                                 "ignoreDependencyOnFailure",
                                 "removeDependencyOnFailure"}) {
            peer().call("flow.add",
                        R"("args": [{"name": "mail", "queueName": ")" + queueName() +
                            R"(-parents", "children": [{"name": "mail", "queueName": ")" +
                            queueName() + R"(", "opts": {"jobId": ")" + flag + R"(", ")" + flag +
                            R"(": true}}]}])");
            ids.emplace_back(flag);
        }
        for (const std::string& id : ids) {
            assertContains(field(id, "opts"), id == ids[0] ? "\"kl\":3" : "of\":true");
            rapidjson::Document theirs;
            theirs.Parse(jobJson(id).c_str());
            rapidjson::Document mine;
            const std::string opts = queue().job(id)->opts.toPublicJson();
            mine.Parse(opts.c_str());
            CPPUNIT_ASSERT_MESSAGE(opts + " and " + textOf(theirs["opts"]), mine == theirs["opts"]);
        }
    }

    void c034_unknownOptionsSurvive() {
        const std::string opts =
            R"({"attempts":2,"backoff":50,"fromTheFuture":{"a":[1e3,"\u00e9"]}})";
        behaviours_["twice"] = [](RunningJob& job) {
            CPPUNIT_ASSERT(job.updateData(R"({"n":2})") == HostStatus::Ok);
            job.setOutcome({job.job().attemptsMade == 0 ? JobOutcome::Kind::Failed
                                                        : JobOutcome::Kind::Completed,
                            "{}",
                            "",
                            0});
        };
        const std::string id = stored(opts, "twice");
        startWorker(Side::Ours);
        untilState(id, "completed");
        CPPUNIT_ASSERT_EQUAL(opts, field(id, "opts"));
        assertEqual("2", field(id, "atm"));
    }

    void c035_aBackoffIsANumberOrAnObject() {
        startWorker(Side::Ours);
        for (const char* backoff : {"60000", R"({"type":"fixed","delay":60000})"}) {
            const std::string id =
                stored(R"({"attempts":2,"backoff":)" + std::string(backoff) + "}", "fail");
            untilState(id, "delayed");
            assertEqual("60000", field(id, "delay"));
        }
    }

    void c036_withoutAttemptsThereIsOne() {
        startWorker(Side::Ours);
        const std::string good = stored("{}", "mail");
        untilState(good, "completed");
        const std::string bad = stored(R"({"backoff":50})", "fail");
        untilState(bad, "failed");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1},
                             countOf("retries-exhausted " + bad + " attemptsMade=1"));
    }

    void c037_otherWritersJsonIsRead() {
        startWorker(Side::Ours);
        const std::string id = stored(
            R"({"attempts":2.0e0,"backoff":{"type":"fixed","delay":6E4},"note":"a\/b","tags":{},)"
            R"("stackTraceLimit":1e0})",
            "fail",
            {"stacktrace", "{}"});
        untilState(id, "delayed");
        assertEqual("60000", field(id, "delay"));
        rapidjson::Document trace;
        trace.Parse(field(id, "stacktrace").c_str());
        CPPUNIT_ASSERT(trace.IsArray());
        CPPUNIT_ASSERT_EQUAL(1u, trace.Size());
    }

    void c038_ourHandlerGetsTheDataByteForByte() {
        const std::string data =
            R"({"text":"żółw 🐢 \" \\ / \u0001","big":12345678901234567890,"small":-0.5e-7,)"
            R"("list":[[],{},null,true],"":{"a.b":"c:d"}})";
        const std::string id = add(Side::Node, "mail", data);
        startWorker(Side::Ours);
        untilState(id, "completed");
        CPPUNIT_ASSERT_EQUAL(field(id, "data"), seenByOurs().at(0).data);
        CPPUNIT_ASSERT_EQUAL(field(id, "data"), field(id, "returnvalue"));
    }

private:
    void expectRun(const Strings& order, Side worker = Side::Ours) {
        startWorker(worker);
        eventually(
            "all ran",
            [&] {
                return number({"ZCARD", key("completed")}) ==
                       static_cast<std::int64_t>(order.size());
            },
            std::chrono::seconds(60));
        CPPUNIT_ASSERT_EQUAL(joined(order), joined(begun(worker)));
    }

    /// Drover refuses the add, with that text, before it calls Redis.
    void expectRefused(const std::string& opts, const std::string& message) {
        const Strings before = streamed();
        const AddResult result = queue().add({"mail", "{}", JobOptions::parse(opts)});
        CPPUNIT_ASSERT(result.status == AddResult::Status::Rejected);
        assertContains(result.message, message);
        CPPUNIT_ASSERT_EQUAL(joined(before), joined(streamed()));
    }

    std::string dueOf(const std::string& id) {
        return std::to_string(std::stoll(field(id, "timestamp")) + 1);
    }

    /// A job that waits, with these opts, as another client stores it.
    std::string stored(const std::string& opts, const std::string& name, const Strings& more = {}) {
        const std::string id = "stored-" + std::to_string(++stored_);
        Strings command = {"HSET",
                           key(id),
                           "name",
                           name,
                           "data",
                           "{}",
                           "opts",
                           opts,
                           "timestamp",
                           std::to_string(clock_.wallMs()),
                           "delay",
                           "0",
                           "priority",
                           "0"};
        command.insert(command.end(), more.begin(), more.end());
        redis(command);
        redis({"LPUSH", key("wait"), id});
        redis({"ZADD", key("marker"), "0", "0"});
        return id;
    }

    int stored_ = 0;
};

namespace {

const Statements<AddSection> kRegistered(
    {STATEMENT(AddSection, c013_aPlainJobHasSixFields),
     STATEMENT(AddSection, c014_delayAndPriorityAreTheTextZero),
     STATEMENT(AddSection, c015_bothDrawFromOneCounter),
     STATEMENT(AddSection, c016_aCustomIdDrawsFromTheCounter),
     STATEMENT(AddSection, c017_anIdThatExistsChangesNothing),
     STATEMENT(AddSection, c018_anIdIsTakenInEveryState),
     STATEMENT(AddSection, c019_newJobsEnterAtTheHeadAndLifoAtTheTail),
     STATEMENT(AddSection, c020_nodeRunsOurJobsInTheirOrder),
     STATEMENT(AddSection, c021_nodeRunsOurLifoJobFirst),
     STATEMENT(AddSection, c022_weRunNodesJobsInTheirOrder),
     STATEMENT(AddSection, c023_aPlainAddEmitsAddedAndWaiting),
     STATEMENT(AddSection, c024_aDelayedJobHasItsDueTimeAsScore),
     STATEMENT(AddSection, c025_delayedJobsOfOneMillisecondRunInOrder),
     STATEMENT(AddSection, c026_aDelayOfZeroOrLessDoesNotDelay),
     STATEMENT(AddSection, c027_aDelayedJobWithAPriorityEndsUpPrioritized),
     STATEMENT(AddSection, c028_theScoreIsPriorityAndCounter),
     STATEMENT(AddSection, c029_equalPrioritiesAreFirstInFirstOut),
     STATEMENT(AddSection, c030_theHighestPriority),
     STATEMENT(AddSection, c031_customIdsThatAreRefused),
     STATEMENT(AddSection, c032_nodeReadsOurOptionsUnderTheirPublicNames),
     STATEMENT(AddSection, c033_nodesShortNamesAreUnderstood),
     STATEMENT(AddSection, c034_unknownOptionsSurvive),
     STATEMENT(AddSection, c035_aBackoffIsANumberOrAnObject),
     STATEMENT(AddSection, c036_withoutAttemptsThereIsOne),
     STATEMENT(AddSection, c037_otherWritersJsonIsRead),
     STATEMENT(AddSection, c038_ourHandlerGetsTheDataByteForByte),
     STATEMENT(AddSection, c039_dataNullAndDataThatIsMissing),
     STATEMENT(AddSection, c040_aCustomIdStandsInTheOptions),
     STATEMENT(AddSection, c041_aMissingParentWritesNothing),
     STATEMENT(AddSection, c042_aChildAndItsParentNameEachOther),
     STATEMENT(AddSection, c043_aBulkRetainsItsOrder),
     STATEMENT(AddSection, c044_addsToAPausedQueueWaitWithoutAMarker),
     STATEMENT(AddSection, c045_addsToAFullQueueWriteNoMarker)});

}  // namespace
