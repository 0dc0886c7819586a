#include <algorithm>

#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "drover/Exceptions.h"
#include "drover/JobSchedulers.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;

}  // namespace

/// Section M: job schedulers, made by either side; the worker that claims one of their jobs plans the next one.
class SchedulerSection : public Conformance {
public:
    using Conformance::Conformance;

    void c205_anUpsertOfOursStoresRecordAndFirstJob() {
        const std::string job = R"({"name": "mail", "data": {"n":1}, "opts": {"attempts": 2}})";
        upsert(Side::Ours, R"({"every": 2000})", job);
        const std::int64_t next = nextRun();
        const auto record = fieldsOf("repeat:tick");
        const std::map<std::string, std::string> wanted = {{"name", "mail"},
                                                           {"every", "2000"},
                                                           {"offset", std::to_string(next % 2000)},
                                                           {"ic", "1"},
                                                           {"data", R"({"n":1})"},
                                                           {"opts", R"({"attempts":2})"}};
        CPPUNIT_ASSERT(wanted == record);
        expectOnePending(next);
        const std::string id = "repeat:tick:" + std::to_string(next);
        CPPUNIT_ASSERT_EQUAL(id, joined(list(key("wait"))));
        assertEqual("added name=mail | waiting", eventsOf(id));
        const auto ours = fieldsOf(id);
        startWorker(Side::Node);
        untilState(id, "completed");
        stopWorker(Side::Node);
        CPPUNIT_ASSERT(nextRun() > next);

        // The same as BullMQ stores.
        useQueue(queueName() + "-node");
        upsert(R"({"every": 2000})", job);
        const auto theirs = fieldsOf("repeat:tick:" + std::to_string(nextRun()));
        for (const auto& [name, value] : theirs) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(name, std::size_t{1}, ours.count(name));
        }
        CPPUNIT_ASSERT_EQUAL(theirs.size(), ours.size());
        if (!is548()) {
            CPPUNIT_ASSERT_EQUAL(withoutMoments(theirs.at("opts"), nextRun()),
                                 withoutMoments(ours.at("opts"), next));
        }
    }

    void c206_eitherSideMakesTheNextIterationOnePeriodLater() {
        upsert(R"({"every": 700})");
        for (const Side worker : {Side::Ours, Side::Node, Side::Ours}) {
            startWorker(worker);
            const std::int64_t before = number({"ZCARD", key("completed")});
            eventually("two more ran", [&] {
                return number({"ZCARD", key("completed")}) >= before + 2;
            });
            stopWorker(worker);
        }
        const std::vector<std::int64_t> slots = runs();
        for (std::size_t i = 0; i + 1 < slots.size(); ++i) {
            const std::int64_t step = slots[i + 1] - slots[i];
            // A claim so late that the next period has begun leaves that period out.
            const std::int64_t taken =
                std::stoll(field("repeat:tick:" + std::to_string(slots[i]), "processedOn"));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, step % 700);
            CPPUNIT_ASSERT_MESSAGE("a period is missing",
                                   step == 700 || taken >= slots[i] + step - 750);
        }
        expectOnePending(nextRun());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, (nextRun() - slots.back()) % 700);
    }

    void c207_afterMissedPeriodsOneJobFollowsInPhase() {
        upsert(R"({"every": 400})");
        const std::int64_t first = nextRun();
        eventually("periods passed", [&] { return clock_.wallMs() > first + 1500; });
        startWorker(Side::Ours);
        eventually("it ran", [&] { return number({"ZCARD", key("completed")}) == 1; });
        stopWorker(Side::Ours);
        const std::int64_t next = nextRun();
        CPPUNIT_ASSERT(next > first + 1500);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, (next - first) % 400);
        expectOnePending(next);
    }

    void c208_anOffsetShiftsThePhase() {
        upsert(R"({"every": 600, "offset": 200})");
        startWorker(Side::Ours);
        eventually("three ran", [&] { return number({"ZCARD", key("completed")}) >= 3; });
        stopWorker(Side::Ours);
        for (const std::int64_t slot : runs()) {
            CPPUNIT_ASSERT_EQUAL(std::int64_t{200}, slot % 600);
        }
        expectOnePending(runs().back() + 600);
    }

    void c209_aStartDateSetsFirstRunAndPhase() {
        const std::int64_t start = clock_.wallMs() + 900;
        upsert("{\"every\": 500, \"startDate\": " + std::to_string(start) + "}");
        startWorker(Side::Ours);
        eventually("three ran", [&] { return number({"ZCARD", key("completed")}) >= 3; });
        stopWorker(Side::Ours);
        const std::vector<std::int64_t> slots = runs();
        CPPUNIT_ASSERT_EQUAL(start, slots[0]);
        CPPUNIT_ASSERT_EQUAL(start + 500, slots[1]);
        CPPUNIT_ASSERT_EQUAL(start + 1000, slots[2]);
    }

    void c210_eitherSideComputesTheOthersCronRuns() {
        upsert(R"({"pattern": "* * * * * *"})");
        for (const Side worker : {Side::Ours, Side::Node, Side::Ours}) {
            startWorker(worker);
            const std::int64_t before = number({"ZCARD", key("completed")});
            eventually("two more ran", [&] {
                return number({"ZCARD", key("completed")}) >= before + 2;
            });
            stopWorker(worker);
        }
        const std::vector<std::int64_t> slots = runs();
        for (std::size_t i = 0; i < slots.size(); ++i) {
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, slots[i] % 1000);
            CPPUNIT_ASSERT(i == 0 || slots[i] - slots[i - 1] == 1000);
        }
        // Patterns whose next run is far: the same run by either side.
        for (const char* pattern : {"30 2 * * *", "0 0 L * *", "0 0 13 * 5", "*/7 3-5 * * 1-5"}) {
            expectSameNextRun("{\"pattern\": \"" + std::string(pattern) + R"(", "tz": "UTC"})");
        }
    }

    void c211_theTimeZoneIsTheSchedulers() {
        for (const char* zone :
             {"America/New_York", "Asia/Kolkata", "Pacific/Auckland", "Europe/Madrid"}) {
            expectSameNextRun("{\"pattern\": \"15 9 * * *\", \"tz\": \"" + std::string(zone) +
                              "\"}");
        }
    }

    void c212_aLimitOfTwoMakesTwoJobs() {
        upsert(R"({"every": 300, "limit": 2})");
        startWorker(Side::Ours);
        eventually("both ran", [&] { return number({"ZCARD", key("completed")}) == 2; });
        untilNothingActive();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"delayed", "wait", "prioritized"}));
        assertEqual("tick", joined(members("repeat")));
    }

    void c213_anEndDateEndsIt() {
        const std::int64_t end = clock_.wallMs() + 1200;
        upsert("{\"every\": 400, \"endDate\": " + std::to_string(end) + "}");
        startWorker(Side::Ours);
        eventually("nothing is pending", [&] {
            return clock_.wallMs() > end &&
                   existing({"delayed", "wait", "active", "prioritized"}) == 0;
        });
        const std::size_t ran = runs().size();
        CPPUNIT_ASSERT_MESSAGE(std::to_string(ran), ran >= 2 && ran <= 5);
    }

    void c214_immediatelyMeansNowAndThenByThePattern() {
        const std::int64_t before = clock_.wallMs();
        upsert(R"({"pattern": "0 0 3 1 1 *", "immediately": true, "tz": "UTC"})");
        startWorker(Side::Ours);
        eventually("it ran", [&] { return number({"ZCARD", key("completed")}) == 1; });
        CPPUNIT_ASSERT(runs()[0] >= before - kClockError &&
                       runs()[0] <= clock_.wallMs() + kClockError);
        const std::int64_t next = nextRun();
        // The third hour of a year's first day.
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3 * 3600000}, next % 86400000);
        CPPUNIT_ASSERT(next > clock_.wallMs());
        expectOnePending(next);
    }

    void c215_iterationsAreCounted() {
        upsert(R"({"every": 300})");
        startWorker(Side::Ours);
        eventually("three ran", [&] { return number({"ZCARD", key("completed")}) >= 3; });
        stopWorker(Side::Ours);
        const std::vector<std::int64_t> slots = runs();
        for (std::size_t i = 0; i < slots.size(); ++i) {
            rapidjson::Document opts;
            opts.Parse(field("repeat:tick:" + std::to_string(slots[i]), "opts").c_str());
            CPPUNIT_ASSERT_EQUAL(static_cast<int>(i) + 1, opts["repeat"]["count"].GetInt());
        }
        CPPUNIT_ASSERT_EQUAL(std::to_string(slots.size() + 1), field("repeat:tick", "ic"));
    }

    void c216_aRepeatedUpsertRetainsTheRun() {
        eachPair([&](Side first, Side second) {
            upsert(first, R"({"every": 3600000, "offset": 1800000})");
            const std::int64_t next = nextRun();
            nextMillisecond();
            upsert(second,
                   R"({"every": 3600000})",
                   R"({"name": "other", "data": {"n":2}, "opts": {"attempts": 3}})");
            expectOnePending(next);
            const std::string id = pendingJob();
            assertEqual("other", field(id, "name"));
            assertEqual(R"({"n":2})", field(id, "data"));
            rapidjson::Document opts;
            opts.Parse(field(id, "opts").c_str());
            CPPUNIT_ASSERT_EQUAL(3, opts["attempts"].GetInt());
            assertEqual("other", field("repeat:tick", "name"));
            assertEqual("1800000", field("repeat:tick", "offset"));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, countOf("removed " + id + " prev=delayed"));
        });
    }

    void c217_anotherPeriodReplacesThePendingJob() {
        eachPair([&](Side first, Side second) {
            upsert(first, R"({"every": 7200000})");
            const std::string before = "repeat:tick:" + std::to_string(nextRun());
            // To a time that is far away: a job that waits would be claimable before it was replaced.
            redis({"LREM", key("wait"), "0", before});
            redis({"ZADD",
                   key("delayed"),
                   std::to_string((clock_.wallMs() + 7200000) * 4096),
                   before});
            nextMillisecond();
            const std::int64_t from = clock_.wallMs();
            upsert(second, R"({"every": 3600000})");
            const std::string id = joined(list(key("wait")));
            CPPUNIT_ASSERT_EQUAL("repeat:tick:" + std::to_string(nextRun()), id);
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"delayed"}));
            CPPUNIT_ASSERT(id == before || existing({before}) == 0);
            assertEqual("3600000", field("repeat:tick", "every"));
            CPPUNIT_ASSERT(std::stoll(field(id, "timestamp")) >= from);
        });
    }

    void c218_retriesMakeNoIterations() {
        upsert(R"({"every": 3600000})", R"({"name": "fail", "opts": {"attempts": 3}})");
        startWorker(Side::Ours);
        eventually("it failed", [&] { return number({"ZCARD", key("failed")}) == 1; });
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, seenByOurs().size());
        assertEqual("2", field("repeat:tick", "ic"));
        expectOnePending(nextRun());
    }

    void c219_removingDeletesThePendingJob() {
        eachPair([&](Side maker, Side remover) {
            upsert(maker, R"({"pattern": "0 0 3 1 1 *", "tz": "UTC"})");
            const std::string id = pendingJob();
            CPPUNIT_ASSERT(removeScheduler(remover));
            // 5.48.1 may be late by the milliseconds between two looks at the clock.
            const std::string events = eventsOf(id);
            assertContains(events,
                           "added name=mail | delayed delay=" + id.substr(id.rfind(':') + 1, 10));
            assertContains(events, " | removed prev=delayed");
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                                 existing({"repeat", "repeat:tick", "delayed", id}));
            CPPUNIT_ASSERT(!removeScheduler(remover));
        });
    }

    void c220_aRemovedSchedulerMakesNoMore() {
        upsert(R"({"every": 3600000})", R"({"name": "hold"})");
        startWorker(Side::Ours);
        eventually("it runs", [&] { return seenByOurs().size() == 1; });
        expectOnePending(nextRun());
        CPPUNIT_ASSERT(node("queue.removeJobScheduler", R"("args": ["tick"])").GetBool());
        release(Side::Ours);
        eventually("it ended", [&] { return number({"ZCARD", key("completed")}) == 1; });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             existing({"delayed", "wait", "repeat", "repeat:tick"}));
        stopWorker(Side::Ours);

        // Removed before its waiting job is claimed. In 5.48.1 that job can have the id of the first.
        node("queue.clean", R"("args": [0, 10, "completed"])");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"ZCARD", key("completed")}));
        upsert(R"({"every": 3600000})");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"LLEN", key("wait")}));
        CPPUNIT_ASSERT(node("queue.removeJobScheduler", R"("args": ["tick"])").GetBool());
        startWorker(Side::Ours);
        eventually("it ended", [&] { return number({"ZCARD", key("completed")}) == 1; });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             existing({"delayed", "wait", "repeat", "repeat:tick"}));
    }

    void c221_takenSlotsAreErrors() {
        for (const Side side : kBoth) {
            const std::string base = queueName();
            useQueue(base + "-" + std::to_string(static_cast<int>(side)));
            const std::string yearly = R"({"pattern": "0 0 3 1 1 *", "tz": "UTC"})";
            upsert(side, yearly);
            const std::string done = pendingJob();
            node("job.promote", "\"job\": \"" + done + "\"");
            startWorker(Side::Ours);
            untilState(done, "completed");
            stopWorker(Side::Ours);
            CPPUNIT_ASSERT(removeScheduler(side));
            const auto before = fieldsOf(done);
            CPPUNIT_ASSERT_EQUAL(-10, refusal(side, yearly));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"repeat", "repeat:tick", "delayed"}));
            CPPUNIT_ASSERT(before == fieldsOf(done));

            // The first run of a period, and the 32 after it.
            const std::int64_t start = clock_.wallMs() + 3600000;
            const std::string every =
                "{\"every\": 1000, \"startDate\": " + std::to_string(start) + "}";
            std::vector<std::string> taken = {"DEL"};
            for (int i = 0; i <= 32; ++i) {
                taken.push_back(key("repeat:tick:" + std::to_string(start + i * 1000)));
                redis({"HSET", taken.back(), "name", "taken"});
            }
            CPPUNIT_ASSERT_EQUAL(-11, refusal(side, every));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"repeat", "repeat:tick", "delayed"}));
            redis({"DEL", taken.back()});
            upsert(side, every);
            CPPUNIT_ASSERT_EQUAL(start + 32000, nextRun());
            taken.pop_back();
            redis(taken);
            useQueue(base);
        }
    }

    void c222_nodeListsSchedulersOfOurs() {
        JobSchedulers schedulers = ourSchedulers();
        const auto add = [&](const char* id, const std::string& repeat, const std::string& job) {
            schedulers.upsert(id, RepeatOptions::parse(repeat), JobTemplate::parse(job));
        };
        const std::string end = std::to_string(clock_.wallMs() + 999999999);
        add("yearly",
            R"({"pattern": "0 0 3 1 1 *", "tz": "Europe/Madrid", "limit": 3, "endDate": )" + end +
                "0}",
            R"({"name": "mail", "data": {"n": 1}, "opts": {"attempts": 3, "keepLogs": 2, "backoff": 9}})");
        add("plain", R"({"every": 60000})", "{}");
        add("shifted", R"({"every": 60000, "offset": 30000})", R"({"data": [1, {"a": "b/c"}]})");

        const rapidjson::Document theirs =
            node("queue.getJobSchedulers", R"("args": [0, -1, true])");
        const std::vector<JobScheduler> ours = schedulers.list();
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, ours.size());
        CPPUNIT_ASSERT_EQUAL(rapidjson::SizeType{3}, theirs.Size());
        for (rapidjson::SizeType i = 0; i < 3; ++i) {
            rapidjson::Document mine;
            mine.Parse(ours[i].toJson().c_str());
            if (!is548()) {
                CPPUNIT_ASSERT_EQUAL(textOf(theirs[i]), textOf(mine));
                continue;
            }
            for (const char* member : {"key", "name", "next", "pattern", "tz", "template"}) {
                CPPUNIT_ASSERT_EQUAL_MESSAGE(
                    member, theirs[i].HasMember(member), mine.HasMember(member));
                CPPUNIT_ASSERT(!mine.HasMember(member) ||
                               textOf(theirs[i][member]) == textOf(mine[member]));
            }
        }
        for (const std::string& id : members("repeat")) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(id, std::int64_t{1}, existing({"repeat:" + id}));
        }

        // And the other way round.
        upsert(R"({"pattern": "0 0 3 1 1 *", "tz": "UTC"})",
               R"({"name": "mail", "data": {"n": 1}, "opts": {"keepLogs": 2}})");
        const JobScheduler tick = schedulers.get("tick").value();
        assertEqual("mail", tick.name);
        assertEqual("0 0 3 1 1 *", tick.repeat.pattern);
        assertEqual(R"({"n":1})", tick.data.value());
        assertEqual(R"({"keepLogs":2})", tick.opts.value());
        CPPUNIT_ASSERT_EQUAL(nextRun(), tick.nextMs);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, schedulers.count());
    }

    void c223_twoWorkersMakeOneNextIteration() {
        if (is548()) {
            // 5.48.1 names a job by its period and runs it later by the offset, which auto follows: c285 has that rule. Here
            // the ids of both sides must be comparable.
            share(Bullmq5::Off);
        }
        // With an offset of 0, which it gets in one of 100 ms without a given one, 5.48.1 computes for a job of ours the same
        // run again, and stands still.
        const std::string repeat = R"({"every": 100, "offset": 30})";
        startWorker(Side::Ours);
        startWorker(Side::Node, R"({"concurrency": 3})");
        upsert(repeat);
        eventually(
            "many ran",
            [&] {
                return number({"ZCARD", key("completed")}) >= 30;
            },
            std::chrono::seconds(30));
        stopWorker(Side::Ours);
        stopWorker(Side::Node);
        const std::vector<std::int64_t> slots = runs();
        for (std::size_t i = 0; i + 1 < slots.size(); ++i) {
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, (slots[i + 1] - slots[i]) % 100);
            CPPUNIT_ASSERT(slots[i + 1] > slots[i]);
        }
        for (const std::int64_t slot : slots) {
            const std::string id = "repeat:tick:" + std::to_string(slot);
            assertEqual("1", field(id, "ats"));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, countOf("added " + id + " name=mail"));
        }
        CPPUNIT_ASSERT_EQUAL(std::to_string(slots.size() + 1), field("repeat:tick", "ic"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1},
                             number({"ZCARD", key("delayed")}) + number({"LLEN", key("wait")}));
    }

    void c224_theNextHasTheRecordsDataAndTheJobsOptions() {
        upsert(R"({"every": 3600000})",
               R"({"name": "tick", "data": {"n": 1}, "opts": {"attempts": 4}})");
        redis({"HSET",
               key("repeat:tick"),
               "name",
               "tock",
               "data",
               R"({"n":2})",
               "opts",
               R"({"attempts":9})"});
        startWorker(Side::Ours);
        eventually("it ran", [&] { return number({"ZCARD", key("completed")}) == 1; });
        const auto next = fieldsOf(pendingJob());
        assertEqual("tock", next.at("name"));
        assertEqual(R"({"n":2})", next.at("data"));
        rapidjson::Document opts;
        opts.Parse(next.at("opts").c_str());
        CPPUNIT_ASSERT_EQUAL(4, opts["attempts"].GetInt());
    }

    void c225_aStalledJobMakesNoSecondIteration() {
        upsert(R"({"every": 3600000})", R"({"name": "hold"})");
        settings_.lockDuration = std::chrono::milliseconds(300);
        startWorker(Side::Ours);
        eventually("it began", [&] { return seenByOurs().size() == 1; });
        const std::int64_t next = nextRun();
        worker_.reset();
        weCheck(200);
        eventually("it waits", [&] { return number({"LLEN", key("wait")}) == 1; });
        sweeper_.reset();
        startWorker(Side::Ours);
        eventually("it began again", [&] { return seenByOurs().size() == 2; });
        release(Side::Ours);
        eventually("it ended", [&] { return number({"ZCARD", key("completed")}) == 1; });
        CPPUNIT_ASSERT_EQUAL(next, nextRun());
        assertEqual("2", field("repeat:tick", "ic"));
        expectOnePending(next);
    }

