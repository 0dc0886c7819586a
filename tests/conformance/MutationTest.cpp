#include <algorithm>
#include <atomic>

#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "drover/JobResults.h"
#include "drover/QueueEvents.h"
#include "queue/ops/JobUpdates.h"
#include "queue/ops/Locks.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;
using Strings = std::vector<std::string>;

}  // namespace

/// Section L: writes of a handler into its job while it runs, and our jobs after maintenance by Node.
class MutationSection : public Conformance {
public:
    using Conformance::Conformance;

    void c185_nodeReadsTheDataThatWeUpdate() {
        behaviours_["change"] = [](RunningJob& job) {
            CPPUNIT_ASSERT(job.updateData(R"({"n": 2, "seats": [1e3]})") == HostStatus::Ok);
            job.setOutcome({JobOutcome::Kind::Failed, "again", "", 0});
        };
        startWorker(Side::Ours);
        const std::string id = run(Side::Node, "change", R"({"n":1})");
        assertEqual(R"({"n": 2, "seats": [1e3]})", field(id, "data"));
        rapidjson::Document job;
        job.Parse(jobJson(id).c_str());
        assertEqual(R"({"n":2,"seats":[1000]})", textOf(job["data"]));
        CPPUNIT_ASSERT_EQUAL(-1, ops::updateData(ours(), client(), "none", "{}"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"none"}));
    }

    void c186_progressIsAnyJsonValue() {
        subscribe();
        std::string progress;
        behaviours_["report"] = [&](RunningJob& job) {
            CPPUNIT_ASSERT(job.updateProgress(progress) == HostStatus::Ok);
            job.setOutcome({JobOutcome::Kind::Completed, "{}", "", 0});
        };
        startWorker(Side::Ours);
        for (const char* value : {"42", R"({"done":[1,2]})", R"("half")", "null"}) {
            progress = value;
            const std::string id = run(Side::Node, "report");
            const auto event = node("events.wait", R"("event": "progress", "job": ")" + id + "\"");
            CPPUNIT_ASSERT_EQUAL(progress, textOf(event["data"]));
            // Node shows it as it shows its own: 6.7.0 shows null as 0.
            const std::string json = jobJson(id);
            if (progress != "null") {
                rapidjson::Document job;
                job.Parse(json.c_str());
                CPPUNIT_ASSERT_EQUAL(progress, textOf(job["progress"]));
            }
            node("job.updateProgress", "\"job\": \"" + id + "\", \"args\": [" + progress + "]");
            CPPUNIT_ASSERT_EQUAL(progress, field(id, "progress"));
            CPPUNIT_ASSERT_EQUAL(json, jobJson(id));
        }
    }

    void c187_nodeReadsOurLogRows() {
        behaviours_["tell"] = [](RunningJob& job) {
            for (const char* row : {"one", "two \n lines", "three"}) {
                CPPUNIT_ASSERT(job.addLog(row) == HostStatus::Ok);
            }
            job.setOutcome({JobOutcome::Kind::Completed, "{}", "", 0});
        };
        startWorker(Side::Ours);
        for (const bool all : {true, false}) {
            const std::string id = run(Side::Node, "tell", "{}", all ? "{}" : R"({"keepLogs":2})");
            const auto logs = node("queue.getJobLogs", "\"args\": [\"" + id + "\"]");
            CPPUNIT_ASSERT_EQUAL(
                std::string(all ? R"({"logs":["one","two \n lines","three"],"count":3})"
                                : R"({"logs":["two \n lines","three"],"count":2})"),
                textOf(logs));
        }
    }

    void c201_nodesSweepOfOrphansRemovesNoneOfOurs() {
        share(Bullmq5::On);
        Strings ids;
        settings_.concurrency = 2;
        startWorker(Side::Ours);
        keepLocks(options());
        weCheck(60000);
        ids.push_back(run(Side::Ours, "mail"));
        ids.push_back(run(Side::Ours, "fail"));
        ids.push_back(add(Side::Ours, "hold", "{}", R"({"jobId":"held:by:us"})"));
        untilState(ids.back(), "active");
        untilBegun(ids.back());
        worker_->quiet(true);
        CPPUNIT_ASSERT(ops::cancelJob(ours(), client(), ids[0]) == CancelRequest::NotHeld);
        ids.push_back(add(Side::Ours, "mail"));
        ids.push_back(add(Side::Ours, "mail", "{}", R"({"priority":2})"));
        ids.push_back(add(Side::Ours, "mail", "{}", R"({"delay":60000})"));
        eventually("swept", [&] {
            return existing({"drover:rescue", "drover:rescue-shared"}) == 1;
        });
        redis({"HSET", key("drover:cancel"), ids[0], "nobody"});
        const Strings before = suffixes();
        CPPUNIT_ASSERT_EQUAL(0, node("queue.removeOrphanedJobs").GetInt());
        CPPUNIT_ASSERT_EQUAL(joined(before), joined(suffixes()));
        redis({"DEL", key("drover:cancel")});
        release(Side::Ours);
        worker_->quiet(false);
        eventually("they ran", [&] { return number({"ZCARD", key("completed")}) == 4; });
    }

    void c202_pagesHaveNodesOrder() {
        queue().pause();
        for (int i = 0; i < 12; ++i) {
            add(i % 2 == 0 ? Side::Ours : Side::Node, "mail");
        }
        for (const int priority : {3, 1, 2, 1}) {
            add(Side::Ours, "mail", "{}", R"({"priority":)" + std::to_string(priority) + "}");
        }
        for (const int delay : {70000, 60000, 80000}) {
            add(Side::Ours, "mail", "{}", R"({"delay":)" + std::to_string(delay) + "}");
        }
        CPPUNIT_ASSERT((ourPage(JobState::Waiting, {0, 9, PageRange::Order::Descending}) ==
                        Strings{"12", "11", "10", "9", "8", "7", "6", "5", "4", "3"}));
        expectSamePages({JobState::Waiting, JobState::Prioritized, JobState::Delayed});
        queue().resume();
        startWorker(Side::Ours);
        eventually("done", [&] { return queue().counts().completed == 16; });
        for (int i = 0; i < 3; ++i) {
            run(Side::Node, "fail", "{}", R"({"attempts":1})");
        }
        expectSamePages({JobState::Completed, JobState::Failed});
        // The getters of one state have orders of their own.
        const std::pair<const char*, JobState> ascending[] = {{"getWaiting", JobState::Waiting},
                                                              {"getDelayed", JobState::Delayed}};
        for (const auto& [getter, state] : ascending) {
            CPPUNIT_ASSERT_EQUAL(joined(nodePage(std::string("queue.") + getter, "")),
                                 joined(ourPage(state, {0, -1, PageRange::Order::Ascending})));
        }
        const std::pair<const char*, JobState> descending[] = {
            {"getCompleted", JobState::Completed}, {"getFailed", JobState::Failed}};
        for (const auto& [getter, state] : descending) {
            CPPUNIT_ASSERT_EQUAL(joined(nodePage(std::string("queue.") + getter, "")),
                                 joined(ourPage(state, {})));
        }
        if (!is670()) {
            // A queue that 5.x has paused.
            stopWorker(Side::Ours);
            node("queue.pause");
            share(Bullmq5::On);
            add(Side::Node, "mail");
            add(Side::Ours, "mail");
            CPPUNIT_ASSERT_EQUAL(std::size_t{2}, ourPage(JobState::Waiting, {}).size());
            expectSamePages({JobState::Waiting});
        }
    }

    void c203_countsAgreeInEveryState() {
        for (int i = 0; i < 3; ++i) {
            add(Side::Ours, "hold");
        }
        add(Side::Ours, "mail", "{}", R"({"delay":60000})");
        add(Side::Ours, "mail", "{}", R"({"priority":4})");
        settings_.concurrency = 2;
        startWorker(Side::Ours);
        eventually("held", [&] { return queue().counts().active == 2; });
        expectSameCounts();
        queue().pause();
        expectSameCounts();
        for (int i = 0; i < 3; ++i) {
            release(Side::Ours);
        }
        queue().resume();
        run(Side::Node, "fail", "{}", R"({"attempts":1})");
        peer().call("flow.add",
                    "\"args\": [{\"name\": \"sum\", \"queueName\": \"" + queueName() +
                        "\", \"children\": [{\"name\": \"part\", \"queueName\": \"" + queueName() +
                        "\", \"opts\": {\"delay\": 60000}}]}]");
        eventually("ended", [&] { return queue().counts().completed == 4; });
        const JobCounts counts = queue().counts();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, counts.failed);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, counts.waitingChildren);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, counts.delayed);
        expectSameCounts();
        if (!is670()) {
            stopWorker(Side::Ours);
            share(Bullmq5::On);
            queue().pause();
            add(Side::Node, "mail");
            add(Side::Ours, "mail");
            CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, queue().counts().paused);
            CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, queue().count({JobState::Waiting}));
            expectSameCounts();
        }
    }

    void c204_readersSurviveTrimEvents() {
        const std::string id = add(Side::Ours, "hold", "{}", R"({"removeOnComplete":true})");
        JobResults results(handleOf(options()),
                           {"bull", queueName(), std::chrono::milliseconds(500)});
        std::atomic<int> completed{0};
        QueueEvents reader(
            handleOf(options()), {.name = queueName()}, [&](const QueueEvent& event) {
                completed += event.type == QueueEvent::Type::Completed ? 1 : 0;
            });
        CPPUNIT_ASSERT(reader.waitUntilReady(std::chrono::seconds(10)));
        std::atomic<bool> ended{false};
        JobEnd end;
        results.whenFinished(
            id, JobResults::Clock::now() + std::chrono::seconds(20), [&](const JobEnd& found) {
                end = found;
                ended = true;
            });
        startWorker(Side::Ours);
        untilBegun(id);
        node("queue.trimEvents", "\"args\": [0]");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"XLEN", key("events")}));
        release(Side::Ours);
        eventually("ended", [&] { return ended.load(); });
        CPPUNIT_ASSERT(end.status == JobEnd::Status::Completed);
        eventually("delivered", [&] { return completed == 1; });
        const std::string next = run(Side::Ours, "mail");
        eventually("delivered", [&] { return completed == 2; });
        CPPUNIT_ASSERT(queue().ended(next)->status == JobEnd::Status::Completed);
    }

