#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;
using Strings = std::vector<std::string>;

}  // namespace

/// Section B, as far as it is about working what Node has added.
class AddSection : public Conformance {
public:
    using Conformance::Conformance;

    void setUp() override {
        Conformance::setUp();
        settings_.concurrency = 1;
        settings_.batchSize = 1;
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
    void expectRun(const Strings& order) {
        startWorker(Side::Ours);
        eventually("all ran", [&] {
            return number({"ZCARD", key("completed")}) == static_cast<std::int64_t>(order.size());
        });
        CPPUNIT_ASSERT_EQUAL(joined(order), joined(begun(Side::Ours)));
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
    {STATEMENT(AddSection, c022_weRunNodesJobsInTheirOrder),
     STATEMENT(AddSection, c025_delayedJobsOfOneMillisecondRunInOrder),
     STATEMENT(AddSection, c027_aDelayedJobWithAPriorityEndsUpPrioritized),
     STATEMENT(AddSection, c029_equalPrioritiesAreFirstInFirstOut),
     STATEMENT(AddSection, c033_nodesShortNamesAreUnderstood),
     STATEMENT(AddSection, c034_unknownOptionsSurvive),
     STATEMENT(AddSection, c035_aBackoffIsANumberOrAnObject),
     STATEMENT(AddSection, c036_withoutAttemptsThereIsOne),
     STATEMENT(AddSection, c037_otherWritersJsonIsRead),
     STATEMENT(AddSection, c038_ourHandlerGetsTheDataByteForByte)});

}  // namespace
