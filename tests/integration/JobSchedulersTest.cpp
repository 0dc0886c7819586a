#include <string>
#include <vector>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "drover/JobSchedulers.h"
#include "queue/SchedulerRecord.h"
#include "queue/ops/Schedulers.h"
#include "support/Assert.h"
#include "support/RedisFixture.h"
#include "support/WholeQueue.h"

namespace {

using namespace drover;
using namespace drover::test;

// 2026-11-23T00:00:00Z
constexpr std::int64_t kNow = 1795392000000;

}  // namespace

/// Schedulers that Drover makes, changes and removes: the keys that the scripts leave, and the moments of the runs.
class JobSchedulersTest : public RedisFixture {
    CPPUNIT_TEST_SUITE(JobSchedulersTest);
    CPPUNIT_TEST(everyStoresRecordAndFirstJob);
    CPPUNIT_TEST(aPatternStoresItsNextRun);
    CPPUNIT_TEST(theFirstRunIsNowOrByStartOrOffset);
    CPPUNIT_TEST(theSamePeriodRetainsTheRun);
    CPPUNIT_TEST(anotherPeriodReplacesTheJobAndItsPhase);
    CPPUNIT_TEST(aPendingJobIsReplacedWhereverItWaits);
    CPPUNIT_TEST(aJobThatRunsIsLeft);
    CPPUNIT_TEST(aRunWithoutJobIsFollowedInPhase);
    CPPUNIT_TEST(aPatternsOccupiedRunChangesNothing);
    CPPUNIT_TEST(occupiedPeriodsAreLeftOut);
    CPPUNIT_TEST(the33rdOccupiedPeriodChangesNothing);
    CPPUNIT_TEST(priorityAndLifoDecideWhereTheJobGoes);
    CPPUNIT_TEST(whilePausedNoWorkerIsWoken);
    CPPUNIT_TEST(aSharedQueueGetsTheMembersThatWorkersOf5Need);
    CPPUNIT_TEST(aJobOf5NamedByItsPeriodRetainsItsRun);
    CPPUNIT_TEST(aReplacedJobFreesItsDeduplicationId);
    CPPUNIT_TEST(aKeyOfAnotherTypeEndsItBeforeAnythingIsWritten);
    CPPUNIT_TEST(aPatternWithoutRunChangesNothing);
    CPPUNIT_TEST(removingDeletesADelayedJob);
    CPPUNIT_TEST(removingLeavesAJobThatWaits);
    CPPUNIT_TEST(listsArePagesInBothOrders);
    CPPUNIT_TEST(listsReadWhatOtherVersionsLeave);
    CPPUNIT_TEST(badIdsAreRefusedWithTheCure);
    CPPUNIT_TEST(badTemplatesAreRefusedWithTheCure);
    CPPUNIT_TEST_SUITE_END();

public:
    void everyStoresRecordAndFirstJob() {
        JobTemplate jobs = JobTemplate::parse(
            R"({"name":"mail","data":{"a":1},"opts":{"attempts":2,"backoff":500,"keepLogs":3,)"
            R"("telemetry":{"metadata":"x","omitContext":true}}})");
        expectRun(kNow, upsert(R"({"every":100000})", jobs));
        expectRecord({{"name", "mail"},
                      {"every", "100000"},
                      {"offset", "0"},
                      {"ic", "1"},
                      {"data", R"({"a":1})"},
                      {"opts", R"({"attempts":2,"backoff":500,"kl":3,"tm":"x","omc":true})"}});
        const auto job = hash(idAt(kNow));
        CPPUNIT_ASSERT_EQUAL(std::size_t{7}, job.size());
        assertEqual("mail", job.at("name"));
        assertEqual(R"({"a":1})", job.at("data"));
        CPPUNIT_ASSERT_EQUAL(std::to_string(kNow), job.at("timestamp"));
        assertEqual("0", job.at("delay"));
        assertEqual("0", job.at("priority"));
        assertEqual("beat", job.at("rjk"));
        assertEqual(
            R"({"attempts":2,"backoff":500,"kl":3,"tm":"x","omc":true,"repeatJobKey":"beat",)"
            R"("jobId":"repeat:beat:1795392000000","delay":0,"timestamp":1795392000000,)"
            R"("repeat":{"every":100000,"count":1}})",
            job.at("opts"));
        CPPUNIT_ASSERT_EQUAL(idAt(kNow), list(keys().wait).at(0));
        assertEqual("1", text({"GET", keys().idCounter}));
        assertEqual("0", text({"ZSCORE", keys().marker, "0"}));
        const auto seen = events();
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, seen.size());
        CPPUNIT_ASSERT_EQUAL("added " + idAt(kNow) + " name=mail", seen[0]);
        CPPUNIT_ASSERT_EQUAL("waiting " + idAt(kNow), seen[1]);
    }

    void aPatternStoresItsNextRun() {
        const std::int64_t next = kNow + 600000;
        expectRun(next, upsert(R"({"pattern":"*/10 * * * *","tz":"UTC","limit":5})", {}, kNow + 1));
        expectRecord({{"name", "beat"},
                      {"pattern", "*/10 * * * *"},
                      {"tz", "UTC"},
                      {"limit", "5"},
                      {"offset", "0"},
                      {"ic", "1"}});
        assertEqual(R"({"repeatJobKey":"beat","jobId":"repeat:beat:1795392600000","delay":599999,)"
                    R"("timestamp":1795392000001,"prevMillis":1795392600000,)"
                    R"("repeat":{"pattern":"*/10 * * * *","tz":"UTC","limit":5,"count":1}})",
                    hash(idAt(next)).at("opts"));
        CPPUNIT_ASSERT(stateOf(idAt(next)) == JobState::Delayed);
        CPPUNIT_ASSERT_EQUAL(std::to_string(next), text({"ZSCORE", keys().marker, "1"}));
        CPPUNIT_ASSERT_EQUAL("delayed " + idAt(next) + " delay=1795392600000", events().back());
    }

    void theFirstRunIsNowOrByStartOrOffset() {
        const struct {
            const char* repeat;
            std::int64_t run;
            const char* offset;
        } cases[] = {
            {R"({"every":10000})", kNow + 7, "7"},
            {R"({"every":10000,"immediately":true})", kNow + 7, "7"},
            {R"({"every":10000,"offset":3000})", kNow + 3000, "3000"},
            {R"({"every":10000,"offset":5})", kNow + 10005, "5"},
            {R"({"every":10000,"offset":7})", kNow + 10007, "7"},
            {R"({"every":10000,"startDate":1795392004321})", kNow + 4321, "4321"},
            {R"({"every":10000,"startDate":1795391000000})", kNow + 7, "7"},
            {R"({"pattern":"0 * * * * *","immediately":true,"tz":"UTC"})", kNow + 7, "0"},
            {R"({"pattern":"0 * * * * *","startDate":"2026-11-24T00:00:30Z","tz":"UTC"})",
             kNow + 86460000,
             "0"},
        };
        for (const auto& one : cases) {
            redis({"FLUSHALL"});
            expectRun(one.run, upsert(one.repeat, {}, kNow + 7));
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                one.repeat, std::string(one.offset), hash("repeat:beat").at("offset"));
        }
    }

    void theSamePeriodRetainsTheRun() {
        upsert(R"({"every":10000,"offset":3000})");
        redis({"HSET", keys().job("repeat:beat"), "ic", "8"});
        JobTemplate jobs;
        jobs.name = "tock";
        jobs.data = R"({"b":2})";
        expectRun(kNow + 3000, upsert(R"({"every":10000,"limit":4})", jobs, kNow + 1000));
        expectRecord({{"name", "tock"},
                      {"every", "10000"},
                      {"limit", "4"},
                      {"offset", "3000"},
                      {"ic", "8"},
                      {"data", R"({"b":2})"}});
        const auto job = hash(idAt(kNow + 3000));
        assertEqual("tock", job.at("name"));
        assertEqual("2000", job.at("delay"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", keys().delayed}));
        for (const std::string& event : events()) {
            CPPUNIT_ASSERT_MESSAGE(event, event.rfind("removed", 0) != 0);
        }
        // Also when that run is past, as of a job that waits.
        expectRun(kNow + 3000, upsert(R"({"every":10000})", {}, kNow + 9000));
        assertEqual("0", hash(idAt(kNow + 3000)).at("delay"));
        CPPUNIT_ASSERT_EQUAL(idAt(kNow + 3000), joined(list(keys().wait)));
    }

    void anotherPeriodReplacesTheJobAndItsPhase() {
        upsert(R"({"every":100000,"offset":42564})");
        expectRun(kNow + 9, upsert(R"({"every":1000})", {}, kNow + 9));
        // BullMQ leaves the offset of the earlier period, by which runs after a pause would be 42 s late.
        assertEqual("9", hash("repeat:beat").at("offset"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number({"EXISTS", keys().job(idAt(kNow + 42564)), keys().delayed}));
        CPPUNIT_ASSERT_EQUAL(idAt(kNow + 9), joined(list(keys().wait)));

        expectRun(kNow + 600000, upsert(R"({"pattern":"*/10 * * * *","tz":"UTC"})", {}, kNow + 10));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().wait}));
        CPPUNIT_ASSERT(hash("repeat:beat").count("every") == 0);
        expectRun(kNow + 11, upsert(R"({"every":1000})", {}, kNow + 11));
        CPPUNIT_ASSERT(hash("repeat:beat").count("pattern") == 0);
        assertEqual("1", hash("repeat:beat").at("ic"));
    }

    void aPendingJobIsReplacedWhereverItWaits() {
        const auto replace = [&](const char* where) {
            expectRun(kNow, upsert(R"({"every":1000})", {}, kNow + 5));
            CPPUNIT_ASSERT_EQUAL_MESSAGE(where, idAt(kNow), joined(list(keys().wait)));
            CPPUNIT_ASSERT_EQUAL_MESSAGE(where,
                                         std::int64_t{0},
                                         number({"EXISTS",
                                                 keys().delayed,
                                                 keys().prioritized,
                                                 keys().paused,
                                                 keys().job(idAt(kNow)) + ":logs"}));
        };
        upsert(R"({"every":1000})");
        redis({"RPUSH", keys().job(idAt(kNow)) + ":logs", "row"});
        replace("wait");
        // In a queue that 6.x paused, where BullMQ does not find it, and schedules a second one.
        redis({"HSET", keys().meta, "paused", "1"});
        replace("wait of a paused queue");
        redis({"HDEL", keys().meta, "paused"});
        redis({"RENAME", keys().wait, keys().paused});
        replace("paused");
        redis({"DEL", keys().wait});
        redis({"ZADD", keys().prioritized, "1", idAt(kNow)});
        replace("prioritized");
        redis({"DEL", keys().wait});
        redis({"ZADD", keys().delayed, "1", idAt(kNow)});
        replace("delayed");
    }

    void aJobThatRunsIsLeft() {
        upsert(R"({"every":1000})");
        redis({"LMOVE", keys().wait, keys().active, "LEFT", "LEFT"});
        const auto before = hash(idAt(kNow));
        JobTemplate jobs;
        jobs.name = "tock";
        expectRun(kNow + 1000, upsert(R"({"every":1000})", jobs, kNow + 10));
        CPPUNIT_ASSERT(before == hash(idAt(kNow)));
        CPPUNIT_ASSERT_EQUAL(idAt(kNow), joined(list(keys().active)));
        CPPUNIT_ASSERT(stateOf(idAt(kNow + 1000)) == JobState::Delayed);
    }

    void aRunWithoutJobIsFollowedInPhase() {
        upsert(R"({"every":10000,"offset":3000})");
        redis({"DEL", keys().job(idAt(kNow + 3000)), keys().delayed});
        expectRun(kNow + 13000, upsert(R"({"every":10000})", {}, kNow + 3500));
        redis({"DEL", keys().job(idAt(kNow + 13000)), keys().delayed});
        // As in BullMQ, the phase of missed runs is that of the upsert.
        expectRun(kNow + 70000, upsert(R"({"every":10000})", {}, kNow + 65000));
        assertEqual("0", hash("repeat:beat").at("offset"));
    }

    void aPatternsOccupiedRunChangesNothing() {
        const char* const repeat = R"({"pattern":"*/10 * * * *","tz":"UTC"})";
        const std::string next = idAt(kNow + 600000);
        redis({"HSET", keys().job(next), "name", "done"});
        expectRefusal(-10, next, repeat);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number({"EXISTS", keys().repeat, keys().events, keys().idCounter}));
        // With a pending job at another time as well: BullMQ stores over the job that is done.
        redis({"DEL", keys().job(next)});
        upsert(R"({"every":1000})");
        redis({"HSET", keys().job(next), "name", "done"});
        expectRefusal(-10, next, repeat);
        assertEqual("1000", hash("repeat:beat").at("every"));
        CPPUNIT_ASSERT_EQUAL(idAt(kNow), joined(list(keys().wait)));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, hash(next).size());
    }

    void occupiedPeriodsAreLeftOut() {
        occupy(32);
        expectRun(kNow + 32000, upsert(R"({"every":1000})"));
    }

    void the33rdOccupiedPeriodChangesNothing() {
        occupy(33);
        expectRefusal(-11, idAt(kNow + 32000), R"({"every":1000})");
        CPPUNIT_ASSERT_EQUAL(
            std::int64_t{0},
            number({"EXISTS", keys().repeat, keys().events, keys().job("repeat:beat")}));
    }

    void priorityAndLifoDecideWhereTheJobGoes() {
        JobTemplate jobs;
        jobs.opts.priority = 4;
        upsert(R"({"every":1000})", jobs);
        CPPUNIT_ASSERT(stateOf(idAt(kNow)) == JobState::Prioritized);
        assertEqual("4", hash(idAt(kNow)).at("priority"));
        redis({"RPUSH", keys().wait, "other"});
        jobs.opts.priority = 0;
        jobs.opts.lifo = true;
        upsert(R"({"every":1000})", jobs);
        CPPUNIT_ASSERT_EQUAL(idAt(kNow), list(keys().wait).at(1));
    }

    void whilePausedNoWorkerIsWoken() {
        redis({"HSET", keys().meta, "paused", "1"});
        upsert(R"({"every":1000})");
        CPPUNIT_ASSERT_EQUAL(idAt(kNow), joined(list(keys().wait)));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().marker, keys().paused}));
        redis({"HSET", keys().meta, "version", "bullmq:5.48.1"});
        upsert(R"({"every":1000})");
        CPPUNIT_ASSERT_EQUAL(idAt(kNow), joined(list(keys().paused)));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().marker, keys().wait}));
    }

    void aSharedQueueGetsTheMembersThatWorkersOf5Need() {
        redis({"HSET", keys().meta, "version", "bullmq:5.48.1"});
        upsert(R"({"every":2000})", {}, kNow + 300);
        const std::string opts = hash(idAt(kNow + 300)).at("opts");
        assertContains(opts, "\"prevMillis\":1795392000300,");
        assertContains(opts, "\"repeat\":{\"every\":2000,\"count\":1,\"offset\":300}");
    }

    void aJobOf5NamedByItsPeriodRetainsItsRun() {
        redis({"HSET", keys().meta, "version", "bullmq:5.48.1"});
        redis({"HSET", keys().job("repeat:beat"), "name", "beat", "every", "2000", "ic", "3"});
        redis({"ZADD", keys().repeat, std::to_string(kNow), "beat"});
        redis({"HSET",
               keys().job(idAt(kNow)),
               "rjk",
               "beat",
               "opts",
               R"({"prevMillis":1795392000000,"repeat":{"every":2000,"offset":700,"count":3}})"});
        redis({"ZADD", keys().delayed, "1", idAt(kNow)});
        expectRun(kNow + 700, upsert(R"({"every":2000})", {}, kNow + 100));
        assertEqual("700", hash("repeat:beat").at("offset"));
        assertEqual("3", hash("repeat:beat").at("ic"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().job(idAt(kNow))}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", keys().delayed}));
    }

    void aReplacedJobFreesItsDeduplicationId() {
        upsert(R"({"every":1000})");
        redis({"HSET", keys().job(idAt(kNow)), "deid", "once"});
        redis({"SET", keys().job("de:once"), idAt(kNow)});
        redis({"HSET", keys().job("dn:once"), "name", "next"});
        upsert(R"({"every":1000})");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number({"EXISTS", keys().job("de:once"), keys().job("dn:once")}));
        // Another job's stays.
        redis({"HSET", keys().job(idAt(kNow)), "deid", "once"});
        redis({"SET", keys().job("de:once"), "7"});
        upsert(R"({"every":1000})");
        assertEqual("7", text({"GET", keys().job("de:once")}));
    }

    void aKeyOfAnotherTypeEndsItBeforeAnythingIsWritten() {
        upsert(R"({"every":1000})");
        const auto record = hash("repeat:beat");
        for (const std::string* key : {&keys().delayed,
                                       &keys().prioritized,
                                       &keys().marker,
                                       &keys().events,
                                       &keys().idCounter}) {
            const std::string saved =
                key == &keys().events || key == &keys().idCounter || key == &keys().marker ? "saved"
                                                                                           : "";
            if (!saved.empty()) {
                redis({"RENAME", *key, saved});
            }
            redis({"HSET", *key, "no", "such"});
            CPPUNIT_ASSERT_THROW_MESSAGE(
                *key, upsert(R"({"every":2000})"), drover::ScriptException);
            redis({"DEL", *key});
            if (!saved.empty()) {
                redis({"RENAME", saved, *key});
            }
            CPPUNIT_ASSERT(record == hash("repeat:beat"));
            CPPUNIT_ASSERT_EQUAL(idAt(kNow), joined(list(keys().wait)));
            CPPUNIT_ASSERT_EQUAL(std::size_t{7}, hash(idAt(kNow)).size());
        }
        redis({"DEL", keys().job("repeat:beat")});
        redis({"SET", keys().job("repeat:beat"), "no hash"});
        CPPUNIT_ASSERT_THROW(upsert(R"({"every":2000})"), drover::ScriptException);
        CPPUNIT_ASSERT_EQUAL(std::size_t{7}, hash(idAt(kNow)).size());
    }

    void aPatternWithoutRunChangesNothing() {
        const auto none = schedulerRecordOf(
            "beat",
            RepeatOptions::parse(R"({"pattern":"0 0 1 1 *","tz":"UTC","endDate":1795392001000})"),
            {},
            kNow);
        CPPUNIT_ASSERT(!none);
        JobSchedulers schedulers(handleOf(options()), settings());
        RepeatOptions repeat;
        repeat.pattern = "0 0 29 2 *";
        repeat.endDateMs = clock_.wallMs() + 1000;
        CPPUNIT_ASSERT(!schedulers.upsert("beat", repeat));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().repeat, keys().events}));
    }

    void removingDeletesADelayedJob() {
        JobSchedulers schedulers(handleOf(options()), settings());
        upsert(R"({"every":1000,"offset":500})");
        redis({"RPUSH", keys().job(idAt(kNow + 500)) + ":logs", "row"});
        CPPUNIT_ASSERT(schedulers.remove("beat"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number({"EXISTS",
                                     keys().repeat,
                                     keys().job("repeat:beat"),
                                     keys().delayed,
                                     keys().job(idAt(kNow + 500)),
                                     keys().job(idAt(kNow + 500)) + ":logs"}));
        CPPUNIT_ASSERT_EQUAL("removed " + idAt(kNow + 500) + " prev=delayed", events().back());
        CPPUNIT_ASSERT(!schedulers.remove("beat"));
    }

    void removingLeavesAJobThatWaits() {
        JobSchedulers schedulers(handleOf(options()), settings());
        upsert(R"({"every":1000})");
        const std::size_t before = events().size();
        CPPUNIT_ASSERT(schedulers.remove("beat"));
        CPPUNIT_ASSERT_EQUAL(idAt(kNow), joined(list(keys().wait)));
        CPPUNIT_ASSERT_EQUAL(std::size_t{7}, hash(idAt(kNow)).size());
        CPPUNIT_ASSERT_EQUAL(before, events().size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number({"EXISTS", keys().repeat, keys().job("repeat:beat")}));
    }

    void listsArePagesInBothOrders() {
        JobSchedulers schedulers(handleOf(options()), settings());
        // More than a page of the script.
        std::vector<std::string> add = {"ZADD", keys().repeat};
        for (int i = 0; i < 1203; ++i) {
            const std::string id = "s" + std::to_string(i);
            redis({"HSET", keys().job("repeat:" + id), "name", id, "every", "9", "ic", "1"});
            add.insert(add.end(), {std::to_string(kNow + i), id});
        }
        redis(add);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1203}, schedulers.count());
        const auto all = schedulers.list();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1203}, all.size());
        for (std::size_t i = 0; i < all.size(); ++i) {
            CPPUNIT_ASSERT_EQUAL("s" + std::to_string(i), all[i].key);
        }
        const auto keysOf = [&](std::int64_t first, std::int64_t last, JobSchedulers::Order order) {
            std::string found;
            for (const JobScheduler& one : schedulers.list(first, last, order)) {
                found += one.key + " ";
            }
            return found;
        };
        using Order = JobSchedulers::Order;
        assertEqual("s1202 s1201 ", keysOf(0, 1, Order::LatestFirst));
        assertEqual("s1 s0 ", keysOf(-2, -1, Order::LatestFirst));
        assertEqual("s1201 s1202 ", keysOf(-2, 5000, Order::SoonestFirst));
        assertEqual("s0 ", keysOf(-5000, 0, Order::SoonestFirst));
        assertEqual("", keysOf(3, 2, Order::SoonestFirst));
        assertEqual("", keysOf(1203, -1, Order::SoonestFirst));
    }

    void listsReadWhatOtherVersionsLeave() {
        JobSchedulers schedulers(handleOf(options()), settings());
        const auto add = [&](const std::string& id, std::vector<std::string> fields) {
            redis({"ZADD", keys().repeat, std::to_string(number({"ZCARD", keys().repeat})), id});
            if (!fields.empty()) {
                fields.insert(fields.begin(), {"HSET", keys().job("repeat:" + id)});
                redis(fields);
            }
        };
        add("gone", {});
        add("mail:id:::* * * * *", {});
        add("c602666ed0e1b2ab3a8f6be9ab60c9e1", {"name", "m", "every", "1000"});
        add("odd", {"every", "soon", "limit", "", "ic", "x", "data", "no JSON", "opts", "[1]"});
        add("both", {"name", "m", "every", "60000", "pattern", "0 0 1 1 *", "ic", "2"});
        add("full",
            {"name",      "m",     "pattern",    "* * * * *", "tz",
             "UTC",       "limit", "0",          "ic",        "3",
             "startDate", "5",     "endDate",    "6",         "offset",
             "0",         "data",  R"({"a":1})", "opts",      R"({"kl":3,"tm":"x","backoff":5})"});
        redis(
            {"HSET", keys().job("repeat:both:4"), "opts", R"({"repeat":{"pattern":"0 0 1 1 *"}})"});
        redis({"ZADD", keys().repeat, "9", "text"});
        redis({"SET", keys().job("repeat:text"), "no hash"});
        std::string all;
        for (const JobScheduler& one : schedulers.list()) {
            all += one.toJson() + "\n";
        }
        assertEqual(
            R"({"key":"c602666ed0e1b2ab3a8f6be9ab60c9e1","name":"m","next":2,"every":1000}
{"key":"odd","name":"","next":3,"template":{"data":"no JSON","opts":{}}}
{"key":"both","name":"m","next":4,"iterationCount":2,"pattern":"0 0 1 1 *"}
{"key":"full","name":"m","next":5,"iterationCount":3,"limit":0,"startDate":5,"endDate":6,"tz":"UTC","pattern":"* * * * *","offset":0,"template":{"data":{"a":1},"opts":{"keepLogs":3,"backoff":5,"telemetry":{"metadata":"x"}}}}
)",
            all);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, schedulers.count());
        CPPUNIT_ASSERT(!schedulers.get("gone"));
        CPPUNIT_ASSERT(!schedulers.get("none"));
        assertEqual("full", schedulers.get("full").value().key);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, schedulers.get("full").value().nextMs);
    }

    void badIdsAreRefusedWithTheCure() {
        expectInvalid("cannot be empty", R"({"every":5})", {}, "");
        expectInvalid("cannot end in ':' and digits", R"({"every":5})", {}, "beat:17");
    }

    void badTemplatesAreRefusedWithTheCure() {
        const char* const cases[] = {
            "jobId", "delay", "timestamp", "repeat", "parent", "deduplication"};
        const char* const values[] = {R"("x")",
                                      "5",
                                      "5",
                                      R"({"every":5})",
                                      R"({"id":"1","queue":"bull:q"})",
                                      R"({"id":"once"})"};
        for (int i = 0; i < 6; ++i) {
            JobTemplate jobs;
            jobs.opts = JobOptions::parse("{\"" + std::string(cases[i]) + "\":" + values[i] + "}");
            expectInvalid("opts." + std::string(cases[i]) + " does not go into the template",
                          R"({"every":5})",
                          jobs);
        }
        JobTemplate jobs;
        jobs.data = "{";
        expectInvalid("is not valid JSON", R"({"every":5})", jobs);
        jobs.data = "{}";
        jobs.opts.priority = -1;
        expectInvalid("Priority should be between", R"({"every":5})", jobs);
    }

