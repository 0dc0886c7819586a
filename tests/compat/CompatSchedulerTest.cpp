#include <string>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "compat/CompatFixture.h"
#include "core/Cron.h"
#include "support/LogCapture.h"
#include "worker/JobScheduler.h"

namespace {

using namespace drover;
using namespace drover::test;
using State = Iteration::State;

}  // namespace

/// Schedulers that BullMQ made, taken turns at by its worker and by ours. Ours takes jobs at a time of its choice.
class CompatScheduler : public CompatFixture {
    CPPUNIT_TEST_SUITE(CompatScheduler);
    CPPUNIT_TEST(c210_bothComputeTheSameCronRuns);
    CPPUNIT_TEST(c215_countAndIterationsGrowByOneWhoeverRuns);
    CPPUNIT_TEST(c218_aRetryMakesNoFurtherIteration);
    CPPUNIT_TEST(c220_aSchedulerRemovedDuringItsRunMakesNoneMore);
    CPPUNIT_TEST(c224_theNextJobHasTheRecordsDataAndTheJobsOptions);
    CPPUNIT_TEST(c225_aJobTakenAgainAfterAStallMakesNoSecondOne);
    CPPUNIT_TEST_SUITE_END_ABSTRACT();

public:
    void c210_bothComputeTheSameCronRuns() {
        // In 2027 the clocks of Madrid change on 28 March and on 31 October.
        upsert(R"({"pattern": "30 2 27-29,30,31 3,10 *", "tz": "Europe/Madrid"})");
        const TimeZone madrid = TimeZone::named("Europe/Madrid");
        const Cron pattern("30 2 27-29,30,31 3,10 *");
        std::int64_t due = next();
        CPPUNIT_ASSERT_EQUAL(pattern.next(clock_.wallMs(), madrid).value(), due);
        for (int run = 0; run < 12; ++run) {
            const std::int64_t wanted = pattern.next(due, madrid).value();
            CPPUNIT_ASSERT_EQUAL(wanted, run % 2 == 0 ? runOurs(dueOf(due)) : runNodes());
            due = wanted;
        }
    }

    void c215_countAndIterationsGrowByOneWhoeverRuns() {
        upsert(kSlow);
        std::int64_t due = next();
        for (int run = 1; run <= 4; ++run) {
            CPPUNIT_ASSERT_EQUAL(std::to_string(run), field("repeat:beat", "ic"));
            CPPUNIT_ASSERT_EQUAL(run, optsOf(due)["repeat"]["count"].GetInt());
            due = run % 2 == 0 ? runNodes() : runOurs(dueOf(due));
        }
        CPPUNIT_ASSERT_EQUAL(std::string("5"), field("repeat:beat", "ic"));
    }

