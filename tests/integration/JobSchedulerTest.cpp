#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "core/JsonText.h"
#include "core/SchedulerSlots.h"
#include "drover/Trace.h"
#include "support/Assert.h"
#include "support/LogCapture.h"
#include "support/RedisFixture.h"
#include "worker/SchedulerIterator.h"

namespace {

using namespace drover;
using namespace drover::test;
using State = Iteration::State;

// 2026-11-23T00:00:00Z
constexpr std::int64_t kNow = 1795392000000;

const std::string kEveryOpts =
    R"({"attempts":3,"far":{"big":12345678901234567890,"none":[]},"repeatJobKey":"beat","jobId":"x","delay":7,)"
    R"("timestamp":1,"repeat":{"every":2000,"count":4}})";
const std::string kCronOpts =
    R"({"repeat":{"pattern":"*/10 * * * *","tz":"UTC","count":1},"repeatJobKey":"beat","prevMillis":1795392000000})";

}  // namespace

/// The next job of a scheduler, made when one of its jobs is claimed: the fields that the script stores, and when it
/// stores nothing.
class JobSchedulerTest : public RedisFixture {
    CPPUNIT_TEST_SUITE(JobSchedulerTest);
    CPPUNIT_TEST(everyStoresTheNextJobAsBullMqDoes);
    CPPUNIT_TEST(aPatternStoresTheNextJobWithItsMoment);
    CPPUNIT_TEST(optionsAreStoredAsBullmqReadsThem);
    CPPUNIT_TEST(theScriptLeavesOutPastRunsAndKeepsTheOffset);
    CPPUNIT_TEST(aDueJobGoesWhereItCanBeClaimed);
    CPPUNIT_TEST(whilePausedNoWorkerIsWoken);
    CPPUNIT_TEST(whilePausedASharedQueueHasItInPaused);
    CPPUNIT_TEST(requestedTwiceItMakesOne);
    CPPUNIT_TEST(anIterationIsASpanOfAProducer);
    CPPUNIT_TEST(c223_manyAtOnceMakeOne);
    CPPUNIT_TEST(aSchedulerThatIsGoneMakesNone);
    CPPUNIT_TEST(aLimitThatIsReachedMakesNone);
    CPPUNIT_TEST(anEndThatIsPastMakesNone);
    CPPUNIT_TEST(anIdThatExistsIsReportedAndStopsIt);
    CPPUNIT_TEST(aMalformedPatternIsLoggedOnceAndChangesNothing);
    CPPUNIT_TEST(aRecordWithoutDataGetsThatOfItsJob);
    CPPUNIT_TEST(aRepeatableOf5IsLeftAlone);
    CPPUNIT_TEST(aSharedQueueGetsTheMembersThatWorkersOf5Need);
    CPPUNIT_TEST(aJobNamedByItsPeriodGoesOnFromWhenItRan);
    CPPUNIT_TEST(theJobDecidesWhichOfTwoKindsItsRecordMeans);
    CPPUNIT_TEST(aKeyOfAnotherTypeEndsItBeforeAnythingIsWritten);
    CPPUNIT_TEST_SUITE_END();

public:
    void everyStoresTheNextJobAsBullMqDoes() {
        record({"name", "beat", "every", "2000", "data", R"({"n":1})", "ic", "4"}, kNow);
        const Iteration made = iterate(taken(kEveryOpts), kNow + 25);
        const std::string id = idAt(kNow + 2000);
        expect(State::Done, made);
        CPPUNIT_ASSERT_EQUAL(id, made.text);
        const auto fields = hash(id);
        CPPUNIT_ASSERT_EQUAL(std::size_t{7}, fields.size());
        assertEqual("beat", fields.at("name"));
        assertEqual(R"({"n":1})", fields.at("data"));
        assertEqual("1795392000025", fields.at("timestamp"));
        assertEqual("1975", fields.at("delay"));
        assertEqual("0", fields.at("priority"));
        assertEqual("beat", fields.at("rjk"));
        assertEqual(
            R"({"attempts":3,"far":{"big":12345678901234567890,"none":[]},"repeatJobKey":"beat",)"
            R"("jobId":"repeat:beat:1795392002000","delay":1975,"timestamp":1795392000025,)"
            R"("repeat":{"every":2000,"count":5}})",
            fields.at("opts"));
        expectNext(kNow + 2000, "5");
        assertEqual("1", text({"GET", keys().idCounter}));
        CPPUNIT_ASSERT_EQUAL(std::to_string(kNow + 2000), text({"ZSCORE", keys().marker, "1"}));
        CPPUNIT_ASSERT(stateOf(id) == JobState::Delayed);
        const auto seen = events();
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, seen.size());
        CPPUNIT_ASSERT_EQUAL("added " + id + " name=beat", seen[0]);
        CPPUNIT_ASSERT_EQUAL("delayed " + id + " delay=1795392002000", seen[1]);
    }

    void aPatternStoresTheNextJobWithItsMoment() {
        record({"name", "beat", "pattern", "*/10 * * * *", "ic", "1"}, kNow);
        expect(State::Done, iterate(taken(kCronOpts), kNow + 1));
        const auto fields = hash(idAt(kNow + 600000));
        assertEqual("{}", fields.at("data"));
        assertEqual(
            R"({"repeatJobKey":"beat","attempts":0,"jobId":"repeat:beat:1795392600000","delay":599999,)"
            R"("timestamp":1795392000001,"prevMillis":1795392600000,)"
            R"("repeat":{"pattern":"*/10 * * * *","tz":"UTC","count":2}})",
            fields.at("opts"));
        expectNext(kNow + 600000, "2");
    }

    void optionsAreStoredAsBullmqReadsThem() {
        record({"every", "2000", "ic", "1"}, kNow);
        const std::string opts = R"({"backoff":10,"keepLogs":3,"repeat":{"every":2000}})";
        expect(State::Done, iterate(taken(opts), kNow));
        const std::string next = hash(idAt(kNow + 2000)).at("opts");
        assertStartsWith(
            next, R"({"backoff":{"type":"fixed","delay":10},"keepLogs":3,"attempts":0,"jobId":)");
        redis({"DEL", keys().job(idAt(kNow + 2000))});
        record({"every", "2000", "ic", "1"}, kNow);
        expect(State::Done, iterate(taken(R"({"priority":"3","repeat":{"every":2000}})"), kNow));
        assertEqual("3", hash(idAt(kNow + 2000)).at("priority"));
    }

    void theScriptLeavesOutPastRunsAndKeepsTheOffset() {
        std::minstd_rand random(7);
        for (int i = 0; i < 300; ++i) {
            Schedule schedule;
            schedule.everyMs = 1 + static_cast<std::int64_t>(random() % 50000);
            schedule.offsetMs = static_cast<std::int64_t>(random()) % schedule.everyMs;
            const std::int64_t late = static_cast<std::int64_t>(random() % 200000) - 20000;
            record({"every",
                    std::to_string(schedule.everyMs),
                    "offset",
                    std::to_string(schedule.offsetMs),
                    "ic",
                    "1"},
                   kNow);
            const Iteration made = iterate(taken(R"({"repeat":{"every":1}})"), kNow + late);
            expect(State::Done, made);
            CPPUNIT_ASSERT_EQUAL(idAt(nextRun(schedule, kNow, kNow + late)), made.text);
            redis({"DEL", keys().job(made.text)});
        }
    }

    void aDueJobGoesWhereItCanBeClaimed() {
        const std::string due = makeDueJob(R"({"repeat":{"every":2000}})");
        CPPUNIT_ASSERT_EQUAL(due, list(keys().wait).at(0));
        assertEqual("0", text({"ZSCORE", keys().marker, "0"}));
        CPPUNIT_ASSERT_EQUAL("waiting " + due, events().back());
        assertEqual("0", hash(due).at("delay"));

        redis({"DEL", keys().wait});
        redis({"RPUSH", keys().wait, "other"});
        makeDueJob(R"({"lifo":true,"repeat":{"every":2000}})");
        CPPUNIT_ASSERT_EQUAL(due, list(keys().wait).at(1));

        redis({"DEL", keys().wait});
        makeDueJob(R"({"priority":4,"repeat":{"every":2000}})");
        CPPUNIT_ASSERT(stateOf(due) == JobState::Prioritized);
        assertEqual("4", hash(due).at("priority"));
    }

    void whilePausedNoWorkerIsWoken() {
        redis({"HSET", keys().meta, "paused", "1"});
        const std::string due = makeDueJob(R"({"repeat":{"every":2000}})");
        CPPUNIT_ASSERT_EQUAL(due, list(keys().wait).at(0));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().marker, keys().paused}));
    }

    void whilePausedASharedQueueHasItInPaused() {
        redis({"HSET", keys().meta, "paused", "1", "version", "bullmq:5.48.1"});
        const std::string due = makeDueJob(R"({"repeat":{"every":2000}})");
        CPPUNIT_ASSERT_EQUAL(due, list(keys().paused).at(0));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().marker, keys().wait}));
    }

    void anIterationIsASpanOfAProducer() {
        const auto tracer = std::make_shared<Tracer>(Tracer::Settings());
        RedisOptions traced = options();
        traced.tracer = tracer;
        RedisClient tracedClient(traced, "test");
        record({"every", "2000", "ic", "4"}, kNow);
        const TraceContext cause{1, 2, 3, true, ""};
        const ClaimedJob job =
            taken(R"({"repeat":{"every":2000},"tm":)" + jsonString(cause.metadata()) + "}");
        SchedulerIterator scheduler(context());
        const Iteration made = scheduler.iterate(tracedClient, job, kNow);
        expect(State::Done, made);
        expect(State::Nothing, scheduler.iterate(tracedClient, job, kNow + 1));
        const std::vector<Span> spans = tracer->pop(10, std::chrono::milliseconds(0));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, spans.size());
        const Span& span = spans.front();
        CPPUNIT_ASSERT(span.kind == Span::Kind::Producer);
        assertEqual("add " + keys().queue() + ".beat", span.name);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, span.start.parentId);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, span.start.context.traceLow);
        std::map<std::string, SpanValue> attributes(span.attributes.all().begin(),
                                                    span.attributes.all().end());
        assertEqual("beat", std::get<std::string>(attributes.at("bullmq.job.scheduler.id")));
        assertEqual(made.text, std::get<std::string>(attributes.at("bullmq.job.id")));
        // Jobs of a scheduler inherit the context of its upsert from each other.
        assertContains(hash(made.text).at("opts"), jsonString(cause.metadata()));
    }

    void requestedTwiceItMakesOne() {
        record({"every", "2000", "ic", "4"}, kNow);
        expect(State::Done, iterate(taken(kEveryOpts), kNow));
        expect(State::Nothing, iterate(taken(kEveryOpts), kNow + 1));
        expectNext(kNow + 2000, "5");
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, events().size());
    }

    void c223_manyAtOnceMakeOne() {
        record({"every", "2000", "ic", "4"}, kNow);
        SchedulerIterator scheduler(context());
        std::atomic<int> done{0}, nothing{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 8; ++i) {
            threads.emplace_back([&, i] {
                RedisClient own(options(), "iterate " + std::to_string(i));
                const Iteration made = scheduler.iterate(own, taken(kEveryOpts), kNow + i);
                ++(made.state == State::Done ? done : nothing);
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        CPPUNIT_ASSERT_EQUAL(1, done.load());
        CPPUNIT_ASSERT_EQUAL(7, nothing.load());
        expectNext(kNow + 2000, "5");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", keys().delayed}));
    }

    void aSchedulerThatIsGoneMakesNone() {
        expect(State::Nothing, iterate(taken(kEveryOpts), kNow));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().delayed, keys().repeat}));
    }

    void aLimitThatIsReachedMakesNone() {
        record({"every", "2000", "ic", "2"}, kNow);
        expect(State::Nothing,
               iterate(taken(R"({"repeat":{"every":2000,"limit":2,"count":2}})"), kNow));
        expectNext(kNow, "2");
    }

    void anEndThatIsPastMakesNone() {
        record({"every", "2000", "ic", "2"}, kNow);
        const ClaimedJob job = taken(R"({"repeat":{"every":2000,"endDate":1795392000000}})");
        expect(State::Nothing, iterate(job, kNow + 1));
        expect(State::Done, iterate(job, kNow));
    }

    void anIdThatExistsIsReportedAndStopsIt() {
        record({"every", "2000", "ic", "4"}, kNow);
        const std::string next = idAt(kNow + 2000);
        redis({"HSET", keys().job(next), "name", "old"});
        const Iteration made = iterate(taken(kEveryOpts), kNow);
        expect(State::Failed, made);
        assertContains(made.text, next);
        CPPUNIT_ASSERT_EQUAL("duplicated " + next, events().back());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, hash(next).size());
        expectNext(kNow, "4");
    }

    void aMalformedPatternIsLoggedOnceAndChangesNothing() {
        LogCapture log("worker");
        record({"pattern", "x", "ic", "1"}, kNow);
        SchedulerIterator scheduler(context());
        const ClaimedJob job = taken(R"({"repeat":{"pattern":"61 * * * *"}})");
        for (int i = 0; i < 3; ++i) {
            const Iteration made = scheduler.iterate(client(), job, kNow);
            expect(State::Unreadable, made);
            assertContains(made.text, "minute \"61\" is out of 0-59");
        }
        const ClaimedJob elsewhere = taken(R"({"repeat":{"pattern":"* * * * *","tz":"No/Where"}})");
        expect(State::Unreadable, scheduler.iterate(client(), elsewhere, kNow));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log.count("scheduler \"beat\""));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log.count("cannot be computed here"));
        expectNext(kNow, "1");
    }

    void aRecordWithoutDataGetsThatOfItsJob() {
        record({"every", "2000", "ic", "4"}, kNow);
        ClaimedJob job = taken(kEveryOpts);
        job.data = R"({"to": 7})";
        const Iteration made = iterate(job, kNow);
        CPPUNIT_ASSERT_EQUAL(job.data, hash(made.text).at("data"));
        CPPUNIT_ASSERT_EQUAL(job.data, hash("repeat:beat").at("data"));
        // The fields of a record stay.
        record({"every", "2000", "ic", "4", "data", "1"}, kNow + 2000);
        job.id = made.text;
        const Iteration second = iterate(job, kNow + 2000);
        assertEqual("1", hash(second.text).at("data"));
    }

    void aRepeatableOf5IsLeftAlone() {
        LogCapture log("worker");
        redis({"ZADD", keys().repeat, std::to_string(kNow), "beat"});
        SchedulerIterator scheduler(context());
        expect(State::Legacy, scheduler.iterate(client(), taken(kEveryOpts), kNow));
        redis({"HSET", keys().job("repeat:beat"), "name", "beat", "every", "2000"});
        expect(State::Legacy, scheduler.iterate(client(), taken(kEveryOpts), kNow));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log.count("is not repeated from here"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, hash("repeat:beat").size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().delayed, keys().events}));
    }

    void aSharedQueueGetsTheMembersThatWorkersOf5Need() {
        redis({"HSET", keys().meta, "version", "bullmq:5.48.1"});
        record({"every", "2000", "offset", "300", "ic", "4"}, kNow + 300);
        const Iteration made = iterate(taken(kEveryOpts, kNow + 300), kNow + 310);
        const std::string opts = hash(made.text).at("opts");
        assertContains(opts, "\"prevMillis\":1795392002300,");
        assertContains(opts, "\"repeat\":{\"every\":2000,\"count\":5,\"offset\":300}");
    }

    void aJobNamedByItsPeriodGoesOnFromWhenItRan() {
        redis({"HSET", keys().meta, "version", "bullmq:5.48.1"});
        const ClaimedJob job =
            taken(R"({"prevMillis":1795392000000,"repeat":{"every":2000,"offset":700,"count":1}})");
        record({"every", "2000", "ic", "1"}, kNow);
        CPPUNIT_ASSERT_EQUAL(idAt(kNow + 2700), iterate(job, kNow + 710).text);
        assertEqual("700", hash("repeat:beat").at("offset"));
        expectNext(kNow + 2700, "2");
        record({"every", "2000", "ic", "1"}, kNow);
        CPPUNIT_ASSERT_EQUAL(idAt(kNow + 10700), iterate(job, kNow + 9000).text);
    }

    void theJobDecidesWhichOfTwoKindsItsRecordMeans() {
        record({"every", "2000", "pattern", "*/10 * * * *", "ic", "1"}, kNow);
        CPPUNIT_ASSERT_EQUAL(idAt(kNow + 600000), iterate(taken(kCronOpts), kNow).text);
        record({"every", "2000", "pattern", "*/10 * * * *", "ic", "1"}, kNow);
        CPPUNIT_ASSERT_EQUAL(idAt(kNow + 2000), iterate(taken(kEveryOpts), kNow).text);
    }

    void aKeyOfAnotherTypeEndsItBeforeAnythingIsWritten() {
        record({"every", "2000", "ic", "4"}, kNow);
        redis({"SET", keys().delayed, "no zset"});
        CPPUNIT_ASSERT_THROW(iterate(taken(kEveryOpts), kNow), Poco::Exception);
        expectNext(kNow, "4");
        redis({"DEL", keys().delayed});
    }