private:
    JobSchedulers ourSchedulers() {
        return JobSchedulers(handleOf(options()), {"bull", queueName(), ours().bullmq5Mode()});
    }

    void upsert(const std::string& repeat, const std::string& job = R"({"name": "mail"})") {
        upsert(Side::Node, repeat, job);
    }
    void upsert(Side side,
                const std::string& repeat,
                const std::string& job = R"({"name": "mail"})") {
        if (side == Side::Node) {
            node("queue.upsertJobScheduler", "\"args\": [\"tick\", " + repeat + ", " + job + "]");
        } else {
            ourSchedulers().upsert("tick", RepeatOptions::parse(repeat), JobTemplate::parse(job));
        }
    }

    bool removeScheduler(Side side) {
        return side == Side::Node
                   ? node("queue.removeJobScheduler", R"("args": ["tick"])").GetBool()
                   : ourSchedulers().remove("tick");
    }

    /// Returns the code with which an upsert fails; 0 if it does not.
    int refusal(Side side, const std::string& repeat) {
        try {
            upsert(side, repeat);
        } catch (const PeerError& error) {
            return error.code;
        } catch (const ScriptException& error) {
            return error.code();
        }
        return 0;
    }

    /// Calls act(first, second) for each pair of sides, each with a queue of its own.
    template <typename Act>
    void eachPair(Act act) {
        const std::string base = queueName();
        for (const Side first : kBoth) {
            for (const Side second : kBoth) {
                useQueue(base + "-" + nameOf(first) + "-" + nameOf(second));
                act(first, second);
            }
        }
        useQueue(base);
    }

    /// Returns the members of a first job's options, without its moment and the moment of its add.
    static std::string withoutMoments(const std::string& opts, std::int64_t moment) {
        rapidjson::Document json;
        json.Parse(opts.c_str());
        std::map<std::string, std::string> members;
        for (const auto& member : json.GetObject()) {
            members[member.name.GetString()] = textOf(member.value);
        }
        members.at("timestamp") = "a time";
        std::string text;
        for (const auto& [name, value] : members) {
            text += name + "=" + value + " ";
        }
        const std::string shown = std::to_string(moment);
        const std::size_t at = text.find(shown);
        return at == std::string::npos ? text : text.replace(at, shown.size(), "its moment");
    }

    std::int64_t nextRun() { return std::stoll(text({"ZSCORE", key("repeat"), "tick"})); }

    /// The slots that ran, by their ids, in order.
    std::vector<std::int64_t> runs() {
        std::vector<std::int64_t> slots;
        for (const std::string& id : members("completed")) {
            slots.push_back(std::stoll(id.substr(id.rfind(':') + 1)));
        }
        std::sort(slots.begin(), slots.end());
        return slots;
    }

    std::string pendingJob() {
        const std::vector<std::string> delayed = members("delayed");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, delayed.size());
        return delayed[0];
    }

    /// One job is to come, that of the scheduler's slot, and due then.
    void expectOnePending(std::int64_t slot) {
        CPPUNIT_ASSERT_EQUAL(slot, nextRun());
        std::vector<std::string> waiting = list(key("wait"));
        if (waiting.empty()) {
            const std::string id = pendingJob();
            CPPUNIT_ASSERT_EQUAL("repeat:tick:" + std::to_string(slot), id);
            CPPUNIT_ASSERT_EQUAL(slot, static_cast<std::int64_t>(scoreOf("delayed", id) / 4096));
        } else {
            CPPUNIT_ASSERT_EQUAL("repeat:tick:" + std::to_string(slot), joined(waiting));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"delayed"}));
        }
    }

    /// The first job of a scheduler of either side, run now by either side, is followed by the same one.
    void expectSameNextRun(const std::string& repeat) {
        const std::string base = queueName();
        std::vector<std::string> next;
        static int number = 0;
        ++number;
        for (const Side maker : kBoth) {
            for (const Side worker : kBoth) {
                useQueue(base + "-" + std::to_string(number) + nameOf(maker) + nameOf(worker));
                upsert(maker, repeat);
                node("job.promote", "\"job\": \"" + pendingJob() + "\"");
                startWorker(worker);
                eventually("it ran", [&] {
                    return this->number({"ZCARD", key("completed")}) == 1;
                });
                stopWorker(worker);
                next.push_back(pendingJob());
                CPPUNIT_ASSERT_EQUAL_MESSAGE(repeat, next.front(), next.back());
            }
        }
        useQueue(base);
    }
};