    void c218_aRetryMakesNoFurtherIteration() {
        upsert(kSlow, R"({"opts": {"attempts": 3}})");
        const std::int64_t due = dueOf(next());
        const ClaimedJob job = take(due);
        const Iteration made = iterate(job, due);
        expect(State::Done, made);
        ours().retryJobs(client(), {{job.id, job.token, 0, false, "told to fail", "[]"}}, due);
        const ClaimedJob again = take(due + 1);
        CPPUNIT_ASSERT_EQUAL(job.id, again.id);
        expect(State::Nothing, iterate(again, due + 1));
        CPPUNIT_ASSERT_EQUAL(std::string("2"), field("repeat:beat", "ic"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", key("delayed")}));
        CPPUNIT_ASSERT_EQUAL(std::string("delayed"), nodeState(made.text));
    }

    void c220_aSchedulerRemovedDuringItsRunMakesNoneMore() {
        upsert(kSlow);
        const std::int64_t due = dueOf(next());
        const ClaimedJob job = take(due);
        CPPUNIT_ASSERT(node("queue.removeJobScheduler", R"("args": ["beat"])").GetBool());
        expect(State::Nothing, iterate(job, due));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", key("repeat"), key("delayed")}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", key("repeat:beat")}));
    }

    void c224_theNextJobHasTheRecordsDataAndTheJobsOptions() {
        upsert(kSlow,
               R"({"name": "old", "data": {"n": 1}, "opts": {"attempts": 3, "priority": 5}})");
        const std::int64_t due = dueOf(next());
        const ClaimedJob job = take(due);
        redis({"HSET", key("repeat:beat"), "data", R"({"n":2})", "name", "new", "opts", "{}"});
        const Iteration made = iterate(job, due);
        CPPUNIT_ASSERT_EQUAL(std::string("new"), field(made.text, "name"));
        CPPUNIT_ASSERT_EQUAL(std::string(R"({"n":2})"), field(made.text, "data"));
        CPPUNIT_ASSERT_EQUAL(std::string("5"), field(made.text, "priority"));
        rapidjson::Document read;
        read.Parse(jobJson(made.text).c_str());
        CPPUNIT_ASSERT_EQUAL(3, read["opts"]["attempts"].GetInt());
        CPPUNIT_ASSERT_EQUAL(5, read["opts"]["priority"].GetInt());
        CPPUNIT_ASSERT_EQUAL(made.text, std::string(read["opts"]["jobId"].GetString()));
        CPPUNIT_ASSERT_EQUAL(std::string("beat"), std::string(read["repeatJobKey"].GetString()));
    }

    void c225_aJobTakenAgainAfterAStallMakesNoSecondOne() {
        upsert(kSlow);
        const std::int64_t due = dueOf(next());
        const ClaimedJob job = take(due);
        expect(State::Done, iterate(job, due));
        redis({"DEL", key(job.id + ":lock")});
        for (int check = 0; check < 2; ++check) {
            redis({"DEL", key("stalled-check")});
            ours().checkStalled(client(), due + check, std::chrono::seconds(1), 5, 100, false);
        }
        const ClaimedJob again = take(due + 5000);
        CPPUNIT_ASSERT_EQUAL(job.id, again.id);
        expect(State::Nothing, iterate(again, due + 5000));
        CPPUNIT_ASSERT_EQUAL(std::string("2"), field("repeat:beat", "ic"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", key("delayed")}));
    }

protected:
    CompatScheduler(std::string version, Bullmq5 bullmq5) : CompatFixture(std::move(version)) {
        bullmq5_ = bullmq5;
    }

    /// Its first job is delayed for long.
    static constexpr const char* kSlow = R"({"pattern": "0 0 1 1 *", "tz": "UTC"})";

    /// Our side of this queue, with the mode of the suite.
    [[nodiscard]] QueueBackend ours() const {
        return QueueBackend(QueueKeys("bull", queueName()), bullmq5_);
    }

    void upsert(const std::string& repeat, const std::string& jobTemplate = "{}") {
        node("queue.upsertJobScheduler",
             R"("args": ["beat", )" + repeat + ", " + jobTemplate + "]");
    }
    /// The score of the scheduler.
    std::int64_t next() { return std::stoll(text({"ZSCORE", key("repeat"), "beat"})); }
    /// When the job of a score runs: 5.48 adds an offset to its period, and up to some milliseconds to any moment.
    std::int64_t dueOf(std::int64_t score) {
        const Reply scored = redis({"ZSCORE", key("delayed"), idAt(score)});
        return scored.isNil()
                   ? score
                   : static_cast<std::int64_t>(std::stod(std::string(scored.text())) / 4096);
    }
    rapidjson::Document optsOf(std::int64_t slot) {
        rapidjson::Document opts;
        opts.Parse(field(idAt(slot), "opts").c_str());
        return opts;
    }
    static std::string idAt(std::int64_t slot) { return "repeat:beat:" + std::to_string(slot); }

    ClaimedJob take(std::int64_t nowMs) {
        AdvanceRequest request;
        request.claim = 1;
        request.token = "ours";
        request.lockDuration = std::chrono::seconds(30);
        const auto jobs = ours().advance(client(), request, nowMs).jobs();
        CPPUNIT_ASSERT_EQUAL_MESSAGE("jobs to take", std::size_t{1}, jobs.size());
        return jobs[0];
    }
    Iteration iterate(const ClaimedJob& job, std::int64_t nowMs) {
        const QueueBackend backend = ours();
        return JobScheduler(backend).iterate(client(), job, nowMs);
    }
    void complete(const ClaimedJob& job, std::int64_t nowMs) {
        AdvanceRequest request;
        FinishItem item;
        item.id = job.id;
        item.token = job.token;
        item.value = "null";
        request.finish = {item};
        CPPUNIT_ASSERT_EQUAL(0, ours().advance(client(), request, nowMs).codes.at(0));
    }
    /// Takes the job that is there at `nowMs`, makes the next one and completes it. Returns the new score.
    std::int64_t runOurs(std::int64_t nowMs) {
        const ClaimedJob job = take(nowMs);
        const Iteration made = iterate(job, nowMs);
        expect(State::Done, made);
        complete(job, nowMs);
        return next();
    }
    /// Node's worker runs the next job now, however far away it is. Returns the new score.
    std::int64_t runNodes() {
        const std::string id = idAt(next());
        if (nodeState(id) == "delayed") {
            node("job.promote", R"("job": ")" + id + "\"");
        }
        startWorker(Side::Node);
        untilState(id, "completed");
        stopWorker(Side::Node);
        return next();
    }

    static void expect(State wanted, const Iteration& made) {
        CPPUNIT_ASSERT_EQUAL_MESSAGE(
            made.text, static_cast<int>(wanted), static_cast<int>(made.state));
    }
    /// 5.48 counts a delay from a moment a little before the one that it stores.
    static void expectNear(std::int64_t wanted, std::int64_t due) {
        CPPUNIT_ASSERT_MESSAGE(std::to_string(due - wanted) + " ms off",
                               due >= wanted && due < wanted + 50);
    }

private:
};

