#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace

/// Section D: the marker, by which workers wake each other up.
class WakeUpSection : public Conformance {
public:
    using Conformance::Conformance;

    void c057_ourPlainAddWakesNode() { wakes(Side::Ours, "{}"); }

    void c058_nodesPlainAddWakesOurs() { wakes(Side::Node, "{}"); }

    void c059_prioritizedAddsWakeBoth() {
        wakes(Side::Ours, R"({"priority":3})");
        wakes(Side::Node, R"({"priority":3})");
    }

    void c060_ourDelayedAddWakesNodeWhenItIsDue() { wakes(Side::Ours, R"({"delay":300})", 300); }

    void c061_nodesDelayedAddWakesOursWhenItIsDue() { wakes(Side::Node, R"({"delay":300})", 300); }

    void c062_theMarkerHasTheEarliestDueTime() {
        for (const int delay : {90000, 60000, 120000}) {
            for (const Side producer : kBoth) {
                add(producer, "mail", "{}", "{\"delay\":" + std::to_string(delay) + "}");
                const std::string first = members("delayed").front();
                CPPUNIT_ASSERT_EQUAL(scoreOf("delayed", first) / 4096, scoreOf("marker", "1"));
            }
        }
    }

    void c063_aFetchLeavesAMarker() {
        startWorker(Side::Ours);
        untilAsleep();
        add(Side::Node, "hold");
        eventually("it runs", [&] { return begun(Side::Ours).size() == 1; });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"wait", "prioritized"}));
        // By a fetch that no marker led to: no worker may have popped its own yet.
        release(Side::Ours);
        stopWorker(Side::Ours);
        addJob();
        redis({"DEL", key("marker")});
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, claim(1).size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"wait", "prioritized"}));
        CPPUNIT_ASSERT_EQUAL(0.0, scoreOf("marker", "0"));
    }

    void c064_twoIdleWorkersShareTwoJobs() {
        settings_.concurrency = 1;
        settings_.batchSize = 1;
        startWorker(Side::Ours);
        startWorker(Side::Node);
        untilAsleep(2);
        queue().addBulk({{"hold", "{}", {}}, {"hold", "{}", {}}},
                        std::chrono::steady_clock::now() + seconds(5));
        eventually("each has one", [this] {
            return begun(Side::Ours).size() == 1 && begun(Side::Node).size() == 1;
        });
        release(Side::Ours);
        release(Side::Node);
        untilState("1", "completed");
        untilState("2", "completed");
    }

    void c065_aFutureMarkerMakesUsNeitherEarlyNorBusy() {
        startWorker(Side::Ours);
        untilAsleep();
        const std::string id = add(Side::Node, "mail", "{}", R"({"delay":1200})");
        eventually("the marker is taken", [&] { return existing({"marker"}) == 0; });
        const std::int64_t before = scriptCalls();
        eventually("completed", [&] { return number({"ZCARD", key("completed")}) == 1; });
        CPPUNIT_ASSERT_MESSAGE("busy", scriptCalls() - before < 10);
        expectPrompt(id, 1200);
    }

    void c066_weUseTheTimeOfAMarkerThatWePopped() {
        startWorker(Side::Ours);
        untilAsleep();
        const std::string id = add(Side::Node, "mail", "{}", R"({"delay":700})");
        eventually("the marker is taken", [&] { return existing({"marker"}) == 0; });
        assertEqual("delayed", nodeState(id));
        untilState(id, "completed");
        expectPrompt(id, 700);
    }

    void c067_aDelayedJobFromBeforeTheFirstWorkerRunsOnTime() {
        for (const Side producer : kBoth) {
            const std::string id = add(producer, "mail", "{}", R"({"delay":400})");
            startWorker(otherOf(producer));
            untilState(id, "completed");
            expectPrompt(id, 400);
            stopWorker(otherOf(producer));
        }
    }

    void c068_weSleepAsLongAsTheRulesSay() {
        node("monitor.start");
        settings_.drainDelay = milliseconds(700);
        startWorker(Side::Ours);
        CPPUNIT_ASSERT_DOUBLES_EQUAL(0.7, lastSleep(0), 0.01);
        stopWorker(Side::Ours);

        const rapidjson::SizeType before = sleeps().Size();
        add(Side::Node, "mail", "{}", R"({"delay":60000})");
        startWorker(Side::Ours);
        CPPUNIT_ASSERT_DOUBLES_EQUAL(10.0, lastSleep(before), 0.01);
        stopWorker(Side::Ours);

        const rapidjson::SizeType later = sleeps().Size();
        add(Side::Node, "mail", "{}", R"({"delay":5000})");
        startWorker(Side::Ours);
        const double near = lastSleep(later);
        CPPUNIT_ASSERT_MESSAGE(std::to_string(near) + " s", near > 1 && near <= 5);
    }

    void c074_aMarkerThatIsLostCostsOneDrainDelay() {
        NodePeer thief(peer().version(), *server_);
        for (const Side consumer : kBoth) {
            // The first to sleep gets the marker, and does nothing with it.
            const int stolen =
                thief.begin("keys.call", "\"args\": [\"BZPOPMIN\", \"" + key("marker") + "\", 20]");
            untilAsleep(1);
            settings_.drainDelay = seconds(1);
            startWorker(consumer, R"({"drainDelay": 1})");
            untilAsleep(2);
            const std::string id = add(consumer, "mail");
            assertEqual("0", thief.finish(stolen)[1].GetString());
            untilState(id, "completed");
            const std::int64_t late =
                std::stoll(field(id, "processedOn")) - std::stoll(field(id, "timestamp"));
            CPPUNIT_ASSERT_MESSAGE(std::to_string(late) + " ms late", late < 1000 + 1500);
            stopWorker(consumer);
            redis({"DEL", key("marker")});
        }
    }

    void c075_markersWithAFractionAreUnderstood() {
        startWorker(Side::Ours);
        untilAsleep();
        const std::string opts =
            R"({"delay":400,"timestamp":)" + std::to_string(clock_.wallMs()) + "}";
        const std::string first = add(Side::Node, "mail", "{}", opts);
        const std::string second = add(Side::Node, "mail", "{}", opts);
        redis({"ZREM", key("delayed"), first});
        redis({"DEL", key(first)});
        const double due = scoreOf("delayed", second) / 4096;
        CPPUNIT_ASSERT(due > static_cast<double>(static_cast<std::int64_t>(due)));
        redis({"EVAL",
               "redis.call('ZADD', KEYS[1], ARGV[1] / 4096, '1')",
               "1",
               key("marker"),
               text({"ZSCORE", key("delayed"), second})});
        untilState(second, "completed");
        expectPrompt(second, 400);
    }

    void c076_membersOfOldVersionsInWaitAreDropped() {
        redis({"RPUSH", key("wait"), "0:1795384166452"});
        const std::string id = add(Side::Node, "mail");
        redis({"RPUSH", key("wait"), "0:0"});
        startWorker(Side::Ours);
        untilState(id, "completed");
        untilNothingActive();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"wait", "active", "0:0"}));
        CPPUNIT_ASSERT_EQUAL(id, joined(begun(Side::Ours)));
    }

