#include <algorithm>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <thread>

#include <Poco/AutoPtr.h>
#include <Poco/Channel.h>
#include <Poco/Event.h>
#include <Poco/Exception.h>
#include <Poco/Logger.h>
#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "support/Assert.h"
#include "support/Patience.h"
#include "support/RedisFixture.h"
#include "support/TcpProxy.h"
#include "support/WholeQueue.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Status = AddResult::Status;
using SteadyClock = std::chrono::steady_clock;

/// A log that blocks its caller.
class HeldUp : public Poco::Channel {
public:
    void log(const Poco::Message&) override { go.wait(); }
    Poco::Event go{false};  // Stays set.
};

NewJob named(const std::string& name) {
    NewJob job;
    job.name = name;
    return job;
}

}  // namespace

/// The producer's side: adds from many threads, the result of each, and the view of an observer.
class QueueTest : public RedisFixture {
    CPPUNIT_TEST_SUITE(QueueTest);
    CPPUNIT_TEST(anAddedJobLooksAsBullmqStoresIt);
    CPPUNIT_TEST(theResultHasIdAndTimestamp);
    CPPUNIT_TEST(aBulkIsInOrderAndItsIdsFollowEachOther);
    CPPUNIT_TEST(aBulkLargerThanOneCallIsInOrder);
    CPPUNIT_TEST(aRefusedItemDoesNotTouchItsNeighbours);
    CPPUNIT_TEST(anExistingCustomIdIsReturnedAndNothingChanges);
    CPPUNIT_TEST(prioritizedAndLifoJobsGoWhereTheyBelong);
    CPPUNIT_TEST(delayedJobsOfOneMomentGetSlotsInOrder);
    CPPUNIT_TEST(manyThreadsShareCalls);
    CPPUNIT_TEST(withoutRedisAnAddIsUnavailableAtOnce);
    CPPUNIT_TEST(anAddSentToAFrozenServerIsUnknown);
    CPPUNIT_TEST(addsThatWaitedBehindItAreUnavailable);
    CPPUNIT_TEST(anAddThatNeverReachedAFrozenServerIsUnavailable);
    CPPUNIT_TEST(aLostReplyIsUnknownAndNothingIsSentTwice);
    CPPUNIT_TEST(aFullBatchTravelsWithTheCallUnderWay);
    CPPUNIT_TEST(halfOfTheAddsTravelWithTheCallUnderWay);
    CPPUNIT_TEST(aLostConnectionDecidesEveryCallUnderWay);
    CPPUNIT_TEST(tooManyWaitingAddsAreUnavailable);
    CPPUNIT_TEST(outOfMemoryIsUnavailable);
    CPPUNIT_TEST(anErrorFromTheScriptIsUnknown);
    CPPUNIT_TEST(addsGoOnAfterAnOutage);
    CPPUNIT_TEST(countsAndStatesFollowTheJobs);
    CPPUNIT_TEST(aJobIsReadBackWhole);
    CPPUNIT_TEST(readsThrowWhenRedisIsAway);
    CPPUNIT_TEST(metaIsWrittenAndAFiveXVersionStays);
    CPPUNIT_TEST(aMetaOfAnotherTypeDoesNotMakeTheSenderSpin);
    CPPUNIT_TEST(healthFollowsTheServer);
    CPPUNIT_TEST(aSenderThatIsStuckIsNotHealthy);
    CPPUNIT_TEST(aBadNameIsRefused);
    CPPUNIT_TEST_SUITE_END();

public:
    void anAddedJobLooksAsBullmqStoresIt() {
        const auto queue = open();
        NewJob job = named("mail");
        job.data = "{\"to\":\"a@b\"}";
        const AddResult result = queue->add(job);
        CPPUNIT_ASSERT(result.status == Status::Added);
        auto fields = hash(result.id);
        CPPUNIT_ASSERT_EQUAL(std::size_t{6}, fields.size());
        assertEqual("mail", fields["name"]);
        assertEqual("{\"to\":\"a@b\"}", fields["data"]);
        assertEqual("{\"attempts\":0}", fields["opts"]);
        CPPUNIT_ASSERT_EQUAL(std::to_string(result.timestampMs), fields["timestamp"]);
        assertEqual("0", fields["delay"]);
        assertEqual("0", fields["priority"]);
        CPPUNIT_ASSERT((std::vector<std::string>{"added 1 name=mail", "waiting 1"} == events()));
        CPPUNIT_ASSERT((std::vector<std::string>{"1"} == list(keys().wait)));
        assertEqual("0", text({"ZSCORE", keys().marker, "0"}));
    }