namespace {

const Statements<SchedulerSection> kRegistered(
    {STATEMENT(SchedulerSection, c205_anUpsertOfOursStoresRecordAndFirstJob),
     STATEMENT(SchedulerSection, c206_eitherSideMakesTheNextIterationOnePeriodLater),
     STATEMENT(SchedulerSection, c207_afterMissedPeriodsOneJobFollowsInPhase),
     STATEMENT(SchedulerSection, c208_anOffsetShiftsThePhase),
     STATEMENT(SchedulerSection, c209_aStartDateSetsFirstRunAndPhase),
     STATEMENT(SchedulerSection, c210_eitherSideComputesTheOthersCronRuns),
     STATEMENT(SchedulerSection, c211_theTimeZoneIsTheSchedulers),
     STATEMENT(SchedulerSection, c212_aLimitOfTwoMakesTwoJobs),
     STATEMENT(SchedulerSection, c213_anEndDateEndsIt),
     STATEMENT(SchedulerSection, c214_immediatelyMeansNowAndThenByThePattern),
     STATEMENT(SchedulerSection, c215_iterationsAreCounted),
     STATEMENT(SchedulerSection, c216_aRepeatedUpsertRetainsTheRun),
     STATEMENT(SchedulerSection, c217_anotherPeriodReplacesThePendingJob),
     STATEMENT(SchedulerSection, c218_retriesMakeNoIterations),
     STATEMENT(SchedulerSection, c219_removingDeletesThePendingJob),
     STATEMENT(SchedulerSection, c220_aRemovedSchedulerMakesNoMore),
     STATEMENT(SchedulerSection, c221_takenSlotsAreErrors),
     STATEMENT(SchedulerSection, c222_nodeListsSchedulersOfOurs),
     STATEMENT(SchedulerSection, c223_twoWorkersMakeOneNextIteration),
     STATEMENT(SchedulerSection, c224_theNextHasTheRecordsDataAndTheJobsOptions),
     STATEMENT(SchedulerSection, c225_aStalledJobMakesNoSecondIteration)});

}  // namespace
