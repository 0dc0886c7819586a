#include <algorithm>

#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
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

private:
    /// Every key of the queue.
    Strings suffixes() {
        Strings names;
        const Reply keys = redis({"KEYS", key("*")});
        for (std::size_t i = 0; i < keys.size(); ++i) {
            names.emplace_back(keys.at(i).text().substr(key("").size()));
        }
        std::sort(names.begin(), names.end());
        return names;
    }
};

namespace {

const Statements<MutationSection> kRegistered(
    {STATEMENT(MutationSection, c185_nodeReadsTheDataThatWeUpdate),
     STATEMENT(MutationSection, c186_progressIsAnyJsonValue),
     STATEMENT(MutationSection, c187_nodeReadsOurLogRows),
     STATEMENT(MutationSection, c201_nodesSweepOfOrphansRemovesNoneOfOurs)});

}  // namespace
