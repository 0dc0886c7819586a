#include <atomic>
#include <thread>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "queue/ops/Advance.h"
#include "support/Assert.h"
#include "support/WorkerFixture.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Strings = std::vector<std::string>;

}  // namespace

/// Pausing a queue, its concurrency and its rate limit: their keys in Redis, and a worker that obeys them.
class QueueControlTest : public WorkerFixture {
    CPPUNIT_TEST_SUITE(QueueControlTest);
    CPPUNIT_TEST(c069_pauseDeletesTheMarker);
    CPPUNIT_TEST(c070_resumeWithWaitingJobsMarksThem);
    CPPUNIT_TEST(c070_resumeMarksAFullQueueToo);
    CPPUNIT_TEST(c071_resumeWithDelayedJobsMarksTheFirst);
    CPPUNIT_TEST(resumeOfAnEmptyQueueMarksNothing);
    CPPUNIT_TEST(c164_pauseLeavesWaitingJobsAndEmitsEachTime);
    CPPUNIT_TEST(c272_pauseSharedWithFiveMovesWhatWaits);
    CPPUNIT_TEST(c272_pauseSharedWithFiveJoinsBothLists);
    CPPUNIT_TEST(c165_resumeBringsBackALegacyPausedList);
    CPPUNIT_TEST(c274_resumeJoinsLongLists);
    CPPUNIT_TEST(c274_noClientSeesAHalfResumedQueue);
    CPPUNIT_TEST(autoGoesByWhatRedisShows);
    CPPUNIT_TEST(autoRemembersWhatItSaw);
    CPPUNIT_TEST(theConcurrencyIsStoredAndRemoved);
    CPPUNIT_TEST(c161_ourWorkerObeysTheConcurrencyUntilItIsRemoved);
    CPPUNIT_TEST(theRateLimitIsStoredAndRemoved);
    CPPUNIT_TEST(c157_aManualLimitStopsALimitedWorkerOnly);
    CPPUNIT_TEST(c159_theTtlGoesByTheRequestedLimit);
    CPPUNIT_TEST(senselessLimitsAreRefused);
    CPPUNIT_TEST(settingsOfOtherClientsMayBeAnyText);
    CPPUNIT_TEST_SUITE_END();

public:
    void c069_pauseDeletesTheMarker() {
        WholeQueue queue = makeQueue();
        addJob();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", keys().marker}));
        CPPUNIT_ASSERT(!queue.isPaused());
        queue.pause();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().marker}));
        CPPUNIT_ASSERT(queue.isPaused());
        assertEqual("1", meta("paused"));
        addJob();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().marker}));
    }

    void c070_resumeWithWaitingJobsMarksThem() {
        for (const char* opts : {R"({"attempts":0})", R"({"attempts":0,"priority":2})"}) {
            WholeQueue queue = makeQueue();
            queue.pause();
            const AddResult added = queue.add({"test", "{}", JobOptions::parse(opts)});
            CPPUNIT_ASSERT(added.status == AddResult::Status::Added);
            queue.resume();
            CPPUNIT_ASSERT(!queue.isPaused());
            assertEqual("0", text({"ZSCORE", keys().marker, "0"}));
            assertEqual("resumed", events().back());
            redis({"DEL", keys().wait, keys().prioritized, keys().marker});
        }
    }

    void c070_resumeMarksAFullQueueToo() {
        WholeQueue queue = makeQueue();
        addJob();
        addJob();
        claim(1);
        queue.setGlobalConcurrency(1);
        queue.pause();
        queue.resume();
        assertEqual("0", text({"ZSCORE", keys().marker, "0"}));
    }

    void c071_resumeWithDelayedJobsMarksTheFirst() {
        WholeQueue queue = makeQueue();
        queue.pause();
        const std::int64_t due = clock_.wallMs() + 60000;
        redis({"ZADD", keys().delayed, std::to_string(due * 4096 + 4096000), "later"});
        redis({"ZADD", keys().delayed, std::to_string(due * 4096), "first"});
        queue.resume();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", keys().marker}));
        CPPUNIT_ASSERT_EQUAL(
            due, static_cast<std::int64_t>(std::stod(text({"ZSCORE", keys().marker, "1"}))));
    }

    void resumeOfAnEmptyQueueMarksNothing() {
        WholeQueue queue = makeQueue();
        queue.resume();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().marker}));
        CPPUNIT_ASSERT((events() == Strings{"resumed"}));
    }

    void c164_pauseLeavesWaitingJobsAndEmitsEachTime() {
        WholeQueue queue = makeQueue();
        addJob();
        addJob();
        const std::size_t before = events().size();
        queue.pause();
        queue.pause();
        CPPUNIT_ASSERT((list(keys().wait) == Strings{"2", "1"}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().paused}));
        const Strings told = events();
        CPPUNIT_ASSERT_EQUAL(before + 2, told.size());
        assertEqual("paused", told[before]);
        assertEqual("paused", told[before + 1]);
    }

    void c272_pauseSharedWithFiveMovesWhatWaits() {
        WholeQueue queue = makeQueue(Bullmq5::On);
        for (int i = 0; i < 3; ++i) {
            addJob();
        }
        queue.pause();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().wait, keys().marker}));
        CPPUNIT_ASSERT((list(keys().paused) == Strings{"3", "2", "1"}));
        assertEqual("1", meta("paused"));
        assertEqual("paused", events().back());
        queue.pause();
        CPPUNIT_ASSERT((list(keys().paused) == Strings{"3", "2", "1"}));
        queue.resume();
        CPPUNIT_ASSERT((list(keys().wait) == Strings{"3", "2", "1"}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().paused}));
    }

    void c272_pauseSharedWithFiveJoinsBothLists() {
        WholeQueue queue = makeQueue(Bullmq5::On);
        redis({"RPUSH", keys().wait, "w2", "w1"});
        redis({"RPUSH", keys().paused, "p2", "p1"});
        queue.pause();
        CPPUNIT_ASSERT((list(keys().paused) == Strings{"w2", "w1", "p2", "p1"}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().wait}));
    }

    void c165_resumeBringsBackALegacyPausedList() {
        for (const Bullmq5 mode : {Bullmq5::Off, Bullmq5::Auto, Bullmq5::On}) {
            WholeQueue queue = makeQueue(mode);
            redis({"HSET", keys().meta, "paused", "1"});
            redis({"RPUSH", keys().wait, "w2", "w1"});
            redis({"RPUSH", keys().paused, "p2", "p1"});
            queue.resume();
            CPPUNIT_ASSERT((list(keys().wait) == Strings{"w2", "w1", "p2", "p1"}));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().paused}));
            redis({"DEL", keys().wait});
        }
    }

    void c274_resumeJoinsLongLists() {
        WholeQueue queue = makeQueue(Bullmq5::On);
        redis({"HSET", keys().meta, "paused", "1"});
        fill(keys().wait, "w", 20000);
        fill(keys().paused, "p", 20000);
        const Strings before = list(keys().wait);
        const Strings behind = list(keys().paused);
        queue.resume();
        Strings expected = before;
        expected.insert(expected.end(), behind.begin(), behind.end());
        CPPUNIT_ASSERT_EQUAL(std::size_t{40000}, expected.size());
        CPPUNIT_ASSERT(list(keys().wait) == expected);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().paused}));
        CPPUNIT_ASSERT((events() == Strings{"resumed"}));
    }

    void c274_noClientSeesAHalfResumedQueue() {
        WholeQueue queue = makeQueue(Bullmq5::On);
        fill(keys().wait, "w", 5000);
        std::atomic<bool> more{true};
        std::atomic<int> looks{0};
        std::atomic<int> wrong{0};
        std::thread observer([&] {
            RedisClient own(options(), "observer");
            while (more) {
                // One script: the view of an observer at one moment.
                const std::string look =
                    "return {redis.call('HEXISTS', KEYS[1], 'paused'),"
                    " redis.call('LLEN', KEYS[2]), redis.call('LLEN', KEYS[3])}";
                const Reply seen =
                    own.call(Command{"EVAL", look, "3", keys().meta, keys().paused, keys().wait});
                const bool paused = seen.at(0).integer() == 1;
                const std::int64_t hidden = seen.at(1).integer();
                const std::int64_t waiting = seen.at(2).integer();
                wrong += hidden + waiting != 5000 || (paused ? waiting : hidden) != 0 ? 1 : 0;
                ++looks;
            }
        });
        for (int i = 0; i < 50 || looks < 50; ++i) {
            queue.pause();
            queue.resume();
        }
        more = false;
        observer.join();
        CPPUNIT_ASSERT_EQUAL(0, wrong.load());
    }

    void autoGoesByWhatRedisShows() {
        addJob();
        {
            WholeQueue queue = makeQueue(Bullmq5::Auto);
            queue.pause();
            CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"LLEN", keys().wait}));
            queue.resume();
        }
        // The version of a 5.x client.
        redis({"HSET", keys().meta, "version", "bullmq:5.81.5"});
        {
            WholeQueue queue = makeQueue(Bullmq5::Auto);
            queue.pause();
            CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"LLEN", keys().paused}));
            queue.resume();
        }
        // Its list.
        redis({"HSET", keys().meta, "version", "bullmq:6.7.0"});
        redis({"RPUSH", keys().paused, "p1"});
        {
            WholeQueue queue = makeQueue(Bullmq5::Auto);
            queue.pause();
            CPPUNIT_ASSERT((list(keys().paused) == Strings{"1", "p1"}));
        }
        // Neither counts where the mode is on or off.
        redis({"DEL", keys().paused});
        redis({"RPUSH", keys().wait, "1"});
        redis({"HSET", keys().meta, "version", "bullmq:5.81.5"});
        makeQueue(Bullmq5::Off).pause();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"LLEN", keys().wait}));
    }

    void autoRemembersWhatItSaw() {
        addJob();
        WholeQueue queue = makeQueue(Bullmq5::Auto);
        redis({"HSET", keys().meta, "version", "bullmq:5.48.1"});
        queue.pause();
        queue.resume();
        redis({"HSET", keys().meta, "version", "bullmq:6.7.0"});
        queue.pause();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"LLEN", keys().paused}));
    }

    void theConcurrencyIsStoredAndRemoved() {
        WholeQueue queue = makeQueue();
        queue.setGlobalConcurrency(3);
        assertEqual("3", meta("concurrency"));
        queue.removeGlobalConcurrency();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"HEXISTS", keys().meta, "concurrency"}));
    }

    void c161_ourWorkerObeysTheConcurrencyUntilItIsRemoved() {
        WholeQueue queue = makeQueue();
        queue.setGlobalConcurrency(2);
        settings_.threads = 4;
        settings_.batchSize = 1;
        settings_.drainDelay = milliseconds(20);
        for (int i = 0; i < 4; ++i) {
            addJob();
        }
        std::atomic<bool> hold{true};
        auto handler = std::make_shared<FakeHandler>([&](std::span<RunningJob* const> jobs) {
            while (hold) {
                jobs.front()->waitCancelled(milliseconds(2));
            }
            completeAll(jobs);
        });
        run(handler);
        eventually("two run", [&] { return handler->seen() == 2; });
        untilPolled();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number({"LLEN", keys().active}));
        queue.removeGlobalConcurrency();
        eventually("all run", [&] { return handler->seen() == 4; });
        hold = false;
        eventually("done", [&] { return number({"ZCARD", keys().completed}) == 4; });
    }

    void theRateLimitIsStoredAndRemoved() {
        WholeQueue queue = makeQueue();
        queue.setGlobalRateLimit({5, seconds(2)});
        assertEqual("5", meta("max"));
        assertEqual("2000", meta("duration"));
        queue.removeGlobalRateLimit();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"HEXISTS", keys().meta, "max"}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"HEXISTS", keys().meta, "duration"}));
    }

    void c157_aManualLimitStopsALimitedWorkerOnly() {
        WholeQueue queue = makeQueue();
        settings_.drainDelay = milliseconds(20);
        queue.rateLimit(seconds(60));
        assertEqual("9007199254740991", text({"GET", keys().limiter}));
        // Not a limit that a worker could read: it goes on.
        run(std::make_shared<FakeHandler>(completeAll));
        const std::string first = addJob();
        eventually("done", [&] { return stateOf(first) == JobState::Completed; });
        worker_.reset();

        queue.setGlobalRateLimit({1000, seconds(1)});
        const std::string second = addJob();
        const std::int64_t before = scriptCalls();
        run(std::make_shared<FakeHandler>(completeAll));
        eventually("it looked", [&] { return scriptCalls() > before; });
        const std::int64_t ttl = queue.rateLimitTtl();
        CPPUNIT_ASSERT_MESSAGE(std::to_string(ttl), ttl > 30000 && ttl <= 60000);
        CPPUNIT_ASSERT(stateOf(second) == JobState::Waiting);
        // A worker trusts the limiter for the time that it announces; a second worker comes too late for it.
        worker_.reset();
        queue.removeRateLimitKey();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().limiter}));
        run(std::make_shared<FakeHandler>(completeAll));
        eventually("done", [&] { return stateOf(second) == JobState::Completed; });
    }

    void c159_theTtlGoesByTheRequestedLimit() {
        WholeQueue queue = makeQueue();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{-2}, queue.rateLimitTtl());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, queue.rateLimitTtl(1));
        queue.setGlobalRateLimit({3, seconds(60)});
        for (int i = 0; i < 2; ++i) {
            addJob();
        }
        claim(2);
        assertEqual("2", text({"GET", keys().limiter}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, queue.rateLimitTtl());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, queue.rateLimitTtl(3));
        const std::int64_t left = queue.rateLimitTtl(2);
        CPPUNIT_ASSERT_MESSAGE(std::to_string(left), left > 50000 && left <= 60000);
        queue.removeGlobalRateLimit();
        CPPUNIT_ASSERT(queue.rateLimitTtl() > 50000);
        redis({"PERSIST", keys().limiter});
        CPPUNIT_ASSERT_EQUAL(std::int64_t{-1}, queue.rateLimitTtl());
    }

    void senselessLimitsAreRefused() {
        WholeQueue queue = makeQueue();
        CPPUNIT_ASSERT_THROW(queue.setGlobalConcurrency(0), Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_THROW(queue.setGlobalRateLimit({0, seconds(1)}),
                             Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_THROW(queue.setGlobalRateLimit({1, milliseconds(0)}),
                             Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_THROW(queue.rateLimit(milliseconds(0)), Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().limiter}));
    }

    void settingsOfOtherClientsMayBeAnyText() {
        struct Case {
            Strings fields;
            std::size_t claimed;  ///< How many of five.
        };
        const std::vector<Case> cases = {
            {{"concurrency", "2.25"}, 3},
            {{"concurrency", "0.5"}, 1},
            {{"concurrency", " 2 "}, 2},
            {{"concurrency", "0x2"}, 2},
            {{"concurrency", "1e308"}, 5},
            {{"concurrency", "Infinity"}, 5},
            {{"concurrency", "99999999999999999999"}, 5},
            {{"concurrency", "0"}, 0},
            {{"concurrency", "-1"}, 0},
            {{"concurrency", "-Infinity"}, 0},
            // BullMQ's own script ends in an error here, and its workers stand still.
            {{"concurrency", "abc"}, 5},
            {{"concurrency", ""}, 5},
            {{"concurrency", "NaN"}, 5},
            {{"max", "2.25", "duration", "60000"}, 3},
            {{"max", "0.5", "duration", "60000"}, 1},
            {{"max", "0", "duration", "60000"}, 1},
            {{"max", "-7", "duration", "60000"}, 1},
            {{"max", "1e308", "duration", "60000"}, 5},
            {{"max", "abc", "duration", "60000"}, 5},
            {{"max", "NaN", "duration", "60000"}, 5},
            {{"max", "2", "duration", "60000.7"}, 2},
            {{"max", "2", "duration", "1e300"}, 2},
            {{"max", "2", "duration", "Infinity"}, 2},
            {{"max", "2", "duration", "abc"}, 2},
            {{"max", "2", "duration", "-60000"}, 2},
            {{"opts.maxLenEvents", "2.7"}, 5},
            {{"opts.maxLenEvents", "abc"}, 5},
            {{"opts.maxLenEvents", ""}, 5},
            {{"opts.maxLenEvents", "-1"}, 5},
            {{"opts.maxLenEvents", "-0"}, 5},
            {{"opts.maxLenEvents", "1e308"}, 5},
            {{"opts.maxLenEvents", "NaN"}, 5},
        };
        for (const Case& one : cases) {
            const std::string about = one.fields[0] + " '" + one.fields[1] + "'";
            redis({"FLUSHDB"});
            Strings set = {"HSET", keys().meta};
            set.insert(set.end(), one.fields.begin(), one.fields.end());
            redis(set);
            for (int i = 0; i < 5; ++i) {
                addJob();
            }
            AdvanceRequest request;
            request.claim = 10;
            request.token = "t";
            request.lockDuration = seconds(10);
            const AdvanceResult first = ops::advance(context(), client(), request, clock_.wallMs());
            CPPUNIT_ASSERT_EQUAL_MESSAGE(about, one.claimed, first.claimed());
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                about, static_cast<std::int64_t>(one.claimed), number({"LLEN", keys().active}));
            // A job's end is stored by the call that looks for more.
            for (const ClaimedJob& job : first.jobs()) {
                FinishItem item;
                item.id = job.id;
                item.token = job.token;
                item.value = "1";
                request.finish.push_back(item);
            }
            ops::advance(context(), client(), request, clock_.wallMs());
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                about, static_cast<std::int64_t>(one.claimed), number({"ZCARD", keys().completed}));
            (void)makeQueue().rateLimitTtl();
        }
    }

private:
    WholeQueue makeQueue(Bullmq5 mode = Bullmq5::Off) {
        Queue::Settings settings;
        settings.name = keys().qualifiedName().substr(5);
        settings.addTimeout = seconds(10);
        settings.bullmq5 = mode;
        return {options(), settings};
    }
    std::string meta(const std::string& field) { return text({"HGET", keys().meta, field}); }
    void fill(const std::string& key, const std::string& stem, int count) {
        redis({"EVAL",
               "for i = 1, ARGV[2] do redis.call('RPUSH', KEYS[1], ARGV[1] .. i) end",
               "1",
               key,
               stem,
               std::to_string(count)});
    }
    /// Waits until the worker has looked for jobs again, and again.
    void untilPolled() {
        const std::int64_t then = scriptCalls();
        eventually("polled", [&] { return scriptCalls() > then + 3; });
    }
    std::int64_t scriptCalls() {
        const std::string stats = text({"INFO", "commandstats"});
        const std::string mark = "cmdstat_evalsha:calls=";
        const std::size_t at = stats.find(mark);
        return at == std::string::npos ? 0 : std::stoll(stats.substr(at + mark.size()));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(QueueControlTest);
