#include <cppunit/TestAssert.h>

#include "conformance/SharedQueueSection.h"
#include "core/Cron.h"
#include "drover/JobSchedulers.h"
#include "support/Assert.h"
#include "worker/SchedulerIterator.h"

namespace {

using namespace drover;
using namespace drover::test;

constexpr std::int64_t kHour = 3600000;
/// 5.48.1 counts a delay from a moment before the one that it stores: by how much depends on how busy the machine is.
constexpr std::int64_t kLate = 5000;

}  // namespace

/// Section Q: schedulers of a queue that clients of BullMQ 5.x share.
class SharedSchedulersSection : public SharedQueueSection {
public:
    using SharedQueueSection::SharedQueueSection;

    void c269_legacyRepeatableJobsRunAndAreNotRepeatedByUs() {
        // As 5.x leaves them: a record without iteration count, under a hash of its options.
        const std::string id = "c602666ed0e1b2ab3a8f6be9ab60c9e1";
        redis({"HSET", key("repeat:" + id), "name", "mail", "every", "60000"});
        redis({"ZADD", key("repeat"), "1795384200000", id});
        const auto addRun = [&](const std::string& ms) {
            redis({"HSET",
                   key("repeat:" + id + ":" + ms),
                   "name",
                   "mail",
                   "data",
                   "{}",
                   "opts",
                   R"({"repeat":{"every":60000,"count":1},"attempts":0})",
                   "timestamp",
                   "1795384100000",
                   "delay",
                   "0",
                   "priority",
                   "0",
                   "rjk",
                   id});
            redis({"LPUSH", key("wait"), "repeat:" + id + ":" + ms});
        };
        addRun("1795384200000");
        const auto record = fieldsOf("repeat:" + id);
        startWorker(Side::Ours);
        untilState("repeat:" + id + ":1795384200000", "completed");
        addRun("1795384260000");
        redis({"ZADD", key("marker"), "0", "0"});
        untilState("repeat:" + id + ":1795384260000", "completed");
        CPPUNIT_ASSERT(record == fieldsOf("repeat:" + id));
        CPPUNIT_ASSERT_EQUAL(1795384200000.0, scoreOf("repeat", id));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"delayed", "wait"}));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count(id));
        if (is670()) {
            return;
        }

        // Those that a client of the version makes itself.
        stopWorker(Side::Ours);
        useQueue(queueName() + "-real");
        for (const char* opts : {R"({"repeat": {"every": 60000}})",
                                 R"({"repeat": {"pattern": "0 0 1 1 *"}})",
                                 R"({"repeat": {"every": 50000, "key": "own"}})"}) {
            const rapidjson::Document job =
                node("queue.add", R"("args": ["mail", {"n": 1}, )" + std::string(opts) + "]");
            const std::string made = job["id"].GetString();
            if (nodeState(made) == "delayed") {
                node("job.promote", R"("job": ")" + made + "\"");
            }
        }
        const std::vector<std::string> repeated = members("repeat");
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, repeated.size());
        std::vector<std::map<std::string, std::string>> records;
        std::vector<double> scores;
        for (const std::string& one : repeated) {
            records.push_back(fieldsOf("repeat:" + one));
            scores.push_back(scoreOf("repeat", one));
        }
        startWorker(Side::Ours);
        eventually("all ran", [&] { return number({"ZCARD", key("completed")}) == 3; });
        CPPUNIT_ASSERT(repeated == members("repeat"));
        for (std::size_t i = 0; i < repeated.size(); ++i) {
            CPPUNIT_ASSERT(records[i] == fieldsOf("repeat:" + repeated[i]));
            CPPUNIT_ASSERT_EQUAL(scores[i], scoreOf("repeat", repeated[i]));
            CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count(repeated[i]));
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"delayed", "wait", "active"}));
    }

    void c284_aWorkerOf548GoesOnFromOurs() {
        share(Bullmq5::On);
        upsert("{\"every\": " + std::to_string(kHour) + "}");
        runNodes();
        const std::int64_t made = runOurs(dueAt(nextRun()) + 5);
        const rapidjson::Document opts = optsOf(idAt(made));
        CPPUNIT_ASSERT(opts.HasMember("prevMillis") && opts["repeat"].HasMember("offset"));
        CPPUNIT_ASSERT_EQUAL(made, opts["prevMillis"].GetInt64());
        CPPUNIT_ASSERT_EQUAL(field("repeat:tick", "offset"),
                             std::to_string(opts["repeat"]["offset"].GetInt64()));
        runNodes();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", key("delayed")}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"wait"}));
        const std::int64_t due = dueAt(nextRun());
        CPPUNIT_ASSERT_MESSAGE(std::to_string(due - made),
                               due >= made + kHour && due < made + kHour + kLate);
    }

    void c285_takingTurnsWith548NoneIsCloseOrDoubled() {
        share(Bullmq5::On);
        upsert("{\"every\": " + std::to_string(kHour) + "}");
        std::int64_t due = clock_.wallMs();
        for (int run = 1; run <= 9; ++run) {
            if (run % 3 == 2) {
                const std::int64_t wanted = periodDue(idAt(nextRun())) + kHour;
                CPPUNIT_ASSERT_EQUAL(wanted, runOurs(due + 5));
                CPPUNIT_ASSERT_EQUAL(std::to_string(wanted % kHour),
                                     field("repeat:tick", "offset"));
            } else {
                runNodes();
            }
            const std::int64_t before = due;
            due = dueAt(nextRun());
            CPPUNIT_ASSERT_MESSAGE(
                "run " + std::to_string(run) + ": " + std::to_string(due - before) + " ms later",
                due - before >= kHour - kLate);
            CPPUNIT_ASSERT_EQUAL(std::int64_t{run}, number({"ZCARD", key("completed")}));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", key("delayed")}));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"wait"}));
        }
    }

    void c286_what548LeavesToFollowIsAddedOnce() {
        share(Bullmq5::On);
        const auto addBySix = [&](const std::string& name, const std::string& data) {
            const rapidjson::Document job =
                six().call("queue.add",
                           target() + ", \"args\": [\"" + name + "\", " + data +
                               R"(, {"deduplication": {"id": "once", "keepLastIfActive": true}}])");
            return std::string(job["id"].GetString());
        };
        startWorker(Side::Node);
        const std::string first = addBySix("hold", R"({"n":1})");
        untilState(first, "active");
        addBySix("mail", R"({"n":2})");
        addBySix("mail", R"({"n":3})");
        release(Side::Node);
        untilState(first, "completed");
        stopWorker(Side::Node);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"de:once", "wait"}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, existing({"dn:once"}));

        weCheck(200);
        eventually("it follows", [&] { return number({"LLEN", key("wait")}) == 1; });
        sweeper_.reset();
        const std::string next = list(key("wait"))[0];
        CPPUNIT_ASSERT(next != first);
        assertEqual(R"({"n":3})", field(next, "data"));
        CPPUNIT_ASSERT_EQUAL(next, text({"GET", key("de:once")}));
        assertEqual("added name=mail | waiting", eventsOf(next));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"dn:once"}));
        rescueLost(ours());
        CPPUNIT_ASSERT_EQUAL(next, joined(list(key("wait"))));
        startWorker(Side::Ours);
        untilState(next, "completed");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"de:once", "dn:once", "wait", "active"}));
        stopWorker(Side::Ours);

        // An add of ours in between wins.
        redis({"HSET", key("dn:once"), "name", "mail", "data", R"({"n":4})", "opts", "{}"});
        const std::string won =
            add(Side::Ours,
                "mail",
                R"({"n":5})",
                R"({"deduplication": {"id": "once", "keepLastIfActive": true}})");
        CPPUNIT_ASSERT_EQUAL(won, text({"GET", key("de:once")}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"dn:once"}));
        rescueLost(ours());
        CPPUNIT_ASSERT_EQUAL(won, joined(list(key("wait"))));
    }

    void c287_aRecordWithBothKindsGoesByTheJob() {
        share(Bullmq5::On);
        upsert(R"({"every": 60000})");
        upsert(R"({"pattern": "0 0 1 1 *", "tz": "UTC"})");
        assertEqual("60000", field("repeat:tick", "every"));
        expectListed("pattern");
        const std::int64_t newYear = nextRun();
        const std::int64_t following = runOurs(dueAt(newYear));
        CPPUNIT_ASSERT_EQUAL(Cron("0 0 1 1 *").next(newYear, TimeZone::named("UTC")).value(),
                             following);
        CPPUNIT_ASSERT(optsOf(idAt(following))["repeat"].HasMember("pattern"));

        // The other way round.
        useQueue(queueName() + "-every");
        upsert(R"({"pattern": "0 0 1 1 *", "tz": "UTC"})");
        upsert("{\"every\": " + std::to_string(kHour) + "}");
        assertEqual("0 0 1 1 *", field("repeat:tick", "pattern"));
        expectListed("every");
        const std::int64_t due = periodDue(idAt(nextRun()));
        const std::int64_t next = runOurs(due + kLate);
        CPPUNIT_ASSERT_EQUAL(due + kHour, next);
        CPPUNIT_ASSERT(optsOf(idAt(next))["repeat"].HasMember("every"));
    }