class CompatScheduler670Test : public CompatScheduler {
    CPPUNIT_TEST_SUB_SUITE(CompatScheduler670Test, CompatScheduler);
    CPPUNIT_TEST(c206_everyFollowsOnToTheMillisecondWhoeverRuns);
    CPPUNIT_TEST(c207_afterAPauseTheNextRunKeepsTheOffset);
    CPPUNIT_TEST(c208_anOffsetOfTheUsersIsKept);
    CPPUNIT_TEST(c209_aStartInTheFutureGivesThePhase);
    CPPUNIT_TEST(c211_theZoneGoesAlongAndIsHonoured);
    CPPUNIT_TEST(c212_aLimitOfTwoMakesTwo);
    CPPUNIT_TEST(c213_afterItsEndNoneFollows);
    CPPUNIT_TEST(c214_immediatelyCountsForTheFirstRunAlone);
    CPPUNIT_TEST_SUITE_END();

public:
    CompatScheduler670Test() : CompatScheduler("6.7.0", Bullmq5::Auto) {}

    void c206_everyFollowsOnToTheMillisecondWhoeverRuns() {
        upsert(R"({"every": 3600000})");
        const std::int64_t first = next();
        for (int run = 1; run <= 6; ++run) {
            const std::int64_t wanted = first + run * 3600000LL;
            CPPUNIT_ASSERT_EQUAL(wanted, run % 2 == 1 ? runOurs(wanted - 3600000) : runNodes());
        }
        CPPUNIT_ASSERT_EQUAL(std::string("7"), field("repeat:beat", "ic"));
    }

