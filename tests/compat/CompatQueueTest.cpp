#include <cppunit/extensions/HelperMacros.h>

#include "QueueFamilies.h"
#include "TextFormat.h"
#include "compat/CompatFixture.h"
#include "drover/operate/QueueOverview.h"
#include "support/Assert.h"
#include "support/Exposition.h"
#include "support/Patience.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;

constexpr Side kBoth[] = {Side::Ours, Side::Node};

Side otherOf(Side side) {
    return side == Side::Ours ? Side::Node : Side::Ours;
}

}  // namespace

/// The queue as both sides read it: wake-ups, counts, states, workers, pause, and the retention of finished jobs.
class CompatQueue : public CompatFixture {
    CPPUNIT_TEST_SUITE(CompatQueue);
    CPPUNIT_TEST(aSleepingWorkerWakesAtOnce);
    CPPUNIT_TEST(countsAndStatesAgreeInEveryState);
    CPPUNIT_TEST(theMetricsForPrometheusAreTheSame);
    CPPUNIT_TEST(jobsAreListedInOrder);
    CPPUNIT_TEST(aWorkerWithoutNameIsListedToo);
    CPPUNIT_TEST(ourWorkerTakesNothingWhilePaused);
    CPPUNIT_TEST(finishedJobsAreRemovedAtOnceByTheirOptions);
    CPPUNIT_TEST(onlyTheNewestFinishedJobsAreKept);
    CPPUNIT_TEST(expiredFinishedJobsAreRemoved);
    CPPUNIT_TEST_SUITE_END_ABSTRACT();

public:
    void aSleepingWorkerWakesAtOnce() {
        for (const Side producer : kBoth) {
            const Side consumer = otherOf(producer);
            for (const char* opts : {"{}", R"({"priority":3})"}) {
                startWorker(consumer);
                untilIdle();
                const std::string id = add(producer, "mail", "{}", opts);
                untilState(id, "completed");
                const std::int64_t took =
                    std::stoll(field(id, "processedOn")) - std::stoll(field(id, "timestamp"));
                // Its next poll would be 5 s away.
                CPPUNIT_ASSERT_MESSAGE(std::to_string(took) + " ms", took < 4000);
                stopWorker(consumer);
            }
        }
    }