private:
    static std::string idAt(std::int64_t slot) { return "repeat:tick:" + std::to_string(slot); }

    /// Our list has that kind alone.
    void expectListed(const std::string& kind) {
        JobSchedulers schedulers(handleOf(options()), {"bull", queueName(), Bullmq5::On});
        const std::vector<JobScheduler> found = schedulers.list();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, found.size());
        CPPUNIT_ASSERT_EQUAL(kind == "every", found[0].repeat.every.has_value());
        CPPUNIT_ASSERT_EQUAL(kind == "pattern", !found[0].repeat.pattern.empty());
    }

    /// When the job of a slot runs: 5.48.1 adds an offset to its period.
    std::int64_t dueAt(std::int64_t slot) {
        const bool delayed = !redis({"ZSCORE", key("delayed"), idAt(slot)}).isNil();
        return delayed ? dueOf(idAt(slot)) : slot;
    }

    /// When 5.48.1 means a job of its `every` to run.
    std::int64_t periodDue(const std::string& id) {
        const rapidjson::Document opts = optsOf(id);
        return opts["prevMillis"].GetInt64() + opts["repeat"]["offset"].GetInt64();
    }

    /// Claims the scheduler's job as if that were the time, makes the next one, and completes it. Returns the new slot.
    std::int64_t runOurs(std::int64_t nowMs) {
        const ClaimedJob job = claimOne(nowMs);
        const Iteration made = SchedulerIterator(ours()).iterate(client(), job, nowMs);
        CPPUNIT_ASSERT_MESSAGE(made.text, made.state == Iteration::State::Done);
        CPPUNIT_ASSERT_EQUAL(0, finish(job.id, "token"));
        return nextRun();
    }

    /// Node's worker runs the scheduler's job now, however far away it is.
    void runNodes() {
        const std::string id = idAt(nextRun());
        if (nodeState(id) == "delayed") {
            node("job.promote", R"("job": ")" + id + "\"");
        }
        startWorker(Side::Node);
        untilState(id, "completed");
        stopWorker(Side::Node);
    }
};

namespace {

const Statements<SharedSchedulersSection> kRegistered(
    {STATEMENT(SharedSchedulersSection, c269_legacyRepeatableJobsRunAndAreNotRepeatedByUs),
     STATEMENT(SharedSchedulersSection, c284_aWorkerOf548GoesOnFromOurs),
     STATEMENT(SharedSchedulersSection, c285_takingTurnsWith548NoneIsCloseOrDoubled),
     STATEMENT(SharedSchedulersSection, c286_what548LeavesToFollowIsAddedOnce),
     STATEMENT(SharedSchedulersSection, c287_aRecordWithBothKindsGoesByTheJob)});

}  // namespace
