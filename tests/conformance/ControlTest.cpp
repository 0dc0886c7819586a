#include <algorithm>

#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Strings = std::vector<std::string>;

/// Waits of Node's workers that end on their own: no test has to wait for them.
constexpr const char* kPollsOften = R"({"drainDelay": 0.05})";

}  // namespace

/// Pause, concurrency and rate limit, set by one side and obeyed by both.
class ControlSection : public Conformance {
public:
    using Conformance::Conformance;

    void setUp() override {
        Conformance::setUp();
        settings_.drainDelay = milliseconds(20);
    }

    void c069_pauseDeletesTheMarkerAndWakesNoWorker() {
        add(Side::Node, "mail");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"EXISTS", key("marker")}));
        queue().pause();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", key("marker")}));
        queue().resume();
        startWorker(Side::Ours);
        eventually("done", [&] { return queue().counts().completed == 1; });
        node("queue.pause");
        const std::string id = add(Side::Node, "mail");
        untilOursPolled();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, begun(Side::Ours).size());
        // Neither does ours; nor does an add of ours find it open.
        queue().pause();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", key("marker")}));
        untilOursPolled();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, begun(Side::Ours).size());
        queue().resume();
        untilState(id, "completed");
    }

    void c070_resumeStartsASleepingWorkerAtOnce() {
        settings_.drainDelay = seconds(5);
        for (const Side pauser : kBoth) {
            const Side worker = pauser == Side::Ours ? Side::Node : Side::Ours;
            startWorker(worker);
            untilIdle();
            pause(pauser);
            const std::string id = add(pauser, "mail");
            const std::int64_t resumed = clock_.wallMs();
            resume(pauser);
            untilState(id, "completed");
            const std::int64_t took = std::stoll(field(id, "processedOn")) - resumed;
            // Its next poll would be 5 s away.
            CPPUNIT_ASSERT_MESSAGE(std::to_string(took) + " ms", took < 4000);
            stopWorker(worker);
        }
    }

    void c071_resumeWithDelayedJobsOnlyMarksTheFirst() {
        queue().pause();
        const std::string later = add(Side::Node, "mail", "{}", R"({"delay":60000})");
        const std::string first = add(Side::Node, "mail", "{}", R"({"delay":30000})");
        redis({"DEL", key("marker")});
        queue().resume();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", key("marker")}));
        const std::int64_t due = std::stoll(field(first, "timestamp")) + 30000;
        CPPUNIT_ASSERT_EQUAL(
            due, static_cast<std::int64_t>(std::stod(text({"ZSCORE", key("marker"), "1"}))));
    }

    void c157_aManualLimitStopsLimitedWorkersOfTheOtherSide() {
        queue().rateLimit(seconds(60));
        const std::string limited = add(Side::Ours, "mail");
        std::int64_t looks = limiterLooks();
        startWorker(Side::Node, R"({"limiter": {"max": 100, "duration": 1000}})");
        eventually("Node looked", [&] { return limiterLooks() > looks; });
        assertEqual("waiting", nodeState(limited));
        // One without limiter goes on.
        startWorker(Side::Ours);
        untilState(limited, "completed");
        CPPUNIT_ASSERT((begun(Side::Ours) == Strings{limited}));
        stopWorker(Side::Ours);
        stopWorker(Side::Node);

        queue().removeRateLimitKey();
        queue().setGlobalRateLimit({100, seconds(1)});
        node("queue.rateLimit", "\"args\": [60000]");
        const std::int64_t ttl = queue().rateLimitTtl();
        CPPUNIT_ASSERT_MESSAGE(std::to_string(ttl), ttl > 30000 && ttl <= 60000);
        const std::string ours = add(Side::Node, "mail");
        // By the queue's limit, and by one of the worker's own.
        for (const bool own : {false, true}) {
            if (own) {
                queue().removeGlobalRateLimit();
                settings_.limiterMax = 100;
                settings_.limiterDuration = seconds(1);
            }
            looks = limiterLooks();
            startWorker(Side::Ours);
            eventually("ours looked", [&] { return limiterLooks() > looks; });
            assertEqual("waiting", nodeState(ours));
            worker_.reset();
        }
        startWorker(Side::Node);
        untilState(ours, "completed");
        stopWorker(Side::Node);
        queue().removeRateLimitKey();
        startWorker(Side::Ours);
        untilState(add(Side::Node, "mail"), "completed");
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, begun(Side::Ours).size());
    }

    void c159_theLimiterOfOurWorkerIsReadAlike() {
        queue().setGlobalRateLimit({3, seconds(60)});
        startWorker(Side::Ours);
        for (int i = 0; i < 2; ++i) {
            untilState(add(Side::Node, "mail"), "completed");
        }
        for (const int max : {2, 3}) {
            const auto ttl =
                node("queue.getRateLimitTtl", "\"args\": [" + std::to_string(max) + "]");
            const std::int64_t ours = queue().rateLimitTtl(max);
            CPPUNIT_ASSERT_EQUAL(max == 2, ours > 50000);
            CPPUNIT_ASSERT_MESSAGE(std::to_string(ours) + ", Node says " + textOf(ttl),
                                   std::abs(ours - ttl.GetInt64()) < 2000);
        }
    }

    void c160_aConcurrencyOfOneHoldsAcrossBothWorkers() {
        queue().setGlobalConcurrency(1);
        settings_.threads = 4;
        settings_.batchSize = 1;
        startWorker(Side::Ours);
        startWorker(Side::Node, R"({"concurrency": 4, "drainDelay": 0.05})");
        for (int i = 0; i < 40; ++i) {
            add(i % 2 == 0 ? Side::Ours : Side::Node, "mail");
        }
        eventually("all done", [&] { return number({"ZCARD", key("completed")}) == 40; });
        int active = 0;
        int most = 0;
        const Reply stream = redis({"XRANGE", key("events"), "-", "+"});
        for (std::size_t i = 0; i < stream.size(); ++i) {
            const std::string event(stream.at(i).at(1).at(1).text());
            active += event == "active" ? 1 : event == "completed" ? -1 : 0;
            most = std::max(most, active);
        }
        CPPUNIT_ASSERT_EQUAL(1, most);
    }

    void c161_withoutConcurrencyBothWorkAgain() {
        queue().setGlobalConcurrency(1);
        settings_.concurrency = 2;
        settings_.threads = 2;
        settings_.batchSize = 1;
        startWorker(Side::Node, R"({"concurrency": 2, "drainDelay": 0.05})");
        for (int i = 0; i < 4; ++i) {
            add(Side::Node, "hold");
        }
        eventually("one runs", [&] { return begun(Side::Node).size() == 1; });
        startWorker(Side::Ours);
        untilOursPolled();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"LLEN", key("active")}));
        queue().removeGlobalConcurrency();
        eventually("four run", [&] { return number({"LLEN", key("active")}) == 4; });
        eventually("two with each",
                   [&] { return begun(Side::Ours).size() == 2 && begun(Side::Node).size() == 2; });
        for (const Side side : kBoth) {
            release(side);
            release(side);
        }
        eventually("all done", [&] { return number({"ZCARD", key("completed")}) == 4; });
    }

    void c162_aFullQueueIsMaxedForNode() {
        queue().setGlobalConcurrency(1);
        CPPUNIT_ASSERT(!node("queue.isMaxed").GetBool());
        startWorker(Side::Ours);
        const std::string id = add(Side::Node, "hold");
        untilState(id, "active");
        CPPUNIT_ASSERT(node("queue.isMaxed").GetBool());
        release(Side::Ours);
        untilState(id, "completed");
        CPPUNIT_ASSERT(!node("queue.isMaxed").GetBool());
    }

    void c163_ourPauseIsNodes() {
        startWorker(Side::Node, kPollsOften);
        queue().pause();
        CPPUNIT_ASSERT(node("queue.isPaused").GetBool());
        if (!is548()) {
            CPPUNIT_ASSERT(node("queue.getMeta")["paused"].GetBool());
        }
        const std::string id = add(Side::Node, "mail");
        untilPolled("bzpopmin");
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, begun(Side::Node).size());
        queue().resume();
        CPPUNIT_ASSERT(!node("queue.isPaused").GetBool());
        untilState(id, "completed");
        node("queue.pause");
        CPPUNIT_ASSERT(queue().isPaused());
        node("queue.resume");
        CPPUNIT_ASSERT(!queue().isPaused());
    }

    void c164_wherePausedJobsWait() {
        for (const Side pauser : kBoth) {
            add(Side::Node, "mail");
            add(Side::Node, "mail");
            const Strings waiting = list(key("wait"));
            subscribe();
            pause(pauser);
            pause(pauser);
            CPPUNIT_ASSERT(list(key(isFive() ? "paused" : "wait")) == waiting);
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                                 number({"EXISTS", key(isFive() ? "wait" : "paused")}));
            eventually("told twice", [&] { return delivered("paused") == 2; });
            resume(pauser);
            CPPUNIT_ASSERT(list(key("wait")) == waiting);
            useQueue(queueName() + "-again");
        }
    }

    void c165_ourResumeBringsBackALegacyPausedList() {
        Strings ids;
        for (int i = 0; i < 3; ++i) {
            ids.push_back(add(Side::Node, "mail"));
        }
        node("queue.pause");
        if (!isFive()) {
            // The state that a 5.x client would have left.
            redis({"RENAME", key("wait"), key("paused")});
        }
        ids.push_back(add(Side::Node, "mail"));
        queue().resume();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", key("paused")}));
        Strings waiting = list(key("wait"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, waiting.size());
        startWorker(Side::Node);
        eventually("all done", [&] { return number({"ZCARD", key("completed")}) == 4; });
        Strings ran = begun(Side::Node);
        std::sort(ran.begin(), ran.end());
        CPPUNIT_ASSERT(ran == ids);
    }

    void c272_whatWePauseNodeResumes() {
        // No client of 5.x has shown itself when ours pauses: auto would leave the jobs in wait, where its resume loses them.
        share(Bullmq5::On);
        Strings ids;
        for (int i = 0; i < 3; ++i) {
            ids.push_back(add(Side::Ours, "mail"));
        }
        queue().pause();
        ids.push_back(add(Side::Node, "mail"));
        node("queue.resume");
        CPPUNIT_ASSERT((list(key("wait")) == Strings{ids.rbegin(), ids.rend()}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", key("paused")}));
        startWorker(Side::Node);
        eventually("all done", [&] { return number({"ZCARD", key("completed")}) == 4; });
        CPPUNIT_ASSERT(begun(Side::Node) == ids);
    }

    void c274_bothListsSurviveOurResume() {
        Strings expected;
        for (int i = 0; i < 5; ++i) {
            expected.push_back(add(Side::Node, "mail"));
        }
        node("queue.pause");
        // Ids in the other list: those of a client with a list of its own.
        const std::string other = key(isFive() ? "wait" : "paused");
        for (const char* id : {"first", "second"}) {
            redis({"HSET", key(id), "name", "mail", "data", "{}", "opts", "{}", "timestamp", "1"});
            redis({"RPUSH", other, id});
        }
        queue().resume();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", key("paused")}));
        const Strings nodes(expected.rbegin(), expected.rend());
        Strings both = isFive() ? Strings{"first", "second"} : nodes;
        const Strings behind = isFive() ? nodes : Strings{"first", "second"};
        both.insert(both.end(), behind.begin(), behind.end());
        CPPUNIT_ASSERT(list(key("wait")) == both);

        // However long they are, in one step: no client ever finds the queue open with jobs in the other list.
        const std::string fill =
            "redis.call('DEL', KEYS[1], KEYS[2]) redis.call('HSET', KEYS[3], 'paused', '1') "
            "for i = 1, 20000 do redis.call('RPUSH', KEYS[1], 'w' .. i) "
            "redis.call('RPUSH', KEYS[2], 'p' .. i) end";
        redis({"EVAL", fill, "3", key("wait"), key("paused"), key("meta")});
        node("monitor.start");
        queue().resume();
        const std::string check =
            "local ids = redis.call('LRANGE', KEYS[1], 0, -1) if #ids ~= 40000 then return #ids "
            "end "
            "for i = 1, 20000 do if ids[i] ~= 'w' .. i then return ids[i] end end "
            "for i = 1, 20000 do if ids[20000 + i] ~= 'p' .. i then return ids[20000 + i] end end "
            "return 'all'";
        assertEqual("all", text({"EVAL", check, "1", key("wait")}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"paused"}));
        CPPUNIT_ASSERT_EQUAL(1u, peer().call("monitor.seen", R"("command": "EVALSHA")").Size());
        redis({"DEL", key("wait")});
        for (const std::string& id : both) {
            redis({"DEL", key(id)});
        }
    }

private:
    [[nodiscard]] bool isFive() const { return !is670(); }
    void pause(Side side) {
        if (side == Side::Ours) {
            queue().pause();
        } else {
            node("queue.pause");
        }
    }
    void resume(Side side) {
        if (side == Side::Ours) {
            queue().resume();
        } else {
            node("queue.resume");
        }
    }
    std::int64_t calls(const std::string& command) {
        const std::string stats = text({"INFO", "commandstats"});
        const std::string mark = "cmdstat_" + command + ":calls=";
        const std::size_t at = stats.find(mark);
        return at == std::string::npos ? 0 : std::stoll(stats.substr(at + mark.size()));
    }
    /// Only a fetch that finds the limit reached reads the rest of the window.
    std::int64_t limiterLooks() { return calls("pttl"); }
    /// Waits until the one worker that runs has waited for jobs again, and again.
    void untilPolled(const std::string& command) {
        const std::int64_t then = calls(command);
        eventually("polled", [&] { return calls(command) > then + 3; });
    }
    void untilOursPolled() { untilPolled("evalsha"); }
};

namespace {

const Statements<ControlSection> kRegistered(
    {STATEMENT(ControlSection, c069_pauseDeletesTheMarkerAndWakesNoWorker),
     STATEMENT(ControlSection, c070_resumeStartsASleepingWorkerAtOnce),
     STATEMENT(ControlSection, c071_resumeWithDelayedJobsOnlyMarksTheFirst),
     STATEMENT(ControlSection, c157_aManualLimitStopsLimitedWorkersOfTheOtherSide),
     STATEMENT(ControlSection, c159_theLimiterOfOurWorkerIsReadAlike),
     STATEMENT(ControlSection, c160_aConcurrencyOfOneHoldsAcrossBothWorkers),
     STATEMENT(ControlSection, c161_withoutConcurrencyBothWorkAgain),
     STATEMENT(ControlSection, c162_aFullQueueIsMaxedForNode),
     STATEMENT(ControlSection, c163_ourPauseIsNodes),
     STATEMENT(ControlSection, c164_wherePausedJobsWait),
     STATEMENT(ControlSection, c165_ourResumeBringsBackALegacyPausedList),
     STATEMENT(ControlSection, c272_whatWePauseNodeResumes),
     STATEMENT(ControlSection, c274_bothListsSurviveOurResume)});

}  // namespace
