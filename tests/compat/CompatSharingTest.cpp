#include <map>

#include <cppunit/extensions/HelperMacros.h>

#include "compat/CompatFixture.h"
#include "support/Assert.h"
#include "support/Patience.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace

/// Consumers of both kinds on one queue, and one of them dying.
class CompatSharing : public CompatFixture {
    CPPUNIT_TEST_SUITE(CompatSharing);
    CPPUNIT_TEST(bothWorkersTogetherRunEachJobOnce);
    CPPUNIT_TEST(nodeRecoversTheJobOfOurDeadWorker);
    CPPUNIT_TEST(ourWorkerRecoversTheJobOfNodesDeadWorker);
    CPPUNIT_TEST(aJobThatStalledTooOftenFailsWhoeverNotices);
    CPPUNIT_TEST(jobsThatDroverHandsBackRunInNodeAtOnce);
    CPPUNIT_TEST_SUITE_END_ABSTRACT();

public:
    void bothWorkersTogetherRunEachJobOnce() {
        constexpr int kPerSide = 1000;
        // Every event is counted below: none may be trimmed.
        node("queue.open", R"("opts": {"streams": {"events": {"maxLen": 1000000}}})");
        settings_.workerName = "cashier";
        settings_.concurrency = 20;
        settings_.batchSize = 4;
        startWorker(Side::Ours);
        startWorker(Side::Node, R"({"name": "clerk", "concurrency": 20})");

        // Small bulks, by turns: so that neither side has all of them before the other side looks.
        std::map<std::string, int> begins;  // Id to how often its handler must begin.
        for (int from = 0; from < kPerSide; from += 20) {
            std::vector<NewJob> jobs;
            std::string nodes;
            for (int i = from; i < from + 20; ++i) {
                const char* const name = i % 4 == 2 ? "flaky" : "mail";
                const std::string opts = i % 4 == 2 ? R"({"attempts":2})"
                                         : i % 4 == 3
                                             ? "{\"delay\":" + std::to_string(1 + i % 100) + "}"
                                         : i % 8 == 1 ? R"({"priority":9})"
                                                      : "{}";
                jobs.push_back(
                    {name, "{\"n\":" + std::to_string(i) + "}", JobOptions::parse(opts)});
                nodes += std::string(nodes.empty() ? "" : ", ") + "{\"name\": \"" + name +
                         "\", \"data\": {\"n\":" + std::to_string(i) + "}, \"opts\": " + opts + "}";
            }
            const int pending = peer().begin(
                "queue.addBulk", "\"queue\": \"" + queueName() + "\", \"args\": [[" + nodes + "]]");
            const auto results =
                queue().addBulk(jobs, std::chrono::steady_clock::now() + seconds(10));
            const auto added = peer().finish(pending);
            for (std::size_t i = 0; i < jobs.size(); ++i) {
                CPPUNIT_ASSERT(results[i].status == AddResult::Status::Added);
                const int times = jobs[i].name == "flaky" ? 2 : 1;
                begins[results[i].id] = times;
                begins[added[static_cast<rapidjson::SizeType>(i)]["id"].GetString()] = times;
            }
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{2 * kPerSide}, begins.size());
        eventually(
            "all completed",
            [&] {
                return number({"ZCARD", key("completed")}) == 2 * kPerSide;
            },
            seconds(60));
        stopWorker(Side::Ours);
        stopWorker(Side::Node);

        std::map<std::string, int> active;
        std::map<std::string, int> completed;
        const Reply entries = redis({"XRANGE", key("events"), "-", "+"});
        for (std::size_t i = 0; i < entries.size(); ++i) {
            const ReplyView fields = entries.at(i).at(1);
            if (fields.at(1).text() == "active") {
                ++active[std::string(fields.at(3).text())];
            } else if (fields.at(1).text() == "completed") {
                ++completed[std::string(fields.at(3).text())];
            }
        }
        std::map<std::string, int> by;
        for (const auto& [id, times] : begins) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE("completed events of job " + id, 1, completed[id]);
            CPPUNIT_ASSERT_EQUAL_MESSAGE("active events of job " + id, times, active[id]);
            ++by[field(id, "pb")];
        }
        CPPUNIT_ASSERT_EQUAL(begins.size(), completed.size());
        CPPUNIT_ASSERT_MESSAGE("ours got none", by["cashier"] > 0);
        CPPUNIT_ASSERT_MESSAGE("Node's got none", by["clerk"] > 0);
        CPPUNIT_ASSERT_EQUAL(2 * kPerSide, by["cashier"] + by["clerk"]);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number({"EXISTS",
                                     key("active"),
                                     key("wait"),
                                     key("delayed"),
                                     key("prioritized"),
                                     key("failed"),
                                     key("stalled")}));
        for (const auto& entry : begins) {
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", key(entry.first + ":lock")}));
        }
    }

    void nodeRecoversTheJobOfOurDeadWorker() {
        subscribe();
        settings_.lockDuration = milliseconds(700);
        startWorker(Side::Ours);
        const std::string id = add(Side::Node, "hold", R"({"seat":7})");
        untilState(id, "active");
        worker_.reset();  // No outcome of the job is stored: its lock stays.
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"EXISTS", key(id + ":lock")}));
        assertEqual("active", nodeState(id));

        const auto killedAt = std::chrono::steady_clock::now();
        startWorker(Side::Node, R"({"stalledInterval": 300})");
        node("worker.wait", "\"worker\": \"w\", \"event\": \"active\", \"job\": \"" + id + "\"");
        const auto took = std::chrono::steady_clock::now() - killedAt;
        CPPUNIT_ASSERT(took < kAtOnce);
        release(Side::Node);
        untilState(id, "completed");
        CPPUNIT_ASSERT_EQUAL(1u,
                             node("worker.seen", R"("worker": "w", "event": "stalled")").Size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, delivered("stalled"));
        const auto job = node("queue.getJob", "\"args\": [\"" + id + "\"]");
        CPPUNIT_ASSERT_EQUAL(2, job["attemptsStarted"].GetInt());
        CPPUNIT_ASSERT_EQUAL(1, job["attemptsMade"].GetInt());
        assertEqual("1", field(id, is548() ? "stalledCounter" : "stc"));
    }

    void ourWorkerRecoversTheJobOfNodesDeadWorker() {
        NodePeer observer(peer().version(), *server_);
        const std::string target = "\"queue\": \"" + queueName() + "\"";
        observer.call("events.subscribe", target);
        startWorker(Side::Node, R"({"lockDuration": 700, "skipStalledCheck": true})");
        const std::string id = add(Side::Ours, "hold", R"({"seat":7})");
        untilState(id, "active");
        peer().kill();

        const auto killedAt = std::chrono::steady_clock::now();
        settings_.stalledInterval = milliseconds(300);
        startWorker(Side::Ours);
        sweep(milliseconds(300), 1);
        eventually("ours has it", [this] { return seenByOurs().size() == 1; });
        const auto took = std::chrono::steady_clock::now() - killedAt;
        CPPUNIT_ASSERT(took < kAtOnce);
        release(Side::Ours);
        observer.call("events.wait", target + ", \"event\": \"completed\", \"job\": " + id);
        CPPUNIT_ASSERT_EQUAL(
            1u, observer.call("events.seen", target + ", \"event\": \"stalled\"").Size());
        const auto job = observer.call("queue.getJob", target + ", \"args\": [\"" + id + "\"]");
        CPPUNIT_ASSERT_EQUAL(2, job["attemptsStarted"].GetInt());
        CPPUNIT_ASSERT_EQUAL(1, job["attemptsMade"].GetInt());
        CPPUNIT_ASSERT_EQUAL(7, job["returnvalue"]["seat"].GetInt());
        if (!is548()) {
            CPPUNIT_ASSERT_EQUAL(1, job["stalledCounter"].GetInt());
        }
        assertEqual("1", field(id, "stc"));
    }

    void aJobThatStalledTooOftenFailsWhoeverNotices() {
        const std::string base = queueName();
        for (const Side checker : {Side::Ours, Side::Node}) {
            useQueue(base + (checker == Side::Ours ? "" : "-node"));
            subscribe();
            settings_.lockDuration = milliseconds(300);
            startWorker(Side::Ours);
            const std::size_t seen = seenByOurs().size();
            const std::string id = add(Side::Node, "hold", "{}", R"({"attempts":3})");
            eventually("it began", [&] { return seenByOurs().size() > seen; });
            worker_.reset();
            if (checker == Side::Ours) {
                sweep(milliseconds(200), 0);
            } else {
                // It checks and claims no job: Drover's check has to end what it noticed.
                node(
                    "worker.start",
                    R"("worker": "w", "opts": {"stalledInterval": 200, "maxStalledCount": 0, "autorun": false})");
                node("worker.startStalledCheckTimer", R"("worker": "w")");
            }
            startWorker(Side::Ours);
            untilState(id, "failed");
            const std::string reason = "job stalled more than allowable limit";
            CPPUNIT_ASSERT_EQUAL(reason, field(id, "failedReason"));
            const auto event =
                node("events.wait", "\"event\": \"failed\", \"job\": \"" + id + "\"");
            assertEqual(reason, event["failedReason"].GetString());
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"HEXISTS", key(id), "defa"}));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", key("active"), key("wait")}));
            worker_.reset();
            sweeper_.reset();
        }
        // Begun once on each queue: no worker ran it again.
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, seenByOurs().size());
    }

    void jobsThatDroverHandsBackRunInNodeAtOnce() {
        settings_.batchSize = 1;
        settings_.unstartedMax = seconds(60);
        startWorker(Side::Ours);
        const std::string held = add(Side::Node, "hold");
        untilState(held, "active");
        const std::string next = add(Side::Ours, "mail");
        untilState(next, "active");  // Claimed ahead by Drover's worker, behind the running job.
        startWorker(Side::Node);
        untilIdle();
        const auto drainedAt = std::chrono::steady_clock::now();
        worker_->drain();
        untilState(next, "completed");
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - drainedAt < milliseconds(4000));
        CPPUNIT_ASSERT_EQUAL(next, joined(begun(Side::Node)));
        assertEqual("1", field(next, "ats"));
        release(Side::Ours);
        eventually("drained", [this] { return worker_->finished(); });
        assertEqual("completed", nodeState(held));
    }

protected:
    using CompatFixture::CompatFixture;
};

class CompatSharing670Test : public CompatSharing {
    CPPUNIT_TEST_SUB_SUITE(CompatSharing670Test, CompatSharing);
    CPPUNIT_TEST_SUITE_END();

public:
    CompatSharing670Test() : CompatSharing("6.7.0") {}
};

class CompatSharing548Test : public CompatSharing {
    CPPUNIT_TEST_SUB_SUITE(CompatSharing548Test, CompatSharing);
    CPPUNIT_TEST_SUITE_END();

public:
    CompatSharing548Test() : CompatSharing("5.48.1") {}
};

CPPUNIT_TEST_SUITE_REGISTRATION(CompatSharing670Test);
CPPUNIT_TEST_SUITE_REGISTRATION(CompatSharing548Test);