private:
    /// Returns the run after the one at `previousMs`; if that is past, the next one with the same offset.
    static std::int64_t nextRun(const Schedule& schedule,
                                std::int64_t previousMs,
                                std::int64_t nowMs) {
        const std::int64_t next = previousMs + schedule.everyMs;
        if (next >= nowMs) {
            return next;
        }
        const std::int64_t slot = nowMs - nowMs % schedule.everyMs + schedule.offsetMs;
        return slot > nowMs ? slot : slot + schedule.everyMs;
    }
    static std::string idAt(std::int64_t ms) { return "repeat:beat:" + std::to_string(ms); }

    static ClaimedJob taken(const std::string& opts, std::int64_t dueMs = kNow) {
        ClaimedJob job;
        job.id = idAt(dueMs);
        job.scheduler = "beat";
        job.data = "{}";
        job.opts = opts;
        return job;
    }

    /// The record of the scheduler, and when it runs next.
    void record(std::vector<std::string> fields, std::int64_t nextMs) {
        const std::string key = keys().job("repeat:beat");
        fields.insert(fields.begin(), {"HSET", key});
        redis({"DEL", key});
        redis(fields);
        redis({"ZADD", keys().repeat, std::to_string(nextMs), "beat"});
    }

    Iteration iterate(const ClaimedJob& job, std::int64_t nowMs) {
        return SchedulerIterator(context()).iterate(client(), job, nowMs);
    }

    /// Iterates at the very moment that is due next. Returns the id.
    std::string makeDueJob(const std::string& opts) {
        record({"every", "2000", "ic", "1"}, kNow);
        redis({"DEL", keys().job(idAt(kNow + 2000))});
        const Iteration made = iterate(taken(opts), kNow + 2000);
        expect(State::Done, made);
        return made.text;
    }

    static void expect(State wanted, const Iteration& made) {
        CPPUNIT_ASSERT_EQUAL_MESSAGE(
            made.text, static_cast<int>(wanted), static_cast<int>(made.state));
    }

    void expectNext(std::int64_t ms, const std::string& iterations) {
        CPPUNIT_ASSERT_EQUAL(std::to_string(ms), text({"ZSCORE", keys().repeat, "beat"}));
        CPPUNIT_ASSERT_EQUAL(iterations, hash("repeat:beat").at("ic"));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(JobSchedulerTest);
