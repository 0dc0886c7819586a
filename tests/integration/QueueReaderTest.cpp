#include <set>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "support/Assert.h"
#include "support/WorkerFixture.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::seconds;
using Order = PageRange::Order;
using Strings = std::vector<std::string>;

constexpr Order kAscending = Order::Ascending;
constexpr Order kDescending = Order::Descending;

Strings idsOf(const JobPage& page) {
    Strings ids;
    for (const Job& job : page.jobs) {
        ids.push_back(job.id);
    }
    return ids;
}

}  // namespace

/// The getters of a queue: pages in both orders, counts, logs, settings, workers, names of queues.
class QueueReaderTest : public WorkerFixture {
    CPPUNIT_TEST_SUITE(QueueReaderTest);
    CPPUNIT_TEST(pagesOfAListHaveBothOrders);
    CPPUNIT_TEST(pagesOfASetHaveBothOrders);
    CPPUNIT_TEST(negativePlacesCountFromTheEnd);
    CPPUNIT_TEST(statesStandBehindEachOther);
    CPPUNIT_TEST(waitingIncludesTheListOfFive);
    CPPUNIT_TEST(idsWithoutAJobAreFilledUp);
    CPPUNIT_TEST(aPageGivesUpOnManyIdsWithoutJobs);
    CPPUNIT_TEST(aLargePageIsReadInParts);
    CPPUNIT_TEST(aPageIsTwoCalls);
    CPPUNIT_TEST(anUnreadableJobDoesNotHideItsNeighbours);
    CPPUNIT_TEST(countsOfChosenStatesAreOneSum);
    CPPUNIT_TEST(countsPerPriorityAreThoseOfTheScores);
    CPPUNIT_TEST(delayedJobsAreCountedByTheirDueTime);
    CPPUNIT_TEST(logsHaveBothOrders);
    CPPUNIT_TEST(endsAreToldApart);
    CPPUNIT_TEST(settingsAreReadWithFieldsOfOthers);
    CPPUNIT_TEST(aFullQueueIsMaxed);
    CPPUNIT_TEST(metricsAreRead);
    CPPUNIT_TEST(workersAreListedByTheirConnections);
    CPPUNIT_TEST(withoutTheRightToListClientsOtherReadsGoOn);
    CPPUNIT_TEST(failedReasonsAreCounted);
    CPPUNIT_TEST(longReasonsAreCutBetweenCharacters);
    CPPUNIT_TEST(queuesAreListedByPage);
    CPPUNIT_TEST(senselessArgumentsAreRefused);
    CPPUNIT_TEST(aKeyOfAnotherTypeIsAnError);
    CPPUNIT_TEST_SUITE_END();

public:
    void pagesOfAListHaveBothOrders() {
        add(5);
        const auto reader = makeReader();
        CPPUNIT_ASSERT(
            (idsOf(reader->jobs({JobState::Waiting})) == Strings{"5", "4", "3", "2", "1"}));
        expectPage(*reader, {0, 1, kDescending}, {"5", "4"});
        expectPage(*reader, {2, 9, kDescending}, {"3", "2", "1"});
        expectPage(*reader, {0, 1, kAscending}, {"1", "2"});
        expectPage(*reader, {3, 9, kAscending}, {"4", "5"});
        expectPage(*reader, {5, 9, kAscending}, {});
        expectPage(*reader, {3, 2, kAscending}, {});
        const JobPage page = reader->jobs({JobState::Waiting}, {0, 0, kAscending});
        assertEqual("test", page.jobs.at(0).name);
        assertEqual(keys().qualifiedName(), page.jobs.at(0).queueQualifiedName);
    }

    void pagesOfASetHaveBothOrders() {
        add(3);
        claimAndEnd(3);
        const auto reader = makeReader();
        expectPage(*reader, {0, -1, kAscending}, {"1", "2", "3"}, JobState::Completed);
        expectPage(*reader, {0, -1, kDescending}, {"3", "2", "1"}, JobState::Completed);
        expectPage(*reader, {1, 1, kDescending}, {"2"}, JobState::Completed);
        const JobPage page = reader->jobs({JobState::Completed});
        CPPUNIT_ASSERT(page.jobs.at(0).finishedOnMs.has_value());
    }

