#include <chrono>
#include <cmath>
#include <memory>
#include <mutex>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "queue/QueueContext.h"
#include "queue/ops/Add.h"
#include "support/Assert.h"
#include "support/ManualClock.h"
#include "support/WholeQueue.h"
#include "support/WorkerFixture.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// The clocks of a machine whose date is wrong.
class SkewedClock final : public Clock {
public:
    explicit SkewedClock(milliseconds by) : by_(by) {}
    [[nodiscard]] std::int64_t wallMs() const override {
        return SystemClock().wallMs() + by_.count();
    }
    [[nodiscard]] Monotonic monotonic() const override { return SystemClock().monotonic(); }

private:
    const milliseconds by_;
};

}  // namespace

/// A machine whose date is wrong stores Redis's times, and runs jobs by Redis's clock.
class ClockSkewTest : public WorkerFixture {
    CPPUNIT_TEST_SUITE(ClockSkewTest);
    CPPUNIT_TEST(aConsumerAheadRunsDelayedJobsOnTime);
    CPPUNIT_TEST(aConsumerBehindRunsDelayedJobsOnTime);
    CPPUNIT_TEST(aProducerAheadDelaysByRedissClock);
    CPPUNIT_TEST(aProducerBehindDelaysByRedissClock);
    CPPUNIT_TEST(aTimestampOfTheCallerStays);
    CPPUNIT_TEST(retriesAndFinishesCarryRedissTime);
    CPPUNIT_TEST(theSweeperCarriesRedissTime);
    CPPUNIT_TEST(aConnectionInUseIsMeasuredAgain);
    CPPUNIT_TEST(aServerThatRefusesTimeIsServedByTheMachinesClock);
    CPPUNIT_TEST_SUITE_END();

public:
    void tearDown() override {
        if (worker_) {
            worker_->stop();
        }
        WorkerFixture::tearDown();
        machine_.reset();
    }

    void aConsumerAheadRunsDelayedJobsOnTime() { runsOnTime(hours(1)); }
    void aConsumerBehindRunsDelayedJobsOnTime() { runsOnTime(hours(-1)); }
    void aProducerAheadDelaysByRedissClock() { delaysByRedis(hours(1)); }
    void aProducerBehindDelaysByRedissClock() { delaysByRedis(hours(-1)); }

    void aTimestampOfTheCallerStays() {
        WholeQueue queue(skewed(hours(1)), settingsOf());
        NewJob job;
        job.name = "old";
        job.opts.timestampMs = 12345;
        const AddResult added = queue.add(job, SteadyClock::now() + seconds(10));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{12345}, added.timestampMs);
        assertEqual("12345", hash(added.id)["timestamp"]);
    }

    void retriesAndFinishesCarryRedissTime() {
        runSkewed(hours(1), [](std::span<RunningJob* const> jobs) {
            for (RunningJob* job : jobs) {
                job->setOutcome({job->job().name == "fails" ? JobOutcome::Kind::Failed
                                                            : JobOutcome::Kind::Completed,
                                 "\"x\"",
                                 "",
                                 0});
            }
        });
        const std::string done = addJob("works");
        const std::string again =
            addJob("fails", "{}", R"({"attempts":2,"backoff":{"type":"fixed","delay":60000}})");
        eventually("both ended", [&] {
            return stateOf(done) == JobState::Completed && stateOf(again) == JobState::Delayed;
        });
        CPPUNIT_ASSERT(isNow(std::stoll(hash(done)["processedOn"])));
        CPPUNIT_ASSERT(isNow(std::stoll(hash(done)["finishedOn"])));
        const double score = std::stod(text({"ZSCORE", keys().delayed, again}));
        CPPUNIT_ASSERT(isNow(static_cast<std::int64_t>(score / 4096) - 60000));
    }

    void theSweeperCarriesRedissTime() {
        const std::string id = addJob("stalled", "{}", R"({"attempts":1})");
        claim(1, "gone", milliseconds(1));
        redis({"SADD", keys().stalled, id});
        eventually("its lock expired", [&] {
            return number({"EXISTS", keys().job(id) + ":lock"}) == 0;
        });
        const SkewedClock ahead(hours(1));
        StalledSweeper sweeper(std::make_unique<RedisClient>(skewed(hours(1)), "sweep"), ahead);
        // Beside 5.48.1 such a job is failed by the check itself.
        const QueueContext shared(keys(), Bullmq5::On);
        sweeper.watch(shared, seconds(60), 0);
        sweeper.start();
        eventually("failed", [&] { return stateOf(id) == JobState::Failed; });
        CPPUNIT_ASSERT(isNow(std::stoll(hash(id).at("finishedOn"))));
        CPPUNIT_ASSERT(isNow(std::stoll(text({"GET", keys().stalledCheck}))));
        sweeper.stop();
    }

    void aConnectionInUseIsMeasuredAgain() {
        const auto machine = std::make_shared<ManualClock>();
        RedisOptions through = options();
        through.time = std::make_shared<ServerTime>(machine);
        RedisClient client(through, "test");
        client.call(Command{"PING"});
        CPPUNIT_ASSERT(isNow(through.time->nowMs()));
        // A clock of the machine that runs faster than Redis's.
        machine->advance(seconds(60));
        CPPUNIT_ASSERT(!isNow(through.time->nowMs()));
        client.call(Command{"PING"});
        CPPUNIT_ASSERT(isNow(through.time->nowMs()));
    }

    void aServerThatRefusesTimeIsServedByTheMachinesClock() {
        redis({"ACL", "SETUSER", "timeless", "on", ">secret", "~*", "&*", "+@all", "-time"});
        LogCapture log("redis");
        RedisOptions as = options();
        as.user = "timeless";
        as.password = "secret";
        RedisClient client(as, "test");
        CPPUNIT_ASSERT(isNow(client.nowMs()));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log.count("does not tell its time"));
        redis({"ACL", "DELUSER", "timeless"});
    }

