#include <atomic>

#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"

namespace {

using namespace drover;
using namespace drover::test;

}  // namespace

/// 8.J: rate limit, global concurrency, pause.
class LimitSection : public Conformance {
public:
    using Conformance::Conformance;

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
        CPPUNIT_ASSERT_EQUAL(std::string("1"), field(id, "atm"));
        CPPUNIT_ASSERT_EQUAL(std::string("2"), field(id, "ats"));
    }

    void c160_globalConcurrencyHoldsForBothSides() {
        node("queue.setGlobalConcurrency", R"("args": [1])");
        startWorker(Side::Ours);
        startWorker(Side::Node, R"({"concurrency": 5})");
        std::vector<std::string> ids;
        for (int i = 0; i < 10; ++i) {
            ids.push_back(add(i % 2 == 0 ? Side::Ours : Side::Node, "mail"));
        }
        eventually(
            "all completed",
            [&] {
                return number({"ZCARD", key("completed")}) == 10;
            },
            std::chrono::seconds(60));
        // The stream has the exact order: no second active before the end of the one before.
        int active = 0;
        for (const std::string& line : streamed()) {
            active += line.rfind("active ", 0) == 0 ? 1 : line.rfind("completed ", 0) == 0 ? -1 : 0;
            CPPUNIT_ASSERT(active <= 1);
        }
    }

    void c161_withoutGlobalConcurrencyTheyRunSideBySide() {
        node("queue.setGlobalConcurrency", R"("args": [1])");
        settings_.drainDelay = std::chrono::milliseconds(300);
        settings_.threads = 3;
        settings_.batchSize = 1;
        startWorker(Side::Ours);
        for (int i = 0; i < 3; ++i) {
            add(Side::Node, "hold");
        }
        eventually("one runs", [&] { return seenByOurs().size() == 1; });
        untilAsleep();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"LLEN", key("active")}));
        node("queue.removeGlobalConcurrency");
        eventually("all run", [&] { return seenByOurs().size() == 3; });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, number({"LLEN", key("active")}));
        for (int i = 0; i < 3; ++i) {
            release(Side::Ours);
        }
        eventually("all completed", [&] { return number({"ZCARD", key("completed")}) == 3; });
    }

    void c162_nodeCallsAQueueFullThatWeFill() {
        node("queue.setGlobalConcurrency", R"("args": [2])");
        settings_.threads = 3;
        settings_.batchSize = 1;
        startWorker(Side::Ours);
        add(Side::Node, "hold");
        eventually("one runs", [&] { return seenByOurs().size() == 1; });
        CPPUNIT_ASSERT(!node("queue.isMaxed").GetBool());
        add(Side::Ours, "hold");
        eventually("two run", [&] { return seenByOurs().size() == 2; });
        CPPUNIT_ASSERT(node("queue.isMaxed").GetBool());
        release(Side::Ours);
        release(Side::Ours);
        eventually("all completed", [&] { return number({"ZCARD", key("completed")}) == 2; });
        CPPUNIT_ASSERT(!node("queue.isMaxed").GetBool());
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
        CPPUNIT_ASSERT_EQUAL(std::string("waiting"), nodeState(next));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, seenByOurs().size());
        // The queue is not empty.
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, countOf("drained"));
        node("queue.resume");
        untilState(next, "completed");
    }
};

namespace {

const SectionSuites<LimitSection> registered(
    "J",
    {STATEMENT(LimitSection, c158_aRateLimitedJobIsInFrontAndUncounted),
     STATEMENT(LimitSection, c160_globalConcurrencyHoldsForBothSides),
     STATEMENT(LimitSection, c161_withoutGlobalConcurrencyTheyRunSideBySide),
     STATEMENT(LimitSection, c162_nodeCallsAQueueFullThatWeFill),
     STATEMENT(LimitSection, c166_whatRunsEndsWhilePausedAndNothingFollows)});

}  // namespace