    void negativePlacesCountFromTheEnd() {
        add(5);
        const auto reader = makeReader();
        expectPage(*reader, {-2, -1, kDescending}, {"2", "1"});
        expectPage(*reader, {-2, -1, kAscending}, {"4", "5"});
        expectPage(*reader, {0, -4, kAscending}, {"1", "2"});
        expectPage(*reader, {-99, 0, kAscending}, {"1"});
        expectPage(*reader, {0, -99, kAscending}, {});
        expectPage(*reader,
                   {std::numeric_limits<std::int64_t>::min(),
                    std::numeric_limits<std::int64_t>::max(),
                    kAscending},
                   {"1", "2", "3", "4", "5"});
    }

    void statesStandBehindEachOther() {
        add(4);
        claim(2);
        const auto reader = makeReader();
        CPPUNIT_ASSERT((idsOf(reader->jobs({JobState::Active, JobState::Waiting})) ==
                        Strings{"2", "1", "4", "3"}));
        // The range is that of each state.
        CPPUNIT_ASSERT((idsOf(reader->jobs({JobState::Waiting, JobState::Active},
                                           {0, 0, kAscending})) == Strings{"3", "1"}));
        CPPUNIT_ASSERT(reader->jobs({}).jobs.empty());
    }

    void waitingIncludesTheListOfFive() {
        add(4);
        // Head first: 4 3 in wait, 2 1 in paused.
        redis({"DEL", keys().wait});
        redis({"RPUSH", keys().wait, "4", "3"});
        redis({"RPUSH", keys().paused, "2", "1"});
        const auto reader = makeReader();
        expectPage(*reader, {0, -1, kDescending}, {"4", "3", "2", "1"});
        expectPage(*reader, {0, -1, kAscending}, {"1", "2", "3", "4"});
        expectPage(*reader, {1, 2, kDescending}, {"3", "2"});
        expectPage(*reader, {1, 2, kAscending}, {"2", "3"});
        expectPage(*reader, {2, 2, kAscending}, {"3"});
        CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, reader->count({JobState::Waiting}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, reader->countsPerPriority({0}).at(0));
    }

    void idsWithoutAJobAreFilledUp() {
        add(8);
        redis({"DEL", keys().job("1"), keys().job("3"), keys().job("4"), keys().job("8")});
        const auto reader = makeReader();
        expectPage(*reader, {0, 2, kAscending}, {"2", "5", "6"});
        expectPage(*reader, {0, 1, kDescending}, {"7", "6"});
        expectPage(*reader, {0, -1, kAscending}, {"2", "5", "6", "7"});
        CPPUNIT_ASSERT(reader->jobs({JobState::Waiting}).unreadable.empty());
    }

    void aPageGivesUpOnManyIdsWithoutJobs() {
        add(8);
        redis({"DEL",
               keys().job("1"),
               keys().job("2"),
               keys().job("3"),
               keys().job("4"),
               keys().job("5")});
        const auto reader = makeReader();
        expectPage(*reader, {0, 0, kAscending}, {});
        expectPage(*reader, {1, 1, kAscending}, {"6"});
    }

    void aLargePageIsReadInParts() {
        constexpr const char* kStore =
            "for i = 1, 2500 do redis.call('LPUSH', KEYS[1], i) "
            "redis.call('HSET', ARGV[1] .. i, 'name', 'n', 'timestamp', '1') end";
        redis({"EVAL", kStore, "1", keys().wait, keys().jobPrefix()});
        const auto reader = makeReader();
        for (const Order order : {kAscending, kDescending}) {
            const JobPage page =
                reader->jobs({JobState::Waiting, JobState::Active}, {0, -1, order});
            CPPUNIT_ASSERT_EQUAL(std::size_t{2500}, page.jobs.size());
            for (int i = 0; i < 2500; ++i) {
                const int id = order == kAscending ? i + 1 : 2500 - i;
                CPPUNIT_ASSERT_EQUAL(std::to_string(id), page.jobs[i].id);
            }
        }
        // Holes far into it.
        redis({"DEL", keys().job("1200"), keys().job("1999")});
        const Strings ids = idsOf(reader->jobs({JobState::Waiting}, {0, 1999, kAscending}));
        CPPUNIT_ASSERT_EQUAL(std::size_t{2000}, ids.size());
        assertEqual("2002", ids.back());
    }