private:
    using SteadyClock = std::chrono::steady_clock;

    /// Redis runs on this machine, whose clock is right.
    static bool isNow(std::int64_t ms) { return std::abs(SystemClock().wallMs() - ms) < 30000; }

    RedisOptions skewed(milliseconds by) {
        RedisOptions through = options();
        through.time = std::make_shared<ServerTime>(std::make_shared<const SkewedClock>(by));
        return through;
    }
    Queue::Settings settingsOf() const {
        Queue::Settings settings;
        settings.name = keys().qualifiedName().substr(5);
        return settings;
    }
    void runSkewed(milliseconds by, FakeHandler::Behaviour behaviour) {
        machine_ = std::make_unique<SkewedClock>(by);
        settings_.prefix = "bull";
        settings_.name = keys().qualifiedName().substr(5);
        worker_ =
            std::make_unique<Worker>(settings_,
                                     skewed(by),
                                     *machine_,
                                     std::vector<std::shared_ptr<HandlerType>>{
                                         std::make_shared<FakeHandler>(std::move(behaviour))});
        worker_->start();
    }

    void runsOnTime(milliseconds by) {
        std::mutex mutex;
        std::vector<std::int64_t> ranAt;
        runSkewed(by, [&](std::span<RunningJob* const> jobs) {
            {
                const std::lock_guard lock(mutex);
                ranAt.insert(ranAt.end(), jobs.size(), SystemClock().wallMs());
            }
            completeAll(jobs);
        });
        JobRecord item;
        item.name = "delayed";
        item.data = "{}";
        item.opts = R"({"attempts":0,"delay":700})";
        item.timestampMs = clock_.wallMs();
        item.delayMs = 700;
        const std::int64_t due = item.timestampMs + item.delayMs;
        ops::addJobs(context(), client(), {item}, item.timestampMs);
        eventually("it ran", [&] {
            const std::lock_guard lock(mutex);
            return ranAt.size() == 1;
        });
        CPPUNIT_ASSERT(ranAt.front() >= due - 20);
    }

    void delaysByRedis(milliseconds by) {
        WholeQueue queue(skewed(by), settingsOf());
        NewJob job;
        job.name = "delayed";
        job.opts.delayMs = 60000;
        const AddResult added = queue.add(job, SteadyClock::now() + seconds(10));
        CPPUNIT_ASSERT(added.status == AddResult::Status::Added);
        CPPUNIT_ASSERT(isNow(added.timestampMs));
        CPPUNIT_ASSERT_EQUAL(std::to_string(added.timestampMs), hash(added.id)["timestamp"]);
        const double score = std::stod(text({"ZSCORE", keys().delayed, added.id}));
        CPPUNIT_ASSERT_EQUAL(added.timestampMs + 60000, static_cast<std::int64_t>(score / 4096));
    }

    std::unique_ptr<SkewedClock> machine_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ClockSkewTest);