    void theResultHasIdAndTimestamp() {
        const auto queue = open();
        NewJob job = named("a");
        job.opts.timestampMs = 1234567890123;
        const AddResult result = queue->add(job);
        assertEqual("1", result.id);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1234567890123}, result.timestampMs);
        const std::int64_t before = clock_.wallMs();
        const AddResult now = queue->add(named("b"));
        CPPUNIT_ASSERT(now.timestampMs >= before - kClockError &&
                       now.timestampMs <= clock_.wallMs() + kClockError);
    }

    void aBulkIsInOrderAndItsIdsFollowEachOther() { bulkOf(1000, 512); }
    void aBulkLargerThanOneCallIsInOrder() { bulkOf(50, 7); }

    void aRefusedItemDoesNotTouchItsNeighbours() {
        const auto queue = open();
        std::vector<NewJob> jobs;
        jobs.push_back(named("first"));
        jobs.push_back(named("bad data"));
        jobs.back().data = "{not json";
        jobs.push_back(named("bad id"));
        jobs.back().opts.jobId = "123";
        jobs.push_back(named("bad priority"));
        jobs.back().opts.priority = 2097152;
        jobs.push_back(named("too big"));
        jobs.back().opts.sizeLimit = 1;
        jobs.push_back(named("last"));
        const auto results = queue->addBulk(jobs, SteadyClock::now() + seconds(5));
        CPPUNIT_ASSERT_EQUAL(std::size_t{6}, results.size());
        for (const std::size_t refused : {1, 2, 3, 4}) {
            CPPUNIT_ASSERT(results[refused].status == Status::Rejected);
            CPPUNIT_ASSERT(!results[refused].message.empty());
            CPPUNIT_ASSERT_EQUAL(std::string(), results[refused].id);
        }
        assertEqual("1", results[0].id);
        assertEqual("2", results[5].id);
        CPPUNIT_ASSERT((std::vector<std::string>{"2", "1"} == list(keys().wait)));
    }

    void anExistingCustomIdIsReturnedAndNothingChanges() {
        const auto queue = open();
        NewJob job = named("first");
        job.opts.jobId = "order-7";
        assertEqual("order-7", queue->add(job).id);
        const auto before = hash("order-7");
        job.name = "second";
        job.data = "{\"other\":1}";
        const AddResult again = queue->add(job);
        CPPUNIT_ASSERT(again.status == Status::Added);
        assertEqual("order-7", again.id);
        CPPUNIT_ASSERT(before == hash("order-7"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"LLEN", keys().wait}));
        assertEqual("duplicated order-7", events().back());
        // Each attempt uses a number, as in BullMQ.
        assertEqual("3", queue->add(named("plain")).id);
    }

    void prioritizedAndLifoJobsGoWhereTheyBelong() {
        const auto queue = open();
        NewJob low = named("low");
        low.opts.priority = 9;
        NewJob high = named("high");
        high.opts.priority = 2;
        NewJob next = named("next");
        next.opts.lifo = true;
        queue->add(low);
        queue->add(high);
        queue->add(high);
        queue->add(named("plain"));
        queue->add(next);
        CPPUNIT_ASSERT((std::vector<std::string>{"4", "5"} == list(keys().wait)));
        const std::int64_t unit = 4294967296;
        CPPUNIT_ASSERT_EQUAL(9 * unit + 1, score(keys().prioritized, "1"));
        CPPUNIT_ASSERT_EQUAL(2 * unit + 2, score(keys().prioritized, "2"));
        CPPUNIT_ASSERT_EQUAL(2 * unit + 3, score(keys().prioritized, "3"));
        std::vector<std::string> order;
        for (const ClaimedJob& job : claim(10)) {
            order.push_back(job.id);
        }
        CPPUNIT_ASSERT((std::vector<std::string>{"5", "4", "2", "3", "1"} == order));
    }

    void delayedJobsOfOneMomentGetSlotsInOrder() {
        const auto queue = open();
        NewJob job = named("later");
        job.opts.delayMs = 60000;
        job.opts.timestampMs = 1795382406903;
        std::vector<NewJob> jobs(3, job);
        queue->addBulk(jobs, SteadyClock::now() + seconds(5));
        const std::int64_t bucket = (1795382406903 + 60000) * 4096;
        CPPUNIT_ASSERT_EQUAL(bucket, score(keys().delayed, "1"));
        CPPUNIT_ASSERT_EQUAL(bucket + 1, score(keys().delayed, "2"));
        CPPUNIT_ASSERT_EQUAL(bucket + 2, score(keys().delayed, "3"));
        assertEqual("delayed 3 delay=1795382466903", events().back());
        assertEqual("1795382466903", text({"ZSCORE", keys().marker, "1"}));
        CPPUNIT_ASSERT(redis({"ZSCORE", keys().marker, "0"}).isNil());
    }

    void manyThreadsShareCalls() {
        const auto queue = open();
        queue->add(named("warm"));
        redis({"CONFIG", "RESETSTAT"});
        constexpr int kThreads = 32;
        constexpr int kEach = 50;
        std::mutex mutex;
        std::set<std::string> ids;
        std::atomic<int> bad{0};
        std::vector<std::thread> threads;
        for (int t = 0; t < kThreads; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < kEach; ++i) {
                    const AddResult result =
                        queue->add(named("busy"), SteadyClock::now() + seconds(20));
                    const std::lock_guard lock(mutex);
                    bad += result.status == Status::Added ? 0 : 1;
                    ids.insert(result.id);
                }
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        CPPUNIT_ASSERT_EQUAL(0, bad.load());
        CPPUNIT_ASSERT_EQUAL(std::size_t{kThreads * kEach}, ids.size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{kThreads * kEach + 1}, number({"LLEN", keys().wait}));
        const std::int64_t calls = callsOf("evalsha");
        CPPUNIT_ASSERT_MESSAGE(std::to_string(calls) + " calls", calls < kThreads * kEach / 2);
    }

    void withoutRedisAnAddIsUnavailableAtOnce() {
        RedisOptions nowhere = optionsAt(freePort());
        const auto queue = open(nowhere);
        for (int i = 0; i < 3; ++i) {
            const auto began = SteadyClock::now();
            const AddResult result = queue->add(named("lost"));
            CPPUNIT_ASSERT(SteadyClock::now() - began < kAtOnce);
            CPPUNIT_ASSERT(result.status == Status::Unavailable);
            CPPUNIT_ASSERT(result.message.find("Redis is away") != std::string::npos ||
                           result.message.find("connect to Redis") != std::string::npos);
        }
        CPPUNIT_ASSERT(!queue->healthy());
    }

    void anAddSentToAFrozenServerIsUnknown() {
        RedisServer own;
        const auto queue = open(to(own));
        CPPUNIT_ASSERT(queue->add(named("first")).status == Status::Added);
        own.freeze();
        const auto began = SteadyClock::now();
        const AddResult result = queue->add(named("doubtful"), began + milliseconds(200));
        const auto took = SteadyClock::now() - began;
        own.thaw();
        CPPUNIT_ASSERT(result.status == Status::Unknown);
        CPPUNIT_ASSERT(took >= milliseconds(190) && took < kAtOnce);
    }

    void addsThatWaitedBehindItAreUnavailable() {
        RedisServer own;
        const auto queue = open(to(own));
        CPPUNIT_ASSERT(queue->add(named("first")).status == Status::Added);
        own.freeze();
        CPPUNIT_ASSERT(queue->add(named("sent"), SteadyClock::now() + milliseconds(100)).status ==
                       Status::Unknown);
        // The sender still waits for the answer to the first: this job never left.
        const AddResult behind = queue->add(named("kept"), SteadyClock::now() + milliseconds(100));
        own.thaw();
        CPPUNIT_ASSERT(behind.status == Status::Unavailable);
        Connection link(to(own), "");
        const auto names = [&] {
            std::set<std::string> seen;
            for (const char* id : {"1", "2", "3"}) {
                seen.insert(std::string(link.call(Command{"HGET", keys().job(id), "name"}).text()));
            }
            return seen;
        };
        eventually("the sent one arrived", [&] { return names().count("sent") == 1; });
        CPPUNIT_ASSERT(queue->add(named("after"), SteadyClock::now() + seconds(5)).status ==
                       Status::Added);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, names().count("kept"));
    }

    void anAddThatNeverReachedAFrozenServerIsUnavailable() {
        // A frozen server accepts connections: the add waits for the introduction and is not sent.
        RedisServer own;
        own.freeze();
        const auto queue = open(to(own));
        // Longer than an attempt to connect: some adds come before it begins, some while it lasts.
        std::vector<AddResult> results;
        const auto until = SteadyClock::now() + milliseconds(3500);
        while (SteadyClock::now() < until) {
            results.push_back(queue->add(named("kept"), SteadyClock::now() + milliseconds(150)));
        }
        own.thaw();
        for (const AddResult& result : results) {
            CPPUNIT_ASSERT_MESSAGE(result.message, result.status == Status::Unavailable);
        }
        // Certainly not added, also not later.
        eventually("added", [&] { return queue->add(named("after")).status == Status::Added; });
        Connection link(to(own), "");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, link.call(Command{"LLEN", keys().wait}).integer());
    }

    void aLostReplyIsUnknownAndNothingIsSentTwice() {
        TcpProxy proxy(server_->plainPort());
        addJob("warm");
        RedisOptions through = plainAt(proxy.port());
        const auto queue = open(through);
        CPPUNIT_ASSERT(queue->add(named("first")).status == Status::Added);
        proxy.loseReply("the-doubtful-one");
        CPPUNIT_ASSERT(queue->add(named("the-doubtful-one")).status == Status::Unknown);
        CPPUNIT_ASSERT_EQUAL(1, proxy.lost());
        eventually("again", [&] { return queue->add(named("last")).status == Status::Added; });
        // It had been added, and once.
        CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, number({"LLEN", keys().wait}));
    }

    void aFullBatchTravelsWithTheCallUnderWay() {
        RedisServer own;
        RedisOptions patient = to(own);
        patient.commandTimeout = seconds(60);
        Queue::Settings settings = settingsOf();
        settings.maxBatch = 10;
        WholeQueue queue(patient, settings);
        CPPUNIT_ASSERT(queue.add(named("before")).status == Status::Added);
        own.freeze();
        const auto soon = [] { return SteadyClock::now() + milliseconds(100); };
        // Unknown: it was sent, and Redis does not answer. Unavailable: it was not sent.
        eventually("an add is under way",
                   [&] { return queue.add(named("first"), soon()).status == Status::Unknown; });
        std::vector<NewJob> bulk;
        for (int i = 0; i < 10; ++i) {
            bulk.push_back(named("bulk-" + std::to_string(i)));
        }
        eventually("a bulk is under way, too",
                   [&] { return queue.addBulk(bulk, soon())[0].status == Status::Unknown; });
        CPPUNIT_ASSERT(queue.addBulk(bulk, soon())[0].status == Status::Unavailable);
        own.thaw();
        CPPUNIT_ASSERT(queue.add(named("last"), SteadyClock::now() + seconds(60)).status ==
                       Status::Added);
        RedisClient client(to(own), "look");
        const Reply ids = client.call(Command{"LRANGE", keys().wait, "0", "-1"});
        CPPUNIT_ASSERT_EQUAL(std::size_t{13}, ids.size());
        for (int i = 0; i < 10; ++i) {
            const std::string id(ids.at(static_cast<std::size_t>(10 - i)).text());
            const Reply name = client.call(Command{"HGET", keys().job(id), "name"});
            CPPUNIT_ASSERT_EQUAL("bulk-" + std::to_string(i), std::string(name.text()));
        }
    }

    void halfOfTheAddsTravelWithTheCallUnderWay() {
        RedisServer own;
        RedisOptions patient = to(own);
        patient.commandTimeout = seconds(60);
        Queue::Settings settings = settingsOf();
        settings.addTimeout = seconds(2);
        WholeQueue queue(patient, settings);
        CPPUNIT_ASSERT(queue.add(named("before")).status == Status::Added);
        own.freeze();
        eventually("an add is under way",
                   [&] { return queue.add(named("first")).status == Status::Unknown; });
        // Returns how many of so many single adds were sent, each beside the others.
        const auto sent = [&queue](std::size_t count) {
            std::vector<std::future<Status>> adds;
            for (std::size_t i = 0; i < count; ++i) {
                auto promise = std::make_shared<std::promise<Status>>();
                adds.push_back(promise->get_future());
                queue.addAsync({named("one of many")}, [promise](const auto& results) {
                    promise->set_value(results[0].status);
                });
            }
            return std::count_if(
                adds.begin(), adds.end(), [](auto& add) { return add.get() == Status::Unknown; });
        };
        // Too few for a call of their own. Then as many as are worth one, and after them nothing.
        CPPUNIT_ASSERT_EQUAL(std::ptrdiff_t{0}, sent(7));
        CPPUNIT_ASSERT_EQUAL(std::ptrdiff_t{8}, sent(8));
        CPPUNIT_ASSERT_EQUAL(std::ptrdiff_t{0}, sent(8));
        own.thaw();
        eventually("the calls are answered",
                   [&] { return queue.add(named("last")).status == Status::Added; });
        RedisClient client(to(own), "look");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{11}, client.call(Command{"LLEN", keys().wait}).integer());
    }

    void aLostConnectionDecidesEveryCallUnderWay() {
        TcpProxy proxy(server_->plainPort());
        Queue::Settings settings = settingsOf();
        settings.maxBatch = 10;
        WholeQueue queue(plainAt(proxy.port()), settings);
        CPPUNIT_ASSERT(queue.add(named("before")).status == Status::Added);
        proxy.loseReply("doubtful-0");
        std::vector<NewJob> jobs;
        for (int i = 0; i < 40; ++i) {
            jobs.push_back(named("doubtful-" + std::to_string(i)));
        }
        const auto results = queue.addBulk(jobs, SteadyClock::now() + seconds(30));
        CPPUNIT_ASSERT_EQUAL(1, proxy.lost());
        CPPUNIT_ASSERT(results[0].status == Status::Unknown);
        std::map<std::string, int> stored;
        for (const std::string& id : list(keys().wait)) {
            ++stored[hash(id)["name"]];
        }
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            const int count = stored[jobs[i].name];
            CPPUNIT_ASSERT(count <= 1);
            CPPUNIT_ASSERT(results[i].status == Status::Unknown ||
                           count == (results[i].status == Status::Added ? 1 : 0));
        }
    }

    void tooManyWaitingAddsAreUnavailable() {
        RedisServer own;
        Queue::Settings settings = settingsOf();
        settings.maxWaiting = 10;
        settings.maxBatch = 10;
        WholeQueue queue(to(own), settings);
        CPPUNIT_ASSERT(queue.add(named("first")).status == Status::Added);
        own.freeze();
        std::atomic<bool> done{false};
        std::thread sent([&] { (void)queue.add(named("sent"), SteadyClock::now() + seconds(1)); });
        std::thread waits([&] {
            while (!done) {
                (void)queue.addBulk(std::vector<NewJob>(10, named("waits")),
                                    SteadyClock::now() + milliseconds(200));
            }
        });
        AddResult full;
        const auto until = SteadyClock::now() + seconds(5);
        while (full.message.find("too many") == std::string::npos && SteadyClock::now() < until) {
            full = queue.add(named("one more"), SteadyClock::now() + milliseconds(1));
        }
        done = true;
        own.thaw();
        sent.join();
        waits.join();
        assertContains(full.message, "too many");
        CPPUNIT_ASSERT(full.status == Status::Unavailable);
    }

    void outOfMemoryIsUnavailable() {
        RedisServer own;
        const auto queue = open(to(own));
        CPPUNIT_ASSERT(queue->add(named("first")).status == Status::Added);
        Connection link(to(own), "");
        link.call(Command{"CONFIG", "SET", "maxmemory", "1"});
        const AddResult result = queue->add(named("refused"));
        CPPUNIT_ASSERT(result.status == Status::Unavailable);
        assertContains(result.message, "OOM");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, link.call(Command{"LLEN", keys().wait}).integer());
        link.call(Command{"CONFIG", "SET", "maxmemory", "0"});
        eventually("again", [&] { return queue->add(named("after")).status == Status::Added; });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, link.call(Command{"LLEN", keys().wait}).integer());
    }

    void anErrorFromTheScriptIsUnknown() {
        const auto queue = open();
        redis({"SET", keys().wait, "a string"});
        const AddResult result = queue->add(named("half"));
        CPPUNIT_ASSERT(result.status == Status::Unknown);
        assertContains(result.message, "WRONGTYPE");
    }

    void addsGoOnAfterAnOutage() {
        RedisServer own;
        const auto queue = open(to(own));
        CPPUNIT_ASSERT(queue->add(named("first")).status == Status::Added);
        own.stop();
        CPPUNIT_ASSERT(queue->add(named("during")).status != Status::Added);
        own.start();
        const auto began = SteadyClock::now();
        eventually("added", [&] { return queue->add(named("after")).status == Status::Added; });
        CPPUNIT_ASSERT(SteadyClock::now() - began < kAtOnce);
    }

    void countsAndStatesFollowTheJobs() {
        const auto queue = open();
        NewJob later = named("later");
        later.opts.delayMs = 60000;
        NewJob soon = named("soon");
        soon.opts.priority = 1;
        queue->add(later);
        queue->add(soon);
        queue->add(named("plain"));
        queue->add(named("plain"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, claim(1).size());
        redis({"ZADD", keys().completed, "1", "c1"});
        redis({"ZADD", keys().failed, "1", "f1", "2", "f2"});
        redis({"ZADD", keys().waitingChildren, "1", "p1"});
        redis({"RPUSH", keys().paused, "o1"});
        const JobCounts counts = queue->counts();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, counts.waiting);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, counts.active);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, counts.delayed);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, counts.prioritized);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, counts.completed);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, counts.failed);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, counts.waitingChildren);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, counts.paused);
        CPPUNIT_ASSERT(queue->state("1") == JobState::Delayed);
        CPPUNIT_ASSERT(queue->state("2") == JobState::Prioritized);
        CPPUNIT_ASSERT(queue->state("3") == JobState::Active);
        CPPUNIT_ASSERT(queue->state("4") == JobState::Waiting);
        CPPUNIT_ASSERT(queue->state("o1") == JobState::Waiting);
        CPPUNIT_ASSERT(queue->state("c1") == JobState::Completed);
        CPPUNIT_ASSERT(queue->state("f2") == JobState::Failed);
        CPPUNIT_ASSERT(queue->state("p1") == JobState::WaitingChildren);
        CPPUNIT_ASSERT(queue->state("99") == JobState::Unknown);
    }

    void aJobIsReadBackWhole() {
        const auto queue = open();
        NewJob job = named("mail");
        job.data = "{\"to\": \"a@b\"}";
        job.opts.attempts = 3;
        const AddResult added = queue->add(job);
        const auto read = queue->job(added.id);
        CPPUNIT_ASSERT(read.has_value());
        CPPUNIT_ASSERT_EQUAL(added.id, read->id);
        assertEqual("mail", read->name);
        CPPUNIT_ASSERT_EQUAL(job.data, read->data);
        CPPUNIT_ASSERT_EQUAL(3, read->opts.attempts);
        CPPUNIT_ASSERT_EQUAL(added.timestampMs, read->timestampMs);
        CPPUNIT_ASSERT_EQUAL(keys().qualifiedName(), read->queueQualifiedName);
        CPPUNIT_ASSERT(!queue->job("99").has_value());
    }

    void readsThrowWhenRedisIsAway() {
        RedisOptions nowhere = optionsAt(freePort());
        const auto queue = open(nowhere);
        CPPUNIT_ASSERT_THROW((void)queue->counts(), RedisIoException);
        CPPUNIT_ASSERT_THROW((void)queue->job("1"), RedisIoException);
        CPPUNIT_ASSERT_THROW((void)queue->state("1"), RedisIoException);
    }

    void metaIsWrittenAndAFiveXVersionStays() {
        {
            const auto queue = open();
            eventually("written", [&] {
                return text({"HGET", keys().meta, "version"}).rfind("drover:", 0) == 0;
            });
            assertEqual("10000", text({"HGET", keys().meta, "opts.maxLenEvents"}));
        }
        redis({"HSET", keys().meta, "version", "bullmq:5.48.1", "opts.maxLenEvents", "77"});
        {
            const auto queue = open();
            CPPUNIT_ASSERT(queue->add(named("a")).status == Status::Added);
            assertEqual("bullmq:5.48.1", text({"HGET", keys().meta, "version"}));
            assertEqual("77", text({"HGET", keys().meta, "opts.maxLenEvents"}));
        }
        redis({"HSET", keys().meta, "version", "bullmq:6.7.0"});
        const auto queue = open();
        eventually("ours", [&] {
            return text({"HGET", keys().meta, "version"}).rfind("drover:", 0) == 0;
        });
    }

    void aMetaOfAnotherTypeDoesNotMakeTheSenderSpin() {
        redis({"SET", keys().meta, "a string"});
        redis({"CONFIG", "RESETSTAT"});
        const auto queue = open();
        const AddResult result = queue->add(named("refused"), SteadyClock::now() + seconds(5));
        CPPUNIT_ASSERT(result.status == Status::Unknown);
        assertContains(result.message, "WRONGTYPE");
        // An idle sender reads it once a second.
        const std::int64_t before = callsOf("evalsha");
        const auto until = SteadyClock::now() + milliseconds(300);
        eventually("a while", [&] { return SteadyClock::now() >= until; });
        CPPUNIT_ASSERT(callsOf("evalsha") - before <= 2);
    }

    void healthFollowsTheServer() {
        RedisServer own;
        const auto queue = open(to(own));
        eventually("healthy", [&] { return queue->healthy(); });
        own.stop();
        eventually("away", [&] { return !queue->healthy(); });
        own.start();
        eventually("back", [&] { return queue->healthy(); });
    }

    void aSenderThatIsStuckIsNotHealthy() {
        // The log blocks the sender, within its line about a meta of another type.
        Poco::Logger& logger = Poco::Logger::get("queue");
        const Poco::AutoPtr<Poco::Channel> before = logger.getChannel();
        Poco::AutoPtr<HeldUp> held(new HeldUp);
        logger.setChannel(held);
        redis({"SET", keys().meta, "text"});
        RedisOptions quick = options();
        quick.connectTimeout = milliseconds(100);
        quick.commandTimeout = milliseconds(100);
        {
            WholeQueue queue(quick, settingsOf());
            eventually("the stuck sender is noticed", [&] {
                return queue.problem().find("makes no progress") != std::string::npos;
            });
            CPPUNIT_ASSERT(!queue.healthy());
            held->go.set();
            eventually("it goes on", [&] { return queue.healthy(); });
        }
        logger.setChannel(before);
    }

    void aBadNameIsRefused() {
        using Poco::InvalidArgumentException;
        const Redis redis = handleOf(options());
        for (const char* name : {"a:b", ""}) {
            Queue::Settings settings;
            settings.name = name;
            CPPUNIT_ASSERT_THROW(Queue(redis, settings), InvalidArgumentException);
            CPPUNIT_ASSERT_THROW(QueueReader(redis, {"bull", name}), InvalidArgumentException);
            CPPUNIT_ASSERT_THROW(QueueControl(redis, {"bull", name, Bullmq5::Auto}),
                                 InvalidArgumentException);
        }
    }