    void c207_afterAPauseTheNextRunKeepsTheOffset() {
        upsert(R"({"every": 600})");
        const std::int64_t first = next();
        CPPUNIT_ASSERT_EQUAL(first + 600 * 7, runOurs(first + 600 * 6 + 200));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", key("delayed")}));
        // Node is late by some periods as well: due a while ago, and taken now.
        const std::int64_t late = first + 600 * 9 + 100;
        eventually("a few periods are past", [&] { return clock_.wallMs() > late; });
        const std::int64_t after = runNodes();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, (after - first) % 600);
        CPPUNIT_ASSERT(after > late);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", key("delayed")}));
    }

    void c208_anOffsetOfTheUsersIsKept() {
        upsert(R"({"every": 10000, "offset": 3000})");
        std::int64_t due = next();
        for (int run = 0; run < 3; ++run) {
            CPPUNIT_ASSERT_EQUAL(std::int64_t{3000}, due % 10000);
            CPPUNIT_ASSERT_EQUAL(due + 10000, runOurs(due));
            due += 10000;
        }
        CPPUNIT_ASSERT_EQUAL(due + 40000, runOurs(due + 34999));
        CPPUNIT_ASSERT_EQUAL(3000, optsOf(due + 40000)["repeat"]["offset"].GetInt());
    }

    void c209_aStartInTheFutureGivesThePhase() {
        const std::int64_t start = clock_.wallMs() + 7654;
        upsert(R"({"every": 10000, "startDate": )" + std::to_string(start) + "}");
        CPPUNIT_ASSERT_EQUAL(start, next());
        CPPUNIT_ASSERT_EQUAL(start + 10000, runOurs(start));
        CPPUNIT_ASSERT_EQUAL(start + 50000, runOurs(start + 45000));
    }

    void c211_theZoneGoesAlongAndIsHonoured() {
        upsert(R"({"pattern": "30 2 * * *", "tz": "Europe/Madrid"})");
        std::int64_t due = next();
        const TimeZone madrid = TimeZone::named("Europe/Madrid");
        const Cron pattern("30 2 * * *");
        CPPUNIT_ASSERT_EQUAL(pattern.next(clock_.wallMs(), madrid).value(), due);
        // A year of days, both changes of its clocks among them.
        for (int day = 0; day < 370; ++day) {
            const std::int64_t wanted = pattern.next(due, madrid).value();
            CPPUNIT_ASSERT_EQUAL(wanted, runOurs(due + 50));
            due = wanted;
        }
        CPPUNIT_ASSERT_EQUAL(std::string("Europe/Madrid"),
                             std::string(optsOf(due)["repeat"]["tz"].GetString()));

        useQueue(queueName() + "-kolkata");
        upsert(R"({"pattern": "30 2 * * *", "tz": "Asia/Kolkata"})");
        const std::int64_t first = next();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{21 * 3600000}, first % 86400000);
        CPPUNIT_ASSERT_EQUAL(first + 86400000, runOurs(first));
        CPPUNIT_ASSERT_EQUAL(first + 2 * 86400000, runNodes());
    }

    void c212_aLimitOfTwoMakesTwo() {
        upsert(R"({"every": 5000, "limit": 2})");
        const std::int64_t second = runOurs(clock_.wallMs());
        const ClaimedJob job = take(second);
        expect(State::Nothing, iterate(job, second));
        complete(job, second);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number({"ZCARD", key("completed")}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", key("delayed"), key("wait")}));
        CPPUNIT_ASSERT_EQUAL(second, next());
    }

    void c213_afterItsEndNoneFollows() {
        // The end is after the second run.
        const TimeZone utc = TimeZone::named("UTC");
        const std::int64_t first = Cron("0 0 1 1 *").next(clock_.wallMs(), utc).value();
        const std::int64_t second = Cron("0 0 1 1 *").next(first, utc).value();
        upsert(R"({"pattern": "0 0 1 1 *", "tz": "UTC", "endDate": )" + std::to_string(second) +
               "}");
        CPPUNIT_ASSERT_EQUAL(first, next());
        CPPUNIT_ASSERT_EQUAL(second, runOurs(first));
        expect(State::Nothing, iterate(take(second), second));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", key("delayed"), key("wait")}));
    }

    void c214_immediatelyCountsForTheFirstRunAlone() {
        upsert(R"({"pattern": "0 0 1 1 *", "tz": "UTC", "immediately": true})");
        const std::int64_t now = clock_.wallMs();
        CPPUNIT_ASSERT(next() <= now);
        CPPUNIT_ASSERT_EQUAL(Cron("0 0 1 1 *").next(now, TimeZone::named("UTC")).value(),
                             runOurs(now));
    }
};

class CompatScheduler548Test : public CompatScheduler {
    CPPUNIT_TEST_SUB_SUITE(CompatScheduler548Test, CompatScheduler);
    CPPUNIT_TEST(c269_aRepeatableIsRunAndNotRepeated);
    CPPUNIT_TEST(c284_aWorkerOf548GoesOnFromOurs);
    CPPUNIT_TEST(c285_takingTurnsAtEveryNoneIsCloseOrDoubled);
    CPPUNIT_TEST(c287_theJobsKindCountsWhereTheRecordHasBoth);
    CPPUNIT_TEST_SUITE_END();

public:
    CompatScheduler548Test() : CompatScheduler("5.48.1", Bullmq5::On) {}