private:
    /// One side adds, a sleeping worker of the second side has it at once, or when it is due.
    void wakes(Side producer, const std::string& opts, std::int64_t delayMs = 0) {
        startWorker(otherOf(producer));
        untilAsleep();
        const std::string id = add(producer, "mail", "{}", opts);
        untilState(id, "completed");
        expectPrompt(id, delayMs);
        stopWorker(otherOf(producer));
    }

    std::int64_t scriptCalls() {
        const std::string stats = text({"INFO", "commandstats"});
        const std::string label = "cmdstat_evalsha:calls=";
        const std::size_t at = stats.find(label);
        return at == std::string::npos ? 0 : std::stoll(stats.substr(at + label.size()));
    }

    rapidjson::Document sleeps() {
        return peer().call("monitor.seen", "\"command\": \"BZPOPMIN\"");
    }
    /// The timeout of the first sleep after so many.
    double lastSleep(rapidjson::SizeType after) {
        eventually("a worker sleeps", [&] { return sleeps().Size() > after; });
        return std::stod(sleeps()[after][2].GetString());
    }
};

namespace {

const Statements<WakeUpSection> kRegistered(
    {STATEMENT(WakeUpSection, c057_ourPlainAddWakesNode),
     STATEMENT(WakeUpSection, c058_nodesPlainAddWakesOurs),
     STATEMENT(WakeUpSection, c059_prioritizedAddsWakeBoth),
     STATEMENT(WakeUpSection, c060_ourDelayedAddWakesNodeWhenItIsDue),
     STATEMENT(WakeUpSection, c061_nodesDelayedAddWakesOursWhenItIsDue),
     STATEMENT(WakeUpSection, c062_theMarkerHasTheEarliestDueTime),
     STATEMENT(WakeUpSection, c063_aFetchLeavesAMarker),
     STATEMENT(WakeUpSection, c064_twoIdleWorkersShareTwoJobs),
     STATEMENT(WakeUpSection, c065_aFutureMarkerMakesUsNeitherEarlyNorBusy),
     STATEMENT(WakeUpSection, c066_weUseTheTimeOfAMarkerThatWePopped),
     STATEMENT(WakeUpSection, c067_aDelayedJobFromBeforeTheFirstWorkerRunsOnTime),
     STATEMENT(WakeUpSection, c068_weSleepAsLongAsTheRulesSay),
     STATEMENT(WakeUpSection, c074_aMarkerThatIsLostCostsOneDrainDelay),
     STATEMENT(WakeUpSection, c075_markersWithAFractionAreUnderstood),
     STATEMENT(WakeUpSection, c076_membersOfOldVersionsInWaitAreDropped)});

}  // namespace