    void countsAndStatesAgreeInEveryState() {
        expectCounts();
        startWorker(Side::Ours);
        const std::string completed = add(Side::Node, "mail");
        untilState(completed, "completed");
        const std::string failed = add(Side::Ours, "fail");
        untilState(failed, "failed");
        expectCounts();
        const std::string active = add(Side::Node, "hold");
        untilState(active, "active");
        untilBegun(active);
        worker_->quiet(true);
        std::vector<std::string> ids = {completed, failed, active};
        for (const Side producer : kBoth) {
            ids.push_back(add(producer, "mail"));
            ids.push_back(add(producer, "mail", "{}", R"({"delay":60000})"));
            ids.push_back(add(producer, "mail", "{}", R"({"priority":4})"));
        }
        const auto parent =
            peer().call("flow.add",
                        "\"args\": [{\"name\": \"sum\", \"queueName\": \"" + queueName() +
                            "\", \"children\": [{\"name\": \"part\", \"queueName\": \"" +
                            queueName() + "\"}]}]");
        ids.emplace_back(parent.GetString());
        ids.emplace_back("nobody");

        const JobCounts counts = expectCounts();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, counts.waiting);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, counts.active);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, counts.delayed);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, counts.prioritized);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, counts.waitingChildren);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, counts.completed);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, counts.failed);
        for (const std::string& id : ids) {
            assertEqual(nodeState(id), toString(queue().state(id)));
        }
        assertEqual("waiting-children", nodeState(parent.GetString()));
        assertEqual("unknown", nodeState("nobody"));
        release(Side::Ours);
        untilState(active, "completed");
        expectCounts();
    }

    void theMetricsForPrometheusAreTheSame() {
        add(Side::Node, "mail");
        add(Side::Node, "mail", "{}", R"({"delay":60000})");
        add(Side::Node, "mail", "{}", R"({"priority":4})");
        redis({"HSET", key("metrics:completed"), "count", "12", "prevTS", "1", "prevCount", "1"});
        redis({"HSET", key("metrics:failed"), "count", "3", "prevTS", "1", "prevCount", "1"});
        Metrics metrics;
        metrics::addQueues(metrics, QueueOverview(Redis(options())).look({queueName()}, false));
        const Exposition ours = Exposition::parse(metrics::textOf(metrics));
        const Exposition theirs = Exposition::parse(
            std::string(node("queue.exportPrometheusMetrics").GetString()) + "\n");
        assertEqual("", theirs.problemText());
        std::size_t compared = 0;
        for (const auto& [name, family] : theirs.families) {
            CPPUNIT_ASSERT_MESSAGE(name, ours.families.count(name) == 1);
            assertEqual(family.help, ours.families.at(name).help);
            assertEqual(family.type, ours.families.at(name).type);
            // 6.x has no list of paused jobs, and 5.x has.
            const std::size_t paused = name == "bullmq_job_count" && !is548() ? 1 : 0;
            CPPUNIT_ASSERT_EQUAL(family.series.size() + paused,
                                 ours.families.at(name).series.size());
            for (const auto& series : family.series) {
                CPPUNIT_ASSERT_EQUAL_MESSAGE(
                    name, series.value, ours.value(series.name, series.labels));
                ++compared;
            }
        }
        CPPUNIT_ASSERT(compared >= 8);
    }

    void jobsAreListedInOrder() {
        std::vector<std::string> waiting;
        std::vector<std::string> delayed;
        for (int i = 0; i < 6; ++i) {
            const Side producer = i % 2 == 0 ? Side::Ours : Side::Node;
            waiting.push_back(add(producer, "mail"));
            delayed.push_back(add(
                producer, "mail", "{}", "{\"delay\":" + std::to_string(60000 + 1000 * i) + "}"));
        }
        CPPUNIT_ASSERT_EQUAL(joined(waiting), listed("waiting", true));
        CPPUNIT_ASSERT_EQUAL(joined(delayed), listed("delayed", true));
        startWorker(Side::Ours);
        eventually("all done", [&] { return number({"ZCARD", key("completed")}) == 6; });
        CPPUNIT_ASSERT_EQUAL(std::string(), listed("waiting", true));

        // Jobs that end in one millisecond have no order: one at a time.
        useQueue(queueName() + "-finished");
        worker_.reset();
        startWorker(Side::Ours);
        std::vector<std::string> done;
        for (int i = 0; i < 6; ++i) {
            done.push_back(run(Side::Node, "mail", "{}"));
        }
        CPPUNIT_ASSERT_EQUAL(joined(done), listed("completed", true));
        CPPUNIT_ASSERT_EQUAL(joined({done.rbegin(), done.rend()}), listed("completed", false));
    }

    void aWorkerWithoutNameIsListedToo() {
        startWorker(Side::Ours);
        untilIdle();
        rapidjson::Document workers;
        // In a cluster 5.48.1 asks one node, which it draws by lot.
        eventually("the worker is listed", [&] {
            workers = node("queue.getWorkers");
            return workers.Size() > 0;
        });
        CPPUNIT_ASSERT_EQUAL(1u, workers.Size());
        assertLacks(std::string(workers[0]["rawname"].GetString()), ":w:");
    }

    void ourWorkerTakesNothingWhilePaused() {
        std::vector<std::string> ids;
        for (const Side producer : kBoth) {
            ids.push_back(add(producer, "mail"));
            ids.push_back(add(producer, "mail", "{}", R"({"priority":2})"));
        }
        node("queue.pause");
        CPPUNIT_ASSERT(node("queue.isPaused").GetBool());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", key("marker")}));
        if (!is548()) {
            // That version has moved the list away: an add of Drover would not follow it.
            ids.push_back(add(Side::Ours, "mail"));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", key("marker")}));
        }
        expectCounts();
        settings_.drainDelay = std::chrono::seconds(90);
        startWorker(Side::Ours);
        untilIdle();  // It has looked, then.
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, worker_->stats().claimed);
        for (const std::string& id : ids) {
            assertEqual(nodeState(id), toString(queue().state(id)));
            CPPUNIT_ASSERT(nodeState(id) == "waiting" || nodeState(id) == "prioritized");
        }
        if (!is548()) {
            // Due jobs leave delayed all the same, and go no further.
            ids.push_back(add(Side::Node, "mail", "{}", R"({"delay":50})"));
            untilState(ids.back(), "waiting");
            CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, worker_->stats().claimed);
        }
        untilIdle();
        const auto resumedAt = std::chrono::steady_clock::now();
        node("queue.resume");
        for (const std::string& id : ids) {
            untilState(id, "completed");
        }
        // Its next poll would be a minute and a half away.
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - resumedAt < kAtOnce);
        CPPUNIT_ASSERT_EQUAL(ids.size(), seenByOurs().size());
    }

    void finishedJobsAreRemovedAtOnceByTheirOptions() {
        subscribe();
        for (const Side consumer : kBoth) {
            startWorker(consumer);
            const std::string id =
                add(otherOf(consumer), "mail", R"({"seat":7})", R"({"removeOnComplete":true})");
            const auto event =
                node("events.wait", "\"event\": \"completed\", \"job\": \"" + id + "\"");
            assertEqual(R"({"seat":7})", textOf(event["returnvalue"]));
            const std::string failing =
                add(otherOf(consumer), "fail", "{}", R"({"removeOnFail":true})");
            node("events.wait", "\"event\": \"failed\", \"job\": \"" + failing + "\"");
            untilNothingActive();
            assertEqual("no such job", jobJson(id));
            assertEqual("no such job", jobJson(failing));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                                 number({"EXISTS",
                                         key(id),
                                         key(id + ":lock"),
                                         key(failing),
                                         key("completed"),
                                         key("failed")}));
            stopWorker(consumer);
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, delivered("removed"));
    }

    void onlyTheNewestFinishedJobsAreKept() {
        // Each side finishes some jobs of one row: the count is the queue's.
        for (const char* name : {"mail", "fail"}) {
            std::vector<std::string> ids;
            for (const Side consumer : kBoth) {
                startWorker(consumer);
                for (int i = 0; i < 3; ++i) {
                    ids.push_back(run(otherOf(consumer),
                                      name,
                                      R"({"removeOnComplete":2,"removeOnFail":{"count":4}})"));
                }
                stopWorker(consumer);
            }
            const std::size_t kept = std::string(name) == "mail" ? 2 : 4;
            const std::vector<std::string> newest(ids.end() - static_cast<std::ptrdiff_t>(kept),
                                                  ids.end());
            const char* state = kept == 2 ? "completed" : "failed";
            CPPUNIT_ASSERT_EQUAL(joined(newest), listed(state, true));
            for (std::size_t i = 0; i + kept < ids.size(); ++i) {
                assertEqual("no such job", jobJson(ids[i]));
            }
        }
    }

    void expiredFinishedJobsAreRemoved() {
        for (const Side consumer : kBoth) {
            startWorker(consumer);
            const std::string old = add(otherOf(consumer), "mail");
            untilState(old, "completed");
            stopWorker(consumer);
            startWorker(otherOf(consumer));
            const std::string opts = R"({"delay":1100,"removeOnComplete":{"age":1}})";
            const std::string next = add(consumer, "mail", "{}", opts);
            untilState(next, "completed");
            assertEqual("no such job", jobJson(old));
            stopWorker(otherOf(consumer));
        }
    }

