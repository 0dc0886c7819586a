#include <algorithm>
#include <atomic>

#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;

}  // namespace

/// Section J: rate limit, global concurrency, pause.
class LimitSection : public Conformance {
public:
    using Conformance::Conformance;

    void c153_aLimitHoldsForBothSidesTogether() {
        limit(2, 1000);
        startWorker(Side::Ours);
        startWorker(Side::Node, R"({"concurrency": 5, "limiter": {"max": 2, "duration": 1000}})");
        for (int i = 0; i < 8; ++i) {
            add(otherOf(i % 2 == 0 ? Side::Ours : Side::Node), "mail");
        }
        eventually(
            "all completed",
            [&] {
                return number({"ZCARD", key("completed")}) == 8;
            },
            std::chrono::seconds(20));
        std::vector<std::int64_t> starts;
        for (int n = 1; n <= 8; ++n) {
            starts.push_back(std::stoll(field(std::to_string(n), "processedOn")));
        }
        std::sort(starts.begin(), starts.end());
        // Four windows of two. A window begins with its first job: the third one after it is in another window.
        for (std::size_t i = 0; i + 2 < starts.size(); i += 2) {
            CPPUNIT_ASSERT_MESSAGE(std::to_string(starts[i + 2] - starts[i]),
                                   starts[i + 2] - starts[i] >= 950);
        }
    }

    void c154_theWindowIsNotMovedByLaterJobs() {
        limit(5, 60000);
        startWorker(Side::Ours);
        run(Side::Node, "mail");
        assertEqual("1", text({"GET", key("limiter")}));
        const std::int64_t ttl = number({"PTTL", key("limiter")});
        CPPUNIT_ASSERT(ttl > 50000 && ttl <= 60000);
        redis({"PEXPIRE", key("limiter"), "20000"});
        run(Side::Node, "mail");
        assertEqual("2", text({"GET", key("limiter")}));
        CPPUNIT_ASSERT(number({"PTTL", key("limiter")}) <= 20000);
    }

    void c155_jobsThatFailUnrunDoNotCount() {
        limit(5, 60000);
        const std::string id = add(Side::Node, "mail");
        redis({"HSET", key(id), "defa", "child failed"});
        startWorker(Side::Ours);
        untilState(id, "failed");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"limiter"}));
        run(Side::Node, "mail");
        assertEqual("1", text({"GET", key("limiter")}));
    }

    void c156_theQueuesMaximumAndTheWorkersDuration() {
        node("queue.setGlobalRateLimit", R"("args": [1, 60000])");
        limit(100, 700);
        startWorker(Side::Ours);
        std::vector<std::string> ids;
        for (int i = 0; i < 3; ++i) {
            ids.push_back(add(Side::Node, "mail"));
        }
        eventually("all completed", [&] { return number({"ZCARD", key("completed")}) == 3; });
        for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
            const std::int64_t between = std::stoll(field(ids[i + 1], "processedOn")) -
                                         std::stoll(field(ids[i], "processedOn"));
            CPPUNIT_ASSERT_MESSAGE(std::to_string(between), between >= 650 && between < 5000);
        }
        stopWorker(Side::Ours);
        // Without a limiter of the worker's own the queue's duration counts.
        limit(0, 0);
        redis({"DEL", key("limiter")});
        startWorker(Side::Ours);
        run(Side::Node, "mail");
        const std::int64_t ttl = number({"PTTL", key("limiter")});
        CPPUNIT_ASSERT(ttl > 50000 && ttl <= 60000);
    }

    void c158_aRateLimitedJobIsInFrontAndUncounted() {
        std::atomic<int> begins{0};
        behaviours_["mail"] = [&](RunningJob& job) {
            job.setOutcome(
                {begins++ == 0 ? JobOutcome::Kind::RateLimited : JobOutcome::Kind::Completed,
                 "{}",
                 "",
                 700});
        };
        settings_.concurrency = 1;
        settings_.batchSize = 1;
        startWorker(Side::Ours);
        const std::string id = add(Side::Node, "mail");
        const std::string behind = add(Side::Node, "mail");
        untilStreamed("waiting " + id + " prev=active");
        untilState(behind, "completed");
        CPPUNIT_ASSERT_EQUAL(joined({id, id, behind}), joined(begun(Side::Ours)));
        const std::vector<SeenJob> seen = seenByOurs();
        CPPUNIT_ASSERT_MESSAGE("not before the window ended",
                               seen[1].startedAtMs - seen[0].startedAtMs >= 650);
        assertEqual("1", field(id, "atm"));
        assertEqual("2", field(id, "ats"));
    }

    void c166_whatRunsEndsWhilePausedAndNothingFollows() {
        settings_.concurrency = 1;
        settings_.batchSize = 1;
        startWorker(Side::Ours);
        const std::string running = add(Side::Node, "hold");
        untilState(running, "active");
        const std::string next = add(Side::Node, "mail");
        node("queue.pause");
        release(Side::Ours);
        untilState(running, "completed");
        untilAsleep();
        assertEqual("waiting", nodeState(next));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, seenByOurs().size());
        // The queue is not empty.
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, countOf("drained"));
        node("queue.resume");
        untilState(next, "completed");
    }

private:
    /// For workers of ours that are yet to start.
    void limit(int max, int durationMs) {
        settings_.limiterMax = max;
        settings_.limiterDuration = std::chrono::milliseconds(durationMs);
    }
};

namespace {

const Statements<LimitSection> kRegistered(
    {STATEMENT(LimitSection, c153_aLimitHoldsForBothSidesTogether),
     STATEMENT(LimitSection, c154_theWindowIsNotMovedByLaterJobs),
     STATEMENT(LimitSection, c155_jobsThatFailUnrunDoNotCount),
     STATEMENT(LimitSection, c156_theQueuesMaximumAndTheWorkersDuration),
     STATEMENT(LimitSection, c158_aRateLimitedJobIsInFrontAndUncounted),
     STATEMENT(LimitSection, c166_whatRunsEndsWhilePausedAndNothingFollows)});

}  // namespace
