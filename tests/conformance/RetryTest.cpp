#include <atomic>
#include <set>

#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "queue/ops/Settle.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;

constexpr double kPriorityStep = 4294967296.0;  // 2^32

}  // namespace

/// Section G: further attempts, and jobs that wait since their handler delayed them.
class RetrySection : public Conformance {
public:
    using Conformance::Conformance;

    void c117_aFailedAttemptWithBackoffWaitsInDelayed() {
        startWorker(Side::Ours);
        const std::string id = add(
            Side::Node, "fail", "{}", R"({"attempts":3,"backoff":{"type":"fixed","delay":60000}})");
        untilState(id, "delayed");
        assertEqual("60000", field(id, "delay"));
        assertEqual("1", field(id, "atm"));
        const std::int64_t due = static_cast<std::int64_t>(scoreOf("delayed", id) / 4096);
        CPPUNIT_ASSERT_EQUAL("added name=fail | waiting | active prev=waiting | delayed delay=" +
                                 std::to_string(due),
                             eventsOf(id));
    }

    void c118_exponentialBackoffDoubles() {
        startWorker(Side::Ours);
        const std::string id =
            add(Side::Node,
                "fail",
                "{}",
                R"({"attempts":4,"backoff":{"type":"exponential","delay":100}})");
        for (const char* delay : {"100", "200", "400"}) {
            eventually("a delay of " + std::string(delay),
                       [&] { return field(id, "delay") == delay; });
        }
        untilState(id, "failed");
        assertEqual("4", field(id, "atm"));
    }

    void c119_jitterSpreadsTheWaitDownwards() {
        constexpr int kJobs = 40;
        startWorker(Side::Ours);
        std::vector<NewJob> jobs(
            kJobs,
            {"fail",
             "{}",
             JobOptions::parse(
                 R"({"attempts":2,"backoff":{"type":"fixed","delay":60000,"jitter":0.5}})")});
        queue().addBulk(jobs, std::chrono::steady_clock::now() + std::chrono::seconds(10));
        eventually("all wait", [&] { return number({"ZCARD", key("delayed")}) == kJobs; });
        std::set<int> waits;
        for (int n = 1; n <= kJobs; ++n) {
            const int wait = std::stoi(field(std::to_string(n), "delay"));
            CPPUNIT_ASSERT_MESSAGE(std::to_string(wait), wait >= 30000 && wait <= 60000);
            waits.insert(wait);
        }
        CPPUNIT_ASSERT(waits.size() > kJobs / 2);
        CPPUNIT_ASSERT(*waits.begin() < 40000 && *waits.rbegin() > 50000);
    }

    void c120_withoutBackoffTheJobIsFirstAgainByItsOwnRule() {
        const std::string plain = add(Side::Node, "fail", "{}", R"({"attempts":2})");
        claim(1);
        const std::string lifo = add(Side::Node, "fail", "{}", R"({"attempts":2,"lifo":true})");
        claim(1, "lifo");
        const std::string prioritized =
            add(Side::Node, "fail", "{}", R"({"attempts":2,"priority":3})");
        claim(1, "prioritized");
        const std::string waiting = add(Side::Node, "mail");
        RetryItem retry;
        retry.reason = "broken";
        retry.stacktrace = "[]";
        std::vector<RetryItem> items(3, retry);
        items[0].id = plain;
        items[0].token = "token";
        items[1].id = lifo;
        items[1].token = "lifo";
        items[1].lifo = true;
        items[2].id = prioritized;
        items[2].token = "prioritized";
        for (const int code : ops::retryJobs(ours(), client(), items, clock_.wallMs()).codes) {
            CPPUNIT_ASSERT_EQUAL(0, code);
        }
        CPPUNIT_ASSERT_EQUAL(joined({plain, waiting, lifo}), joined(list(key("wait"))));
        CPPUNIT_ASSERT_EQUAL(3 * kPriorityStep + 2, scoreOf("prioritized", prioritized));
        CPPUNIT_ASSERT_EQUAL(
            "added name=fail | waiting | active prev=waiting | waiting prev=" + retriedFrom(),
            eventsOf(plain));
        assertEqual("1", field(plain, "atm"));
        assertEqual("0", text({"ZSCORE", key("marker"), "0"}));
        // And by the worker, to the end.
        startWorker(Side::Ours);
        for (const std::string& id : {plain, lifo, prioritized}) {
            untilState(id, "failed");
            assertEqual("2", field(id, "atm"));
        }
    }