private:
    static std::string idAt(std::int64_t ms) { return "repeat:beat:" + std::to_string(ms); }

    static std::string joined(const std::vector<std::string>& ids) {
        std::string all;
        for (const std::string& id : ids) {
            all += (all.empty() ? "" : " ") + id;
        }
        return all;
    }

    [[nodiscard]] JobSchedulers::Settings settings() const {
        return {"bull", keys().qualifiedName().substr(5), Bullmq5::Auto};
    }

    UpsertResult upsert(const std::string& repeat,
                        const JobTemplate& jobs = {},
                        std::int64_t nowMs = kNow) {
        const auto record = schedulerRecordOf("beat", RepeatOptions::parse(repeat), jobs, nowMs);
        return ops::upsertScheduler(context(), client(), record.value(), nowMs);
    }

    /// The upsert was made, and the scheduler has that next run.
    void expectRun(std::int64_t dueMs, const UpsertResult& result) {
        CPPUNIT_ASSERT_EQUAL(1, result.code);
        CPPUNIT_ASSERT_EQUAL(idAt(dueMs), result.jobId);
        CPPUNIT_ASSERT_EQUAL(dueMs, result.dueMs);
        CPPUNIT_ASSERT_EQUAL(std::to_string(dueMs), text({"ZSCORE", keys().repeat, "beat"}));
    }

    void expectRefusal(int code, const std::string& job, const std::string& repeat) {
        const UpsertResult result = upsert(repeat);
        CPPUNIT_ASSERT_EQUAL(code, result.code);
        CPPUNIT_ASSERT_EQUAL(job, result.jobId);
    }

    void expectRecord(const std::map<std::string, std::string>& fields) {
        const auto record = hash("repeat:beat");
        for (const auto& [name, value] : fields) {
            CPPUNIT_ASSERT_MESSAGE(name, record.count(name) == 1);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(name, value, record.at(name));
        }
        CPPUNIT_ASSERT_EQUAL(fields.size(), record.size());
    }

    static void expectInvalid(const std::string& part,
                              const std::string& repeat,
                              const JobTemplate& jobs,
                              const std::string& id = "beat") {
        try {
            (void)schedulerRecordOf(id, RepeatOptions::parse(repeat), jobs, kNow);
            CPPUNIT_FAIL("accepted: " + repeat + ", not refused with: " + part);
        } catch (const Poco::InvalidArgumentException& error) {
            assertContains(error.message(), part);
        }
    }

    void occupy(int periods) {
        for (int i = 0; i < periods; ++i) {
            redis({"HSET", keys().job(idAt(kNow + i * 1000)), "name", "done"});
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(JobSchedulersTest);