private:
    static RedisOptions to(const RedisServer& server) {
        return RedisOptions(redisAt(server.port()));
    }
    Queue::Settings settingsOf() const {
        Queue::Settings settings;
        settings.name = keys().qualifiedName().substr(5);
        return settings;
    }
    std::unique_ptr<WholeQueue> open() { return open(options()); }
    std::unique_ptr<WholeQueue> open(const RedisOptions& through) {
        return std::make_unique<WholeQueue>(through, settingsOf());
    }
    std::int64_t score(const std::string& key, const std::string& member) {
        return static_cast<std::int64_t>(std::stod(text({"ZSCORE", key, member})));
    }
    std::int64_t callsOf(const std::string& command) {
        const std::string stats = text({"INFO", "commandstats"});
        const std::string label = "cmdstat_" + command + ":calls=";
        const std::size_t at = stats.find(label);
        return at == std::string::npos ? 0 : std::stoll(stats.substr(at + label.size()));
    }
    void bulkOf(int count, std::size_t perCall) {
        Queue::Settings settings = settingsOf();
        settings.maxBatch = perCall;
        WholeQueue queue(options(), settings);
        std::vector<NewJob> jobs;
        for (int i = 0; i < count; ++i) {
            jobs.push_back(named("n" + std::to_string(i)));
        }
        const auto results = queue.addBulk(jobs, SteadyClock::now() + seconds(10));
        CPPUNIT_ASSERT_EQUAL(static_cast<std::size_t>(count), results.size());
        for (int i = 0; i < count; ++i) {
            CPPUNIT_ASSERT_EQUAL(std::to_string(i + 1), results[static_cast<std::size_t>(i)].id);
        }
        const auto waiting = list(keys().wait);
        CPPUNIT_ASSERT_EQUAL(static_cast<std::size_t>(count), waiting.size());
        assertEqual("1", waiting.back());
        CPPUNIT_ASSERT_EQUAL(std::to_string(count), waiting.front());
        CPPUNIT_ASSERT_EQUAL(std::string("n") + std::to_string(count - 1),
                             hash(std::to_string(count))["name"]);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(QueueTest);