    void c121_eitherSideGoesOnWithTheOthersAttempts() {
        for (const Side first : kBoth) {
            const Side second = otherOf(first);
            startWorker(first);
            const std::string flaky = add(
                second, "twice", "{}", R"({"attempts":3,"backoff":{"type":"fixed","delay":400}})");
            const std::string last = add(
                second, "fail", "{}", R"({"attempts":2,"backoff":{"type":"fixed","delay":400}})");
            untilState(flaky, "delayed");
            untilState(last, "delayed");
            stopWorker(first);
            assertEqual("1", field(flaky, "atm"));
            startWorker(second);
            untilState(flaky, "completed");
            untilState(last, "failed");
            assertEqual("3", field(flaky, "atm"));
            assertEqual("3", field(flaky, "ats"));
            assertEqual("2", field(last, "atm"));
            stopWorker(second);
        }
    }

    void c122_betweenAttemptsTheReasonShowsTheEndDoesNot() {
        startWorker(Side::Ours);
        const std::string id = add(Side::Node, "fail", "{}", R"({"attempts":2,"backoff":60000})");
        untilState(id, "delayed");
        const auto job = node("queue.getJob", "\"args\": [\"" + id + "\"]");
        assertEqual("told to fail", job["failedReason"].GetString());
        CPPUNIT_ASSERT_EQUAL(1u, job["stacktrace"].Size());
        CPPUNIT_ASSERT(!job.HasMember("finishedOn"));
        assertEqual("(none)", fieldOrNone(id, "finishedOn"));
    }

    void c123_aDelayByTheHandlerCostsNoAttempt() {
        behaviours_["mail"] = [this](RunningJob& job) {
            job.setOutcome({JobOutcome::Kind::Delayed, "", "", clock_.wallMs() + 60000});
        };
        startWorker(Side::Ours);
        const std::string id = add(Side::Node, "mail");
        untilState(id, "delayed");
        assertEqual("(none)", fieldOrNone(id, "atm"));
        assertEqual("1", field(id, "ats"));
        const int delay = std::stoi(field(id, "delay"));
        // Redis's time is measured again meanwhile, to some ms.
        CPPUNIT_ASSERT_MESSAGE(std::to_string(delay), delay > 50000 && delay <= 60100);
        const std::int64_t due = static_cast<std::int64_t>(scoreOf("delayed", id) / 4096);
        CPPUNIT_ASSERT_EQUAL("added name=mail | waiting | active prev=waiting | delayed delay=" +
                                 std::to_string(due),
                             eventsOf(id));
    }

    void c124_waitPutsTheJobInFront() {
        const std::string id = add(Side::Node, "mail");
        claim(1);
        const std::string waiting = add(Side::Node, "mail");
        CPPUNIT_ASSERT_EQUAL(0, handBack(id));
        CPPUNIT_ASSERT_EQUAL(joined({waiting, id}), joined(list(key("wait"))));
        assertEqual("(none)", fieldOrNone(id, "atm"));
        assertEqual(
            "added name=mail | waiting | active prev=waiting | "
            "waiting prev=active",
            eventsOf(id));

        // And by a handler that decides so, the first time.
        bool said = false;
        behaviours_["mail"] = [&](RunningJob& job) {
            job.setOutcome(
                {said ? JobOutcome::Kind::Completed : JobOutcome::Kind::Wait, "{}", "", 0});
            said = true;
        };
        settings_.concurrency = 1;
        settings_.batchSize = 1;
        startWorker(Side::Ours);
        untilState(waiting, "completed");
        CPPUNIT_ASSERT_EQUAL(joined({id, id, waiting}), joined(begun(Side::Ours)));
        assertEqual("1", field(id, "atm"));
        assertEqual("3", field(id, "ats"));
    }