private:
    Strings ourPage(JobState state, const PageRange& range) {
        Strings ids;
        for (const Job& job : queue().jobs({state}, range).jobs) {
            ids.push_back(job.id);
        }
        return ids;
    }
    Strings nodePage(const std::string& operation, const std::string& args) {
        Strings ids;
        const auto jobs = node(operation, "\"args\": [" + args + "]");
        for (const auto& job : jobs.GetArray()) {
            ids.emplace_back(job["id"].GetString());
        }
        return ids;
    }
    /// Pages of each state, in both orders, are those of Node's getJobs().
    void expectSamePages(const std::vector<JobState>& states) {
        const std::pair<std::int64_t, std::int64_t> ranges[] = {{0, 9}, {1, 2}, {2, 99}, {0, -1}};
        for (const JobState state : states) {
            for (const auto& [start, end] : ranges) {
                for (const bool ascending : {true, false}) {
                    const std::string args = "[\"" + std::string(toString(state)) + "\"], " +
                                             std::to_string(start) + ", " + std::to_string(end) +
                                             (ascending ? ", true" : ", false");
                    CPPUNIT_ASSERT_EQUAL_MESSAGE(
                        args,
                        joined(nodePage("queue.getJobs", args)),
                        joined(ourPage(state,
                                       {start,
                                        end,
                                        ascending ? PageRange::Order::Ascending
                                                  : PageRange::Order::Descending})));
                }
            }
        }
    }
    void expectSameCounts() {
        const auto counts = node("queue.getJobCounts");
        const JobCounts ours = queue().counts();
        const std::pair<const char*, std::int64_t> all[] = {
            {"waiting", ours.waiting},
            {"active", ours.active},
            {"delayed", ours.delayed},
            {"prioritized", ours.prioritized},
            {"waiting-children", ours.waitingChildren},
            {"completed", ours.completed},
            {"failed", ours.failed}};
        for (const auto& [state, count] : all) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(state, counts[state].GetInt64(), count);
        }
        CPPUNIT_ASSERT_EQUAL(!is670(), counts.HasMember("paused"));
        if (!is670()) {
            CPPUNIT_ASSERT_EQUAL(counts["paused"].GetInt64(), ours.paused);
        }
    }
    /// Every key of the queue.
};

namespace {

const Statements<MutationSection> kRegistered(
    {STATEMENT(MutationSection, c185_nodeReadsTheDataThatWeUpdate),
     STATEMENT(MutationSection, c186_progressIsAnyJsonValue),
     STATEMENT(MutationSection, c187_nodeReadsOurLogRows),
     STATEMENT(MutationSection, c201_nodesSweepOfOrphansRemovesNoneOfOurs),
     STATEMENT(MutationSection, c202_pagesHaveNodesOrder),
     STATEMENT(MutationSection, c203_countsAgreeInEveryState),
     STATEMENT(MutationSection, c204_readersSurviveTrimEvents)});

}  // namespace
