#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "drover/operate/OperateJson.h"
#include "drover/operate/QueueOverview.h"
#include "queue/ops/Add.h"
#include "support/Assert.h"
#include "support/RedisFixture.h"
#include "support/WholeQueue.h"

namespace {

using namespace drover;
using namespace drover::test;

constexpr std::int64_t kHourMs = 3600000;

}  // namespace

/// Many queues at a glance: counts, the oldest job that waits, rates, workers.
class QueueOverviewTest : public RedisFixture {
    CPPUNIT_TEST_SUITE(QueueOverviewTest);
    CPPUNIT_TEST(countsAndSettingsAreOfOneMoment);
    CPPUNIT_TEST(theOldestJobThatCouldRunIsFound);
    CPPUNIT_TEST(ratesAreDifferencesOfTwoLooks);
    CPPUNIT_TEST(theFirstLookHasTheRatesOfTheMetrics);
    CPPUNIT_TEST(workersAreCountedByQueue);
    CPPUNIT_TEST(aBrokenQueueDoesNotHideItsNeighbours);
    CPPUNIT_TEST(manyQueuesAreReadWithoutAScan);
    CPPUNIT_TEST(queuesAreListedByName);
    CPPUNIT_TEST(jsonHasTheMembersThatApply);
    CPPUNIT_TEST_SUITE_END();

public:
    void countsAndSettingsAreOfOneMoment() {
        addJob();
        addJob();
        addWithPriority(3);
        claim(1);
        redis({"HSET", keys().meta, "paused", "1", "concurrency", "7", "version", "bullmq:6.7.0"});
        const QueueSummary queue = lookAt();
        assertEqual(name(), queue.name);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, queue.counts.active);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, queue.waiting());
        CPPUNIT_ASSERT(queue.paused);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, queue.concurrency.value());
        assertEqual("bullmq:6.7.0", queue.version.value());
        assertEqual("", queue.problem);
    }

    void theOldestJobThatCouldRunIsFound() {
        CPPUNIT_ASSERT(!lookAt().oldestWaitMs);
        const std::int64_t now = client().nowMs();
        for (int i = 1; i <= 4; ++i) {
            addJob();
            redis({"HSET", keys().job(std::to_string(i)), "timestamp", std::to_string(now)});
        }
        // The second end of the list counts: a job with lifo stands before older ones.
        redis({"HSET", keys().job("4"), "timestamp", std::to_string(now - kHourMs)});
        assertEqual("4", lookAt().oldestId);
        CPPUNIT_ASSERT(lookAt().oldestWaitMs.value() >= kHourMs);
        // It was delayed until now, or ran until now.
        redis({"HSET", keys().job("4"), "opts", R"({"delay":3600000,"backoff":{"delay":1}})"});
        CPPUNIT_ASSERT(lookAt().oldestWaitMs.value() < kHourMs);
        redis({"HSET", keys().job("4"), "opts", "{}", "processedOn", std::to_string(now)});
        CPPUNIT_ASSERT(lookAt().oldestWaitMs.value() < kHourMs);
        // The lowest priority waits longest.
        addWithPriority(1);
        addWithPriority(9);
        addWithPriority(9);
        redis({"HSET", keys().job("6"), "timestamp", std::to_string(now - 2 * kHourMs)});
        assertEqual("6", lookAt().oldestId);
    }

    void ratesAreDifferencesOfTwoLooks() {
        QueueOverview overview(handleOf(options()));
        addJob();
        const QueueSummary first = overview.look({name()}).at(0);
        CPPUNIT_ASSERT(!first.added && !first.ended && !first.failed);
        addJob();
        addJob();
        claim(1);
        redis({"LREM", keys().active, "0", "1"});
        const QueueSummary second = overview.look({name()}).at(0);
        CPPUNIT_ASSERT(second.added.value() > 0);
        // Two were added, and the queue has grown by one.
        CPPUNIT_ASSERT_DOUBLES_EQUAL(0.5, second.ended.value() / second.added.value(), 1e-9);
        CPPUNIT_ASSERT(!second.failed);
        redis({"HSET", keys().job("metrics:completed"), "count", "5"});
        redis({"HSET", keys().job("metrics:failed"), "count", "1"});
        const QueueSummary third = overview.look({name()}).at(0);
        CPPUNIT_ASSERT_DOUBLES_EQUAL(6, third.ended.value() / third.failed.value(), 1e-9);
        CPPUNIT_ASSERT_EQUAL(0.0, third.added.value());
    }

    void theFirstLookHasTheRatesOfTheMetrics() {
        const std::int64_t now = client().nowMs();
        const std::string data = keys().job("metrics:completed:data");
        redis({"RPUSH", data, "12", "3"});
        setMetrics("completed", 20, now, 18);
        setMetrics("failed", 30, now - 10 * 60000, 10);
        const QueueSummary queue = lookAt();
        // The last point of completed jobs, and the average of ten minutes of failed ones.
        CPPUNIT_ASSERT_DOUBLES_EQUAL(2.0, queue.failed.value(), 0.01);
        CPPUNIT_ASSERT_DOUBLES_EQUAL(14.0, queue.ended.value(), 0.01);
    }

    void workersAreCountedByQueue() {
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, lookAt().workers.value());
        RedisClient unnamed(options(), "a", keys().workerClientName(""));
        RedisClient named(options(), "b", keys().workerClientName("one"));
        RedisClient events(options(), "c", keys().eventsClientName());
        for (RedisClient* one : {&unnamed, &named, &events}) {
            one->connection();
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, lookAt().workers.value());
        QueueOverview overview(handleOf(options()));
        CPPUNIT_ASSERT(!overview.look({name()}, false).at(0).workers);
    }

    void aBrokenQueueDoesNotHideItsNeighbours() {
        redis({"SET", "bull:" + name() + "-broken:wait", "text"});
        addJob();
        QueueOverview overview(handleOf(options()));
        const auto all = overview.look({name() + "-broken", name()});
        assertContains(all.at(0).problem, "WRONGTYPE");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, all.at(1).counts.waiting);
        JsonWriter json;
        operate::write(json, all.at(0));
        assertContains(json.str(), "\"problem\":\"WRONGTYPE");
        CPPUNIT_ASSERT_THROW(overview.look({"a:b"}), Poco::InvalidArgumentException);
    }

    void manyQueuesAreReadWithoutAScan() {
        useOwnServer();
        std::vector<std::string> names;
        for (int i = 0; i < 250; ++i) {
            names.push_back("many" + std::to_string(i));
            redis({"LPUSH", "bull:" + names.back() + ":wait", "1"});
        }
        redis({"CONFIG", "RESETSTAT"});
        QueueOverview overview(handleOf(options()));
        const auto all = overview.look(names);
        CPPUNIT_ASSERT_EQUAL(names.size(), all.size());
        assertEqual("many249", all.back().name);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, all.back().counts.waiting);
        const std::string stats = text({"INFO", "commandstats"});
        assertLacks(stats, "cmdstat_scan:");
        assertLacks(stats, "cmdstat_keys:");
        assertContains(stats, "cmdstat_client|list:calls=1,");
    }

    void queuesAreListedByName() {
        useOwnServer();
        for (const char* queue : {"b", "a", "c"}) {
            redis({"HSET", std::string("bull:") + queue + ":meta", "paused", "1"});
            redis({"HSET", std::string("other:") + queue + "x:meta", "paused", "1"});
        }
        const std::vector<std::string> expected{"a", "b", "c"};
        CPPUNIT_ASSERT(expected == QueueOverview(handleOf(options())).names());
    }

    void jsonHasTheMembersThatApply() {
        QueueSummary queue;
        queue.name = "mail";
        queue.counts.waiting = 2;
        JsonWriter bare;
        operate::write(bare, queue);
        assertEqual(R"({"name":"mail","paused":false,"counts":{"waiting":2,"active":0,"delayed":0,)"
                    R"("prioritized":0,"waiting-children":0,"completed":0,"failed":0,"paused":0},)"
                    R"("perMinute":{}})",
                    bare.str());
        queue.oldestWaitMs = 1500;
        queue.oldestId = "7";
        queue.ended = 12.345;
        queue.workers = 2;
        JsonWriter full;
        operate::write(full, queue);
        assertContains(full.str(), R"("oldestWaitMs":1500,"oldestId":"7")");
        assertContains(full.str(), R"("perMinute":{"ended":12.3},"workers":2})");
        addJob();
        const auto job = QueueReader(handleOf(options()), {"bull", name()}).job("1");
        JsonWriter ofJob;
        operate::write(ofJob, *job, JobState::Waiting);
        const JsonView view = JsonView::tryParse(ofJob.str()).value();
        assertEqual("waiting", view["state"].string().value());
        assertEqual("1", view["id"].string().value());
    }

private:
    [[nodiscard]] std::string name() const { return keys().qualifiedName().substr(5); }
    [[nodiscard]] QueueSummary lookAt() {
        return QueueOverview(handleOf(options())).look({name()}).at(0);
    }
    void addWithPriority(int priority) {
        JobRecord record;
        record.name = "test";
        record.data = "{}";
        record.opts = "{}";
        record.timestampMs = clock_.wallMs();
        record.priority = priority;
        ops::addJobs(context(), client(), {record}, clock_.wallMs());
    }
    void setMetrics(const std::string& state, int count, std::int64_t atMs, int before) {
        redis({"HSET",
               keys().job("metrics:" + state),
               "count",
               std::to_string(count),
               "prevTS",
               std::to_string(atMs),
               "prevCount",
               std::to_string(before)});
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(QueueOverviewTest);