    void c125_waitPutsAPrioritizedJobInFrontOfItsPriority() {
        add(Side::Node, "mail", "{}", R"({"priority":5})");
        const std::string id = claim(1).at(0).id;
        add(Side::Node, "mail", "{}", R"({"priority":5})");
        redis({"DEL", key("marker")});
        CPPUNIT_ASSERT_EQUAL(0, handBack(id));
        CPPUNIT_ASSERT_EQUAL(5 * kPriorityStep, scoreOf("prioritized", id));
        CPPUNIT_ASSERT_EQUAL(id, members("prioritized").front());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"marker", "wait"}));
    }

    void c126_theHandlersOwnBackoffDecides() {
        const std::string opts = R"({"attempts":3,"backoff":{"type":"mine","delay":5}})";
        for (const std::int64_t wait : {-1, 0, 60000}) {
            backoff_ = [wait](int) { return wait; };
            startWorker(Side::Ours);
            const std::string id = add(Side::Node, "fail", "{}", opts);
            untilState(id, wait > 0 ? "delayed" : "failed");
            assertEqual(wait == 0 ? "3" : "1", field(id, "atm"));
            assertEqual(wait > 0 ? "60000" : "0", field(id, "delay"));
            stopWorker(Side::Ours);
        }
    }

    void c127_startsAreLimited() {
        settings_.maxStartedAttempts = 2;
        startWorker(Side::Ours);
        // A second failure is the last, whatever the job allows.
        const std::string failing = add(Side::Node, "fail", "{}", R"({"attempts":5})");
        untilState(failing, "failed");
        assertEqual("2", field(failing, "ats"));
        assertEqual("told to fail", field(failing, "failedReason"));
        // A third start fails unrun.
        const std::string started = add(Side::Node, "mail", "{}", R"({"attempts":5,"delay":300})");
        redis({"HSET", key(started), "ats", "2"});
        untilState(started, "failed");
        assertEqual("job started more than allowable limit", field(started, "failedReason"));
        CPPUNIT_ASSERT_EQUAL(joined({failing, failing}), joined(begun(Side::Ours)));
    }

    void c128_reasonAndTraceAreThereWhenTheJobLeavesActive() {
        // A job seen outside of active has its failed reason: both are read in one moment.
        const std::string look =
            "if redis.call('EXISTS', KEYS[1]) == 1 then return 'active' end "
            "return redis.call('HGET', KEYS[2], 'failedReason') or 'nothing'";
        for (const char* opts : {R"({"attempts":2,"backoff":60000})", R"({"attempts":2})"}) {
            startWorker(Side::Ours);
            const std::string id = add(Side::Node, "hold-and-fail", "{}", opts);
            untilState(id, "active");
            untilBegun(id);
            worker_->quiet(true);  // It would claim the job again at once.
            ++failures_;
            std::string seen = "active";
            eventually("it left active", [&] {
                seen = text({"EVAL", look, "2", key("active"), key(id)});
                return seen != "active";
            });
            assertEqual("told to fail", seen);
            CPPUNIT_ASSERT_EQUAL(
                1u, node("queue.getJob", "\"args\": [\"" + id + "\"]")["stacktrace"].Size());
            stopWorker(Side::Ours);
        }
    }

    void setUp() override {
        Conformance::setUp();
        behaviours_["hold-and-fail"] = [this](RunningJob& job) {
            while (failures_ == 0) {
                if (job.waitCancelled(std::chrono::milliseconds(2)) != CancelReason::None) {
                    return;
                }
            }
            --failures_;
            job.setOutcome({JobOutcome::Kind::Failed, "told to fail", "Error: told to fail", 0});
        };
    }

private:
    int handBack(const std::string& id) {
        HandBackItem item;
        item.id = id;
        item.token = "token";
        item.uncountStart = false;
        return ops::handBackJobs(ours(), client(), {item}, clock_.wallMs()).codes.at(0);
    }

    std::atomic<int> failures_{0};
};

namespace {

const Statements<RetrySection> kRegistered(
    {STATEMENT(RetrySection, c117_aFailedAttemptWithBackoffWaitsInDelayed),
     STATEMENT(RetrySection, c118_exponentialBackoffDoubles),
     STATEMENT(RetrySection, c119_jitterSpreadsTheWaitDownwards),
     STATEMENT(RetrySection, c120_withoutBackoffTheJobIsFirstAgainByItsOwnRule),
     STATEMENT(RetrySection, c121_eitherSideGoesOnWithTheOthersAttempts),
     STATEMENT(RetrySection, c122_betweenAttemptsTheReasonShowsTheEndDoesNot),
     STATEMENT(RetrySection, c123_aDelayByTheHandlerCostsNoAttempt),
     STATEMENT(RetrySection, c124_waitPutsTheJobInFront),
     STATEMENT(RetrySection, c125_waitPutsAPrioritizedJobInFrontOfItsPriority),
     STATEMENT(RetrySection, c126_theHandlersOwnBackoffDecides),
     STATEMENT(RetrySection, c127_startsAreLimited),
     STATEMENT(RetrySection, c128_reasonAndTraceAreThereWhenTheJobLeavesActive)});

}  // namespace