protected:
    using CompatFixture::CompatFixture;

private:
    /// Compares the counts of both sides; returns Drover's.
    JobCounts expectCounts() {
        const JobCounts ours = queue().counts();
        const auto nodes = node("queue.getJobCounts");
        CPPUNIT_ASSERT_EQUAL(nodes["waiting"].GetInt64(), ours.waiting);
        CPPUNIT_ASSERT_EQUAL(nodes["active"].GetInt64(), ours.active);
        CPPUNIT_ASSERT_EQUAL(nodes["delayed"].GetInt64(), ours.delayed);
        CPPUNIT_ASSERT_EQUAL(nodes["prioritized"].GetInt64(), ours.prioritized);
        CPPUNIT_ASSERT_EQUAL(nodes["waiting-children"].GetInt64(), ours.waitingChildren);
        CPPUNIT_ASSERT_EQUAL(nodes["completed"].GetInt64(), ours.completed);
        CPPUNIT_ASSERT_EQUAL(nodes["failed"].GetInt64(), ours.failed);
        if (is548()) {
            CPPUNIT_ASSERT_EQUAL(nodes["paused"].GetInt64(), ours.paused);
        }
        return ours;
    }

    /// Ids of getJobs([state], 0, -1, ascending).
    std::string listed(const std::string& state, bool ascending) {
        const auto jobs =
            node("queue.getJobs",
                 "\"args\": [[\"" + state + "\"], 0, -1, " + (ascending ? "true" : "false") + "]");
        std::vector<std::string> ids;
        for (const auto& job : jobs.GetArray()) {
            ids.emplace_back(job["id"].GetString());
        }
        return joined(ids);
    }

    /// Adds a job and waits until it has ended, and until another one would end in a later millisecond.
    std::string run(Side producer, const std::string& name, const std::string& opts) {
        const std::string id = add(producer, name, "{}", opts);
        eventually("finished", [&] {
            const std::string state = nodeState(id);
            return state == "completed" || state == "failed";
        });
        const std::int64_t finishedOn = std::stoll(field(id, "finishedOn"));
        eventually("the clock moved", [&] { return clock_.wallMs() > finishedOn; });
        return id;
    }
};

class CompatQueue670Test : public CompatQueue {
    CPPUNIT_TEST_SUB_SUITE(CompatQueue670Test, CompatQueue);
    CPPUNIT_TEST_SUITE_END();

public:
    CompatQueue670Test() : CompatQueue("6.7.0") {}
};

class CompatQueue548Test : public CompatQueue {
    CPPUNIT_TEST_SUB_SUITE(CompatQueue548Test, CompatQueue);
    CPPUNIT_TEST_SUITE_END();

public:
    CompatQueue548Test() : CompatQueue("5.48.1") {}
};

CPPUNIT_TEST_SUITE_REGISTRATION(CompatQueue670Test);
CPPUNIT_TEST_SUITE_REGISTRATION(CompatQueue548Test);