    void c269_aRepeatableIsRunAndNotRepeated() {
        LogCapture log("worker");
        for (const char* opts : {R"({"repeat": {"every": 60000}})",
                                 R"({"repeat": {"pattern": "0 0 1 1 *"}})",
                                 R"({"repeat": {"every": 50000, "key": "own"}})"}) {
            node("queue.add", R"("args": ["old", {"n": 1}, )" + std::string(opts) + "]");
        }
        const std::string before = nodeText("keys.dump");
        rapidjson::Document keysBefore;
        keysBefore.Parse(before.c_str());
        const QueueBackend backend = ours();
        JobScheduler scheduler(backend);
        for (int n = 0; n < 3; ++n) {
            const ClaimedJob job = take(clock_.wallMs() + 400LL * 86400000);
            CPPUNIT_ASSERT(!job.scheduler.empty());
            for (int again = 0; again < 2; ++again) {
                expect(State::Legacy,
                       scheduler.iterate(client(), job, clock_.wallMs() + 400LL * 86400000));
            }
            complete(job, clock_.wallMs());
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, log.count("is not repeated from here"));
        const auto after = node("keys.dump");
        int compared = 0;
        for (const auto& entry : keysBefore.GetObject()) {
            const std::string name = entry.name.GetString();
            const bool isRecord =
                name == "repeat" ||
                (name.rfind("repeat:", 0) == 0 && keysBefore[name.c_str()]["value"].IsObject() &&
                 !entry.value["value"].HasMember("rjk"));
            if (isRecord) {
                ++compared;
                CPPUNIT_ASSERT_EQUAL(textOf(entry.value), textOf(after[name.c_str()]));
            }
        }
        CPPUNIT_ASSERT(compared >= 2);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", key("delayed"), key("wait")}));
    }

    void c284_aWorkerOf548GoesOnFromOurs() {
        upsert(R"({"every": 3600000})");
        runNodes();
        const std::int64_t ours = runOurs(dueOf(next()) + 5);
        const auto opts = optsOf(ours);
        CPPUNIT_ASSERT(opts.HasMember("prevMillis") && opts["repeat"].HasMember("offset"));
        CPPUNIT_ASSERT_EQUAL(ours, opts["prevMillis"].GetInt64());
        CPPUNIT_ASSERT_EQUAL(field("repeat:beat", "offset"),
                             std::to_string(opts["repeat"]["offset"].GetInt64()));
        runNodes();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", key("delayed")}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", key("wait")}));
        expectNear(ours + 3600000, dueOf(next()));
    }

    void c285_takingTurnsAtEveryNoneIsCloseOrDoubled() {
        upsert(R"({"every": 3600000})");
        std::int64_t due = clock_.wallMs();
        for (int run = 1; run <= 9; ++run) {
            if (run % 3 == 2) {
                runOurs(due + 5);
            } else {
                runNodes();
            }
            const std::int64_t before = due;
            due = dueOf(next());
            CPPUNIT_ASSERT_MESSAGE(
                "run " + std::to_string(run) + ": " + std::to_string(due - before) + " ms later",
                due - before >= 3600000 - 50);
            CPPUNIT_ASSERT_EQUAL(std::int64_t{run}, number({"ZCARD", key("completed")}));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", key("delayed")}));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", key("wait")}));
        }
    }

    void c287_theJobsKindCountsWhereTheRecordHasBoth() {
        upsert(R"({"every": 60000})");
        upsert(R"({"pattern": "0 0 1 1 *", "tz": "UTC"})");
        CPPUNIT_ASSERT_EQUAL(std::string("60000"), field("repeat:beat", "every"));
        const std::int64_t newYear = next();
        const std::int64_t following = runOurs(dueOf(newYear));
        CPPUNIT_ASSERT_EQUAL(Cron("0 0 1 1 *").next(newYear, TimeZone::named("UTC")).value(),
                             following);
        CPPUNIT_ASSERT(optsOf(following)["repeat"].HasMember("pattern"));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CompatScheduler670Test);
CPPUNIT_TEST_SUITE_REGISTRATION(CompatScheduler548Test);