    void aPageIsTwoCalls() {
        add(100);
        const auto reader = makeReader();
        (void)reader->jobs({JobState::Waiting});
        const std::int64_t before = commands();
        const std::int64_t hashes = calls("hgetall");
        CPPUNIT_ASSERT_EQUAL(std::size_t{100}, reader->jobs({JobState::Waiting}).jobs.size());
        CPPUNIT_ASSERT_EQUAL(before + 1, commands());
        CPPUNIT_ASSERT_EQUAL(hashes + 100, calls("hgetall"));
    }

    void anUnreadableJobDoesNotHideItsNeighbours() {
        add(4);
        redis({"HSET", keys().job("2"), "data", "{not json"});
        redis({"DEL", keys().job("3")});
        redis({"SET", keys().job("3"), "text"});
        const JobPage page = makeReader()->jobs({JobState::Waiting}, {0, -1, kAscending});
        CPPUNIT_ASSERT((idsOf(page) == Strings{"1", "4"}));
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, page.unreadable.size());
        assertEqual("2", page.unreadable[0].id);
        assertContains(page.unreadable[0].why, "field data is not JSON");
        assertEqual("3", page.unreadable[1].id);
    }

    void countsOfChosenStatesAreOneSum() {
        add(5);
        claim(2);
        const auto reader = makeReader();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, reader->count({JobState::Waiting}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, reader->count({JobState::Waiting, JobState::Active}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, reader->count({JobState::Failed}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, reader->count({}));
    }

    void countsPerPriorityAreThoseOfTheScores() {
        add(2);
        int next = 0;
        for (const int priority : {1, 1, 2, 2097151}) {
            const std::string score = std::to_string((std::int64_t{1} << 32) * priority + next);
            redis({"ZADD", keys().prioritized, score, "p" + std::to_string(next++)});
        }
        const auto counts = makeReader()->countsPerPriority({0, 1, 2, 3, 2097151, 1});
        CPPUNIT_ASSERT(
            (counts == std::map<int, std::int64_t>{{0, 2}, {1, 2}, {2, 1}, {3, 0}, {2097151, 1}}));
    }

    void delayedJobsAreCountedByTheirDueTime() {
        redis({"ZADD", keys().delayed, "40960000", "a", "40960001", "b", "40964096", "c"});
        const auto reader = makeReader();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, reader->delayedBefore(10000));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, reader->delayedBefore(10001));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, reader->delayedBefore(10002));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3},
                             reader->delayedBefore(std::numeric_limits<std::int64_t>::max()));
    }

    void logsHaveBothOrders() {
        redis({"RPUSH", keys().job("7") + ":logs", "a", "b", "c", "d"});
        const auto reader = makeReader();
        struct Case {
            PageRange range;
            Strings rows;
        };
        const std::vector<Case> cases = {
            {{0, -1, kAscending}, {"a", "b", "c", "d"}},
            {{0, -1, kDescending}, {"d", "c", "b", "a"}},
            {{1, 2, kAscending}, {"b", "c"}},
            {{0, 0, kDescending}, {"d"}},
            {{1, 9, kDescending}, {"c", "b", "a"}},
            {{-2, -1, kAscending}, {"c", "d"}},
            {{-2, -1, kDescending}, {"b", "a"}},
            {{4, 9, kDescending}, {}},
        };
        for (const Case& one : cases) {
            const JobLogs logs = reader->logs("7", one.range);
            CPPUNIT_ASSERT(logs.rows == one.rows);
            CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, logs.count);
        }
        CPPUNIT_ASSERT(reader->logs("7").rows.front() == "a");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, reader->logs("none").count);
    }

    void endsAreToldApart() {
        add(3);
        redis({"LREM", keys().wait, "0", "2"});
        redis({"ZADD", keys().failed, "1", "2"});
        redis({"HSET", keys().job("2"), "failedReason", "no seats"});
        redis({"LREM", keys().wait, "0", "3"});
        redis({"ZADD", keys().completed, "1", "3"});
        redis({"HSET", keys().job("3"), "returnvalue", "{\"seat\":1}"});
        const auto reader = makeReader();
        CPPUNIT_ASSERT(!reader->ended("1"));
        CPPUNIT_ASSERT((*reader->ended("2") == JobEnd{JobEnd::Status::Failed, "no seats"}));
        CPPUNIT_ASSERT((*reader->ended("3") == JobEnd{JobEnd::Status::Completed, "{\"seat\":1}"}));
        CPPUNIT_ASSERT((*reader->ended("4") == JobEnd{JobEnd::Status::NoSuchJob, ""}));
        // Removed from Redis, but not from the state.
        redis({"DEL", keys().job("3")});
        CPPUNIT_ASSERT(reader->ended("3")->status == JobEnd::Status::NoSuchJob);
    }

    void settingsAreReadWithFieldsOfOthers() {
        const auto reader = makeReader();
        QueueMeta meta = reader->meta();
        CPPUNIT_ASSERT(!meta.paused && !meta.concurrency && !meta.max && !meta.version);
        CPPUNIT_ASSERT(meta.other.empty());
        redis({"HSET",
               keys().meta,
               "paused",
               "1",
               "concurrency",
               "5",
               "max",
               "3",
               "duration",
               "1000",
               "opts.maxLenEvents",
               "500",
               "version",
               "bullmq:6.7.0",
               "colour",
               "red"});
        meta = reader->meta();
        CPPUNIT_ASSERT(meta.paused);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, *meta.concurrency);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, *meta.max);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1000}, *meta.durationMs);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{500}, *meta.maxLenEvents);
        assertEqual("bullmq:6.7.0", *meta.version);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, meta.other.size());
        assertEqual("red", meta.other[0].second);
    }

    void aFullQueueIsMaxed() {
        add(2);
        const auto reader = makeReader();
        claim(1);
        CPPUNIT_ASSERT(!reader->isMaxed());
        redis({"HSET", keys().meta, "concurrency", "2"});
        CPPUNIT_ASSERT(!reader->isMaxed());
        redis({"HSET", keys().meta, "concurrency", "1"});
        CPPUNIT_ASSERT(reader->isMaxed());
        redis({"HSET", keys().meta, "concurrency", "many"});
        CPPUNIT_ASSERT(!reader->isMaxed());
    }

    void metricsAreRead() {
        const auto reader = makeReader();
        QueueMetrics metrics = reader->metrics(JobState::Completed);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, metrics.count);
        CPPUNIT_ASSERT(!metrics.previousMs && metrics.endsPerMinute.empty());
        const std::string key = keys().job("metrics:completed");
        redis({"HSET", key, "count", "9", "prevTS", "1234567890123", "prevCount", "7"});
        redis({"RPUSH", key + ":data", "3", "0", "4"});
        metrics = reader->metrics(JobState::Completed, {0, 1});
        CPPUNIT_ASSERT_EQUAL(std::int64_t{9}, metrics.count);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, metrics.previousCount);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1234567890123}, *metrics.previousMs);
        CPPUNIT_ASSERT((metrics.endsPerMinute == std::vector<std::int64_t>{3, 0}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, metrics.points);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, reader->metrics(JobState::Failed).points);
    }

    void workersAreListedByTheirConnections() {
        const auto reader = makeReader();
        CPPUNIT_ASSERT(reader->workers().empty());
        const std::string connection = keys().workerClientName("");
        RedisClient unnamed(options(), "test", connection);
        RedisClient named(options(), "test", keys().workerClientName("blue"));
        RedisClient events(options(), "test", keys().eventsClientName());
        RedisClient other(options(), "test", connection + "x");
        for (RedisClient* one : {&unnamed, &named, &events, &other}) {
            one->call(Command{"PING"});
        }
        const std::vector<WorkerInfo> workers = reader->workers();
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, workers.size());
        std::set<std::string> names;
        for (const WorkerInfo& worker : workers) {
            names.insert(worker.name);
            CPPUNIT_ASSERT(worker.age.count() >= 0);
            assertContains(worker.address, "127.0.0.1:");
            assertEqual("id", worker.fields.at(0).first);
        }
        CPPUNIT_ASSERT((names == std::set<std::string>{"", "blue"}));
    }

    void withoutTheRightToListClientsOtherReadsGoOn() {
        useOwnServer();
        redis({"ACL", "SETUSER", "poor", "on", ">secret", "~*", "+@all", "-client|list"});
        RedisOptions poor = options();
        poor.user = "poor";
        poor.password = "secret";
        const QueueReader reader(handleOf(poor), {"bull", keys().qualifiedName().substr(5)});
        try {
            (void)reader.workers();
            CPPUNIT_FAIL("listed");
        } catch (const ScriptException& error) {
            assertContains(error.message(), "NOPERM");
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, reader.counts().waiting);
    }

    void failedReasonsAreCounted() {
        const Strings reasons = {"timeout", "no seats", "timeout", "timeout", "no seats", "odd"};
        for (std::size_t i = 0; i < reasons.size(); ++i) {
            const std::string id = std::to_string(i + 1);
            redis({"ZADD", keys().failed, std::to_string(1000 + i), id});
            redis({"HSET", keys().job(id), "failedReason", reasons[i]});
        }
        redis({"ZADD", keys().failed, "1", "gone"});
        redis({"ZADD", keys().failed, "2", "text"});
        redis({"SET", keys().job("text"), "a string"});
        const auto reader = makeReader();
        FailedReasons summary = reader->failedReasons();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{8}, summary.failed);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{8}, summary.seen);
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, summary.reasons.size());
        assertEqual("timeout", summary.reasons[0].text);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, summary.reasons[0].count);
        assertEqual("4", summary.reasons[0].latestId);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1003}, summary.reasons[0].latestMs);
        assertEqual("no seats", summary.reasons[1].text);
        assertEqual("", summary.reasons[2].text);
        assertEqual("odd", summary.reasons[3].text);
        summary = reader->failedReasons(1, 2);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, summary.seen);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{8}, summary.failed);
        assertEqual("no seats", summary.reasons[0].text);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, reader->failedReasons(99).seen);
    }

    void longReasonsAreCutBetweenCharacters() {
        redis({"ZADD", keys().failed, "1", "1"});
        redis({"HSET", keys().job("1"), "failedReason", std::string(1023, 'x') + "äöü"});
        const FailedReasons summary = makeReader()->failedReasons();
        CPPUNIT_ASSERT_EQUAL(std::string(1023, 'x'), summary.reasons.at(0).text);
    }

    void queuesAreListedByPage() {
        const Redis handle = handleOf(options());
        std::set<std::string> expected;
        for (int i = 0; i < 2500; ++i) {
            const std::string name = "q" + std::to_string(i);
            redis({"HSET", "*st[a]r:" + name + ":meta", "version", "x"});
            expected.insert(name);
        }
        redis({"SET", "*st[a]r:q1:7:meta", "a job's key"});
        redis({"SET", "*st[a]r::meta", "no name"});
        redis({"SET", "xxstar:other:meta", "another prefix"});
        std::set<std::string> found;
        std::string cursor = "0";
        int pages = 0;
        do {
            const QueueNames page = QueueReader::queues(handle, "*st[a]r", cursor);
            found.insert(page.names.begin(), page.names.end());
            cursor = page.cursor;
            ++pages;
        } while (cursor != "0");
        CPPUNIT_ASSERT(found == expected);
        CPPUNIT_ASSERT(pages >= 2);
        redis({"FLUSHDB"});
    }

    void senselessArgumentsAreRefused() {
        const auto reader = makeReader();
        CPPUNIT_ASSERT_THROW((void)reader->jobs({JobState::Waiting, JobState::Unknown}),
                             Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_THROW((void)reader->count({JobState::Unknown}),
                             Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_THROW((void)reader->metrics(JobState::Waiting),
                             Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_THROW((void)reader->failedReasons(-1), Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_THROW((void)reader->failedReasons(0, 0), Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_THROW((void)reader->failedReasons(0, 10001), Poco::InvalidArgumentException);
        for (const char* cursor : {"", "next", "-1"}) {
            CPPUNIT_ASSERT_THROW((void)QueueReader::queues(handleOf(options()), "bull", cursor),
                                 Poco::InvalidArgumentException);
        }
        try {
            (void)reader->countsPerPriority({0, 2097152});
            CPPUNIT_FAIL("counted");
        } catch (const Poco::InvalidArgumentException& error) {
            assertEqual("a priority must be in [0, 2097151], not 2097152", error.message());
        }
        try {
            (void)parseJobState("pending");
            CPPUNIT_FAIL("parsed");
        } catch (const Poco::InvalidArgumentException& error) {
            assertContains(error.message(), "\"pending\" must be waiting, active");
        }
        CPPUNIT_ASSERT(parseJobState("wait") == JobState::Waiting);
        CPPUNIT_ASSERT(parseJobState("waiting-children") == JobState::WaitingChildren);
    }

    void aKeyOfAnotherTypeIsAnError() {
        redis({"SET", keys().failed, "text"});
        redis({"SET", keys().job("1") + ":logs", "text"});
        const auto reader = makeReader();
        CPPUNIT_ASSERT_THROW((void)reader->jobs({JobState::Failed}), ScriptException);
        CPPUNIT_ASSERT_THROW((void)reader->failedReasons(), ScriptException);
        CPPUNIT_ASSERT_THROW((void)reader->logs("1"), ScriptException);
        CPPUNIT_ASSERT(reader->jobs({JobState::Waiting}).jobs.empty());
    }

private:
    [[nodiscard]] std::unique_ptr<QueueReader> makeReader() const {
        return std::make_unique<QueueReader>(
            handleOf(options()), QueueReader::Settings{"bull", keys().qualifiedName().substr(5)});
    }
    void add(int count) {
        for (int i = 0; i < count; ++i) {
            addJob();
        }
    }
    /// Ends the next jobs by hand, each a millisecond after the one before.
    void claimAndEnd(int count) {
        for (int i = 1; i <= count; ++i) {
            const std::string id = claim(1).at(0).id;
            redis({"LREM", keys().active, "1", id});
            redis({"ZADD", keys().completed, std::to_string(1000 + i), id});
            redis({"HSET", keys().job(id), "finishedOn", std::to_string(1000 + i)});
        }
    }
    static void expectPage(const QueueReader& reader,
                           const PageRange& range,
                           const Strings& ids,
                           JobState state = JobState::Waiting) {
        std::string found;
        for (const std::string& id : idsOf(reader.jobs({state}, range))) {
            found += id + " ";
        }
        std::string expected;
        for (const std::string& id : ids) {
            expected += id + " ";
        }
        CPPUNIT_ASSERT_EQUAL(expected, found);
    }
    std::int64_t calls(const std::string& command) {
        const std::string stats = text({"INFO", "commandstats"});
        const std::string mark = "cmdstat_" + command + ":calls=";
        const std::size_t at = stats.find(mark);
        return at == std::string::npos ? 0 : std::stoll(stats.substr(at + mark.size()));
    }
    std::int64_t commands() { return calls("evalsha"); }
};

CPPUNIT_TEST_SUITE_REGISTRATION(QueueReaderTest);
