#include <atomic>
#include <map>
#include <mutex>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "drover/JobResults.h"
#include "support/Assert.h"
#include "support/TcpProxy.h"
#include "support/WorkerFixture.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using SteadyClock = JobResults::Clock;
using Status = JobEnd::Status;

}  // namespace

/// Waiting for the ends of jobs: on time, late, over outages, and by thousands.
class JobResultsTest : public WorkerFixture {
    CPPUNIT_TEST_SUITE(JobResultsTest);
    CPPUNIT_TEST(endsAreTheWorkersOutcomes);
    CPPUNIT_TEST(aJobThatEndedBeforeIsAnsweredAtOnce);
    CPPUNIT_TEST(aJobRemovedAtItsEndIsFoundInTheStream);
    CPPUNIT_TEST(farEntriesOfTheStreamAreSearched);
    CPPUNIT_TEST(anUnknownJobIsToldFromAnEndedOne);
    CPPUNIT_TEST(aJobThatIsRemovedWhileAwaitedIsGone);
    CPPUNIT_TEST(theDeadlineEndsAWait);
    CPPUNIT_TEST(withoutRedisADeadlineEndsAWait);
    CPPUNIT_TEST(aWaitBegunWithoutRedisIsAnsweredLater);
    CPPUNIT_TEST(anEndDuringAnOutageIsNotMissed);
    CPPUNIT_TEST(anEndThatWasTrimmedDuringAnOutageIsLookedFor);
    CPPUNIT_TEST(thousandsOfWaitsAreOneReader);
    CPPUNIT_TEST(severalWaitsForOneJobAreAllAnswered);
    CPPUNIT_TEST(aPassedDeadlineGetsThePresentState);
    CPPUNIT_TEST(oneWaitOrAllCanBeEnded);
    CPPUNIT_TEST(destructionAnswersAll);
    CPPUNIT_TEST(callbacksMayThrowAndWaitForOthers);
    CPPUNIT_TEST(aKeyOfAnotherTypeIsSurvived);
    CPPUNIT_TEST(senselessArgumentsAreRefused);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        eventsLog_ = std::make_unique<LogCapture>("events");
        WorkerFixture::setUp();
    }
    void tearDown() override {
        results_.reset();
        ends_.clear();
        WorkerFixture::tearDown();
        eventsLog_.reset();
        proxy_.reset();
    }

    void endsAreTheWorkersOutcomes() {
        start();
        const std::string kept = addJob("good");
        const std::string removed =
            addJob("good", "{}", R"({"attempts":0,"removeOnComplete":true})");
        const std::string failed = addJob("bad", "{}", R"({"attempts":0,"removeOnFail":true})");
        for (const std::string& id : {kept, removed, failed}) {
            when(id);
        }
        runWorker();
        expectEnd(kept, Status::Completed, R"({"ok":true})");
        expectEnd(removed, Status::Completed, R"({"ok":true})");
        expectEnd(failed, Status::Failed, "no seats");
    }

    void aJobThatEndedBeforeIsAnsweredAtOnce() {
        const std::string id = addJob("good");
        const std::string bad = addJob("bad");
        runWorker();
        eventually("ended", [&] { return stateOf(bad) == JobState::Failed; });
        redis({"DEL", keys().events});
        start();
        CPPUNIT_ASSERT((wait(id) == JobEnd{Status::Completed, R"({"ok":true})"}));
        CPPUNIT_ASSERT((wait(bad) == JobEnd{Status::Failed, "no seats"}));
    }

    void aJobRemovedAtItsEndIsFoundInTheStream() {
        const std::string id = addJob("good", "{}", R"({"attempts":0,"removeOnComplete":true})");
        const std::string bad = addJob("bad", "{}", R"({"attempts":0,"removeOnFail":true})");
        runWorker();
        eventually("ended", [&] {
            return number({"EXISTS", keys().job(id), keys().job(bad)}) == 0;
        });
        start();
        CPPUNIT_ASSERT((wait(id) == JobEnd{Status::Completed, R"({"ok":true})"}));
        CPPUNIT_ASSERT((wait(bad) == JobEnd{Status::Failed, "no seats"}));
    }

    void farEntriesOfTheStreamAreSearched() {
        event({"completed", "jobId", "far", "returnvalue", "1"});
        event({"completed", "jobId", "later", "returnvalue", "2"});
        event({"completed", "jobId", "far", "returnvalue", "3"});
        fillStream(3000);
        start();
        CPPUNIT_ASSERT((wait("far") == JobEnd{Status::Completed, "3"}));
        CPPUNIT_ASSERT((wait("later") == JobEnd{Status::Completed, "2"}));
    }

    void anUnknownJobIsToldFromAnEndedOne() {
        // Removed by hand: before its end, and after it.
        event({"completed", "jobId", "again", "returnvalue", "1"});
        event({"removed", "jobId", "again", "prev", "waiting"});
        event({"failed", "jobId", "after", "failedReason", "no"});
        event({"removed", "jobId", "after", "prev", "failed"});
        start();
        CPPUNIT_ASSERT((wait("never") == JobEnd{Status::NoSuchJob, ""}));
        CPPUNIT_ASSERT((wait("again") == JobEnd{Status::NoSuchJob, ""}));
        CPPUNIT_ASSERT((wait("after") == JobEnd{Status::Failed, "no"}));
    }

    void aJobThatIsRemovedWhileAwaitedIsGone() {
        const std::string id = addJob();
        start();
        when(id);
        untilLookedFor();
        redis({"DEL", keys().job(id)});
        redis({"LREM", keys().wait, "1", id});
        event({"removed", "jobId", id, "prev", "waiting"});
        expectEnd(id, Status::NoSuchJob, "");
    }

    void theDeadlineEndsAWait() {
        const std::string id = addJob();
        start();
        const auto begun = SteadyClock::now();
        CPPUNIT_ASSERT(results_->waitUntilFinished(id, begun + milliseconds(50)).status ==
                       Status::TimedOut);
        CPPUNIT_ASSERT(SteadyClock::now() >= begun + milliseconds(50));
        CPPUNIT_ASSERT(results_->waitUntilFinished(id, begun).status == Status::TimedOut);
        // Later waits for the job are untouched.
        when(id);
        event({"completed", "jobId", id, "returnvalue", "1"});
        expectEnd(id, Status::Completed, "1");
    }

    void withoutRedisADeadlineEndsAWait() {
        useOwnServer();
        own_->stop();
        start();
        CPPUNIT_ASSERT(
            results_->waitUntilFinished("1", SteadyClock::now() + milliseconds(100)).status ==
            Status::TimedOut);
        own_->start();
    }

    void aWaitBegunWithoutRedisIsAnsweredLater() {
        useOwnServer();
        const std::string id = addJob("good");
        runWorker();
        eventually("ended", [&] { return stateOf(id) == JobState::Completed; });
        worker_.reset();
        own_->stop();
        start();
        when(id);
        own_->start();
        expectEnd(id, Status::Completed, R"({"ok":true})");
    }

    void anEndDuringAnOutageIsNotMissed() {
        startThroughProxy();
        const std::string id = addJob();
        when(id);
        untilLookedFor();
        cutProxy();
        redis({"DEL", keys().job(id)});
        event({"completed", "jobId", id, "returnvalue", "7"});
        healProxy();
        expectEnd(id, Status::Completed, "7");
    }

    void anEndThatWasTrimmedDuringAnOutageIsLookedFor() {
        startThroughProxy();
        const std::string id = addJob();
        when(id);
        untilLookedFor();
        cutProxy();
        redis({"LREM", keys().wait, "1", id});
        redis({"ZADD", keys().completed, "1", id});
        redis({"HSET", keys().job(id), "returnvalue", "8"});
        redis({"XTRIM", keys().events, "MAXLEN", "0"});
        healProxy();
        expectEnd(id, Status::Completed, "8");
    }

    void thousandsOfWaitsAreOneReader() {
        constexpr int kJobs = 3000;
        useOwnServer();
        constexpr const char* kStore =
            "for i = 1, ARGV[2] do redis.call('HSET', ARGV[1] .. i, 'name', 'n') end "
            "redis.call('HSET', ARGV[1] .. 'other', 'name', 'n')";
        redis({"EVAL", kStore, "0", keys().jobPrefix(), std::to_string(kJobs)});
        // A reader that begins with an empty stream cannot exclude that entries were trimmed before it.
        event({"paused"});
        start();
        for (int i = 1; i <= kJobs; ++i) {
            when(std::to_string(i));
        }
        // Behind them in the order of looks.
        when("other");
        eventually("looked for", [&] { return calls("exists") >= kJobs + 1; });
        const std::int64_t scripts = calls("evalsha");
        CPPUNIT_ASSERT_MESSAGE(std::to_string(scripts), scripts < kJobs / 2);
        const std::string name = "name=" + keys().eventsClientName();
        const std::string clients = text({"CLIENT", "LIST"});
        const std::size_t first = clients.find(name);
        CPPUNIT_ASSERT(first != std::string::npos);
        CPPUNIT_ASSERT(clients.find(name, first + 1) == std::string::npos);
        constexpr const char* kEnd =
            "for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 'event', 'completed', "
            "'jobId', i, 'returnvalue', i) end";
        redis({"EVAL", kEnd, "1", keys().events, std::to_string(kJobs)});
        eventually("all ended", [&] { return ended() == kJobs; });
        CPPUNIT_ASSERT_EQUAL(std::string("2999"), endOf("2999").text);
        // Only the reading went on: no end was looked for again.
        CPPUNIT_ASSERT_EQUAL(scripts, calls("evalsha"));
    }

    void severalWaitsForOneJobAreAllAnswered() {
        const std::string id = addJob();
        start();
        untilLookedFor();
        std::atomic<int> answered{0};
        for (int i = 0; i < 5; ++i) {
            results_->whenFinished(id, SteadyClock::now() + kPatience, [&](const JobEnd& end) {
                answered += end.status == Status::Completed ? 1 : 100;
            });
        }
        event({"completed", "jobId", id, "returnvalue", "1"});
        eventually("answered", [&] { return answered == 5; });
    }

    void aPassedDeadlineGetsThePresentState() {
        const std::string id = addJob();
        const std::string pending = addJob();
        redis({"LREM", keys().wait, "1", id});
        redis({"HSET", keys().job(id), "returnvalue", "7"});
        redis({"ZADD", keys().completed, "1", id});
        start();
        for (const std::string& one : {id, pending}) {
            when(one, SteadyClock::now(), SteadyClock::now() + kPatience);
        }
        expectEnd(id, Status::Completed, "7");
        expectEnd(pending, Status::TimedOut, "");
        // Without time for a look the state is unknown.
        when("3", SteadyClock::now(), SteadyClock::now());
        expectEnd("3", Status::TimedOut, "Redis has not answered");
    }

    void oneWaitOrAllCanBeEnded() {
        const std::string id = addJob();
        const std::string other = addJob();
        start();
        untilLookedFor();
        std::atomic<int> completed{0};
        results_->whenFinished(id, SteadyClock::now() + kPatience, [&](const JobEnd& end) {
            completed += end.status == Status::Completed ? 1 : 100;
        });
        const std::uint64_t wait = when(id);
        results_->endWait(other, wait);  // Not a wait for that job.
        CPPUNIT_ASSERT_EQUAL(0, ended());
        results_->endWait(id, wait);
        eventually("ended", [&] { return ended() == 1; });
        CPPUNIT_ASSERT(endOf(id).status == Status::TimedOut);
        results_->endWait(id, wait);
        event({"completed", "jobId", id, "returnvalue", "1"});
        eventually("answered", [&] { return completed == 1; });
        when(other);
        results_->endAllWaits();
        eventually("all ended", [&] { return ended() == 2; });
        when("later");
        eventually("ended as it began", [&] { return ended() == 3; });
        CPPUNIT_ASSERT(endOf("later").status == Status::TimedOut);
    }

    void destructionAnswersAll() {
        const std::string id = addJob();
        start();
        when(id);
        results_.reset();
        CPPUNIT_ASSERT(endOf(id).status == Status::TimedOut);
    }

    void callbacksMayThrowAndWaitForOthers() {
        const std::string id = addJob();
        const std::string next = addJob();
        start();
        untilLookedFor();
        std::atomic<bool> refused{false};
        results_->whenFinished(id, SteadyClock::now() + kPatience, [&](const JobEnd&) {
            when(next);
            try {
                (void)wait(next);
            } catch (const Poco::IllegalStateException&) {
                refused = true;
            }
            throw std::runtime_error("a mistake of the callback");
        });
        event({"completed", "jobId", id, "returnvalue", "1"});
        eventually("called", [&] { return refused.load(); });
        event({"completed", "jobId", next, "returnvalue", "2"});
        expectEnd(next, Status::Completed, "2");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, eventsLog_->count("a mistake of the callback"));
    }

    void aKeyOfAnotherTypeIsSurvived() {
        const std::string id = addJob();
        redis({"SET", keys().completed, "text"});
        start();
        when(id);
        eventually("logged", [&] { return eventsLog_->count("WRONGTYPE") > 0; });
        event({"failed", "jobId", id, "failedReason", "no"});
        expectEnd(id, Status::Failed, "no");
    }

    void senselessArgumentsAreRefused() {
        start();
        CPPUNIT_ASSERT_THROW((void)wait(""), Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_THROW(JobResults(handleOf(options()), {"bull", "a:b"}),
                             Poco::InvalidArgumentException);
        CPPUNIT_ASSERT_THROW(JobResults(handleOf(options()), {"bull", "a", milliseconds(0)}),
                             Poco::InvalidArgumentException);
    }

private:
    void start() { startAt(options().port); }
    void startAt(int port) {
        JobResults::Settings settings;
        settings.name = keys().qualifiedName().substr(5);
        settings.blockTimeout = milliseconds(500);
        results_ = std::make_unique<JobResults>(
            handleOf(optionsAt(static_cast<std::uint16_t>(port))), settings);
    }
    void startThroughProxy() {
        useOwnServer();
        proxy_ = std::make_unique<TcpProxy>(own_->port());
        proxyPort_ = proxy_->port();
        startAt(proxyPort_);
    }
    void cutProxy() { proxy_.reset(); }
    void healProxy() { proxy_ = std::make_unique<TcpProxy>(own_->port(), proxyPort_); }

    std::uint64_t when(const std::string& id) {
        return when(id, SteadyClock::now() + kPatience, SteadyClock::time_point::min());
    }
    std::uint64_t when(const std::string& id,
                       SteadyClock::time_point deadline,
                       SteadyClock::time_point lookedBy) {
        return results_->whenFinished(
            id,
            deadline,
            [this, id](const JobEnd& end) {
                const std::lock_guard lock(mutex_);
                CPPUNIT_ASSERT(ends_.emplace(id, end).second);
            },
            lookedBy);
    }
    JobEnd wait(const std::string& id) {
        return results_->waitUntilFinished(id, SteadyClock::now() + kPatience);
    }
    int ended() {
        const std::lock_guard lock(mutex_);
        return static_cast<int>(ends_.size());
    }
    JobEnd endOf(const std::string& id) {
        const std::lock_guard lock(mutex_);
        return ends_.at(id);
    }
    void expectEnd(const std::string& id, Status status, const std::string& text) {
        eventually("end of " + id, [&] {
            const std::lock_guard lock(mutex_);
            return ends_.count(id) == 1;
        });
        assertEqual(text, endOf(id).text);
        CPPUNIT_ASSERT(endOf(id).status == status);
    }
    /// Waits until the wait that was begun before has looked for its job: from now on it goes by events.
    void untilLookedFor() { CPPUNIT_ASSERT(wait("none").status == Status::NoSuchJob); }
    void runWorker() {
        run(std::make_shared<FakeHandler>([](std::span<RunningJob* const> jobs) {
            for (RunningJob* job : jobs) {
                const bool bad = job->job().name == "bad";
                job->setOutcome({bad ? JobOutcome::Kind::Failed : JobOutcome::Kind::Completed,
                                 bad ? "no seats" : R"({"ok":true})",
                                 "",
                                 0});
            }
        }));
    }
    void event(const std::vector<std::string>& fields) {
        std::vector<std::string> command = {"XADD", keys().events, "*", "event"};
        command.insert(command.end(), fields.begin(), fields.end());
        redis(command);
    }
    void fillStream(int entries) {
        redis({"EVAL",
               "for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 'event', 'x') end",
               "1",
               keys().events,
               std::to_string(entries)});
    }
    std::int64_t calls(const std::string& command) {
        const std::string stats = text({"INFO", "commandstats"});
        const std::string mark = "cmdstat_" + command + ":calls=";
        const std::size_t at = stats.find(mark);
        return at == std::string::npos ? 0 : std::stoll(stats.substr(at + mark.size()));
    }

    std::mutex mutex_;
    std::map<std::string, JobEnd> ends_;
    int proxyPort_ = 0;
    std::unique_ptr<LogCapture> eventsLog_;
    std::unique_ptr<TcpProxy> proxy_;
    std::unique_ptr<JobResults> results_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(JobResultsTest);
