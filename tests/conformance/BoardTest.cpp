#include <set>

#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "drover/FlowProducer.h"
#include "drover/JobSchedulers.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;

constexpr const char* kOneQueue = "/api/queues/:queueName/";
constexpr const char* kOneJob = "/api/queues/:queueName/:jobId/";

}  // namespace

/// Section P: Bull Board over our queue. Its own handlers answer the requests of its page, with BullMQ of the version.
class BoardSection : public Conformance {
public:
    using Conformance::Conformance;

    void c259_countsPauseAndWorkersAreShown() {
        addOfEachKind();
        rapidjson::Document shown = ourQueue();
        CPPUNIT_ASSERT(!shown["isPaused"].GetBool());
        CPPUNIT_ASSERT(!shown["hasWorkers"].GetBool());
        expectCounts(shown);
        settings_.workerName = "blue";
        settings_.concurrency = 1;
        startWorker(Side::Ours);
        eventually("held", [&] { return queue().counts().active == 1; });
        queue().pause();
        shown = ourQueue();
        CPPUNIT_ASSERT(shown["isPaused"].GetBool());
        CPPUNIT_ASSERT(shown["hasWorkers"].GetBool());
        expectCounts(shown);
        const rapidjson::Document workers = ask("get", std::string(kOneQueue) + "workers");
        CPPUNIT_ASSERT_EQUAL(1U, workers["workers"].Size());
        assertEqual("blue", workers["workers"][0]["name"].GetString());
        release(Side::Ours);
    }

    void c260_thePageOfAJobIsWhole() {
        behaviours_["tell"] = [](RunningJob& job) {
            CPPUNIT_ASSERT(job.addLog("first row") == HostStatus::Ok);
            CPPUNIT_ASSERT(job.addLog("second row") == HostStatus::Ok);
            CPPUNIT_ASSERT(job.updateProgress(R"({"half":true})") == HostStatus::Ok);
            const bool again = job.job().attemptsMade == 0;
            job.setOutcome({again ? JobOutcome::Kind::Failed : JobOutcome::Kind::Completed,
                            again ? "no seats" : R"({"seat":12})",
                            "",
                            0});
        };
        settings_.workerName = "blue";
        startWorker(Side::Ours);
        const std::string id =
            run(Side::Ours, "tell", R"({"to":7})", R"({"attempts":2,"priority":3})");
        const rapidjson::Document page = ask("get", "/api/queues/:queueName/:jobId", id);
        assertEqual("completed", page["status"].GetString());
        const auto& job = page["job"];
        assertEqual(id, job["id"].GetString());
        assertEqual("tell", job["name"].GetString());
        assertEqual(R"({"to":7})", textOf(job["data"]));
        assertEqual(R"({"attempts":2,"priority":3})", textOf(job["opts"]));
        assertEqual(R"({"half":true})", textOf(job["progress"]));
        assertEqual(R"({"seat":12})", textOf(job["returnValue"]));
        CPPUNIT_ASSERT_EQUAL(2, job["attempts"].GetInt());
        assertEqual("no seats", job["failedReason"].GetString());
        CPPUNIT_ASSERT(job["isFailed"].GetBool());
        CPPUNIT_ASSERT_EQUAL(1U, job["stacktrace"].Size());
        assertContains(job["stacktrace"][0].GetString(), "no seats");
        assertEqual("blue", job["processedBy"].GetString());
        for (const char* time : {"timestamp", "processedOn", "finishedOn"}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                time, std::stoll(field(id, time)), static_cast<long long>(job[time].GetInt64()));
        }
        assertEqual(R"(["first row","second row","first row","second row"])",
                    textOf(ask("get", std::string(kOneJob) + "logs", id)));
    }

    void c261_buttonsActOnOurJobs() {
        startWorker(Side::Ours);
        const std::string flaky = run(Side::Ours, "flaky", "{}", R"({"attempts":1})");
        CPPUNIT_ASSERT(queue().state(flaky) == JobState::Failed);
        ask("put", std::string(kOneJob) + "retry", flaky);
        untilState(flaky, "completed");
        const std::string delayed = add(Side::Ours, "mail", "{}", R"({"delay":600000})");
        ask("put", std::string(kOneJob) + "promote", delayed);
        untilState(delayed, "completed");
        ask("put", std::string(kOneJob) + "clean", delayed);
        CPPUNIT_ASSERT(queue().state(delayed) == JobState::Unknown);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({delayed}));
        run(Side::Ours, "fail", "{}", R"({"attempts":1})");
        const rapidjson::Document retried = ask(
            "put", std::string(kOneQueue) + "retry/:queueStatus", "", R"("queueStatus":"failed")");
        CPPUNIT_ASSERT_EQUAL(1, retried["retried"].GetInt());
        eventually("failed again", [&] { return queue().counts().failed == 1; });

        // The board cleans jobs that ended five seconds ago or earlier.
        const std::string old = std::to_string(clock_.wallMs() - 60000);
        redis({"ZADD", key("completed"), old, flaky});
        redis({"HSET", key(flaky), "finishedOn", old, "timestamp", old});
        ask("put",
            std::string(kOneQueue) + "clean/:queueStatus",
            "",
            R"("queueStatus":"completed")");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({flaky}));

        ask("put", std::string(kOneQueue) + "pause");
        CPPUNIT_ASSERT(queue().isPaused());
        const std::string waiting = add(Side::Ours, "mail");
        ask("put", std::string(kOneQueue) + "resume");
        CPPUNIT_ASSERT(!queue().isPaused());
        untilState(waiting, "completed");

        ask("put", std::string(kOneQueue) + "pause");
        stopWorker(Side::Ours);
        add(Side::Ours, "mail");
        add(Side::Ours, "mail", "{}", R"({"priority":2})");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2},
                             queue().count({JobState::Waiting, JobState::Prioritized}));
        ask("put", std::string(kOneQueue) + "empty");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             queue().count({JobState::Waiting, JobState::Prioritized}));
        add(Side::Ours, "mail");
        ask("put", std::string(kOneQueue) + "obliterate", "", "", R"({"force":false})");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"meta", "wait", "paused", "failed", "id"}));
    }

    void c262_aJobFromTheBoardIsRunByOurs() {
        startWorker(Side::Ours);
        const rapidjson::Document added =
            ask("post",
                std::string(kOneQueue) + "add",
                "",
                "",
                R"({"name":"mail","data":{"to":7},"options":{"attempts":3,"priority":2}})");
        const std::string id = added["job"]["id"].GetString();
        untilState(id, "completed");
        const std::vector<SeenJob> seen = seenByOurs();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, seen.size());
        assertEqual("mail", seen[0].name);
        assertEqual(R"({"to":7})", seen[0].data);
    }

    void c263_theFlowOfAJobIsShown() {
        FlowProducer producer(handleOf(options()), {"bull", bullmq5_});
        FlowJob flow;
        flow.queue = queueName();
        flow.job.name = "sum";
        for (const char* name : {"mail", "fail"}) {
            FlowJob child;
            child.queue = queueName();
            child.job.name = name;
            child.job.opts.attempts = 1;
            flow.children.push_back(child);
        }
        const FlowResult added = producer.add(flow);
        CPPUNIT_ASSERT_MESSAGE(added.message, added.status == AddResult::Status::Added);
        const std::string root = added.tree.job->id;
        const std::string child = added.tree.children.at(0).job->id;
        // From a child up to the root, and down again.
        const rapidjson::Document shown = ask("get", std::string(kOneJob) + "flow", child);
        CPPUNIT_ASSERT(shown["isFlowNode"].GetBool());
        assertEqual(child, shown["nodeId"].GetString());
        const auto& tree = shown["flowRoot"];
        assertEqual(root, tree["id"].GetString());
        assertEqual("sum", tree["name"].GetString());
        assertEqual("waiting-children", tree["state"].GetString());
        CPPUNIT_ASSERT_EQUAL(2U, tree["children"].Size());
        std::set<std::string> names;
        for (const auto& one : tree["children"].GetArray()) {
            names.insert(one["name"].GetString());
            assertEqual("waiting", one["state"].GetString());
        }
        CPPUNIT_ASSERT((names == std::set<std::string>{"mail", "fail"}));
    }

    void c264_schedulersAreShownEditedRunAndRemoved() {
        JobSchedulers schedulers(handleOf(options()), {"bull", queueName(), bullmq5_});
        JobTemplate jobs;
        jobs.name = "mail";
        jobs.data = R"({"to":7})";
        const auto first = schedulers.upsert(
            "tick", RepeatOptions::parse(R"({"pattern":"0 0 3 1 1 *","tz":"UTC"})"), jobs);
        const rapidjson::Document list = ask("get", "/api/job-schedulers");
        CPPUNIT_ASSERT_EQUAL(1U, list["schedulers"].Size());
        const auto& shown = list["schedulers"][0];
        assertEqual(queueName(), shown["queueName"].GetString());
        assertEqual("mail", shown["name"].GetString());
        assertEqual("0 0 3 1 1 *", shown["pattern"].GetString());
        CPPUNIT_ASSERT_EQUAL(first->dueMs, shown["next"].GetInt64());

        const std::string one = std::string(kOneQueue) + "job-schedulers/:schedulerId";
        const std::string tick = R"("schedulerId":"tick")";
        ask("patch", one, "", tick, R"({"every":3600000})");
        CPPUNIT_ASSERT(schedulers.get("tick")->repeat.every == std::chrono::hours(1));
        startWorker(Side::Ours);
        const rapidjson::Document ran = ask("put", one + "/run", "", tick);
        const std::string id = ran["job"]["id"].GetString();
        untilState(id, "completed");
        assertEqual(R"({"to":7})", field(id, "data"));
        eventually("the edited scheduler ran as well",
                   [&] { return queue().counts().completed == 2; });
        ask("put", one + "/remove", "", tick);
        CPPUNIT_ASSERT(!schedulers.get("tick"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, queue().counts().delayed);
    }

    void c265_metricsAreShown() {
        settings_.metricsPoints = 10;
        startWorker(Side::Ours);
        run(Side::Ours, "mail");
        // The last end was two minutes ago: the next one makes points.
        redis({"HINCRBY", key("metrics:completed"), "prevTS", "-120000"});
        run(Side::Ours, "mail");
        run(Side::Ours, "fail", "{}", R"({"attempts":1})");
        const rapidjson::Document shown = ask("get", std::string(kOneQueue) + "metrics");
        const auto& completed = shown["completed"];
        CPPUNIT_ASSERT_EQUAL(2U, completed["data"].Size());
        // Our own reader has the same.
        const QueueMetrics ours = queue().metrics(JobState::Completed);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, ours.count);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, ours.points);
        for (unsigned i = 0; i < 2; ++i) {
            CPPUNIT_ASSERT_EQUAL(ours.endsPerMinute[i], completed["data"][i].GetInt64());
        }
        CPPUNIT_ASSERT(textOf(completed["meta"]["count"]).find('2') != std::string::npos);
        CPPUNIT_ASSERT(textOf(shown["failed"]["meta"]["count"]).find('1') != std::string::npos);
    }

    void c266_limitsOfTheBoardAreObeyed() {
        ask("put", std::string(kOneQueue) + "concurrency", "", "", R"({"concurrency":1})");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, *queue().meta().concurrency);
        const std::string first = add(Side::Ours, "hold");
        const std::string second = add(Side::Ours, "hold");
        settings_.concurrency = 2;
        startWorker(Side::Ours);
        eventually("held", [&] { return queue().counts().active == 1; });
        CPPUNIT_ASSERT(queue().isMaxed());
        untilBegun(first);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, queue().counts().waiting);
        release(Side::Ours);
        untilBegun(second);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, queue().counts().completed);
        release(Side::Ours);
        eventually("done", [&] { return queue().counts().completed == 2; });
        ask("put", std::string(kOneQueue) + "concurrency", "", "", R"({"concurrency":0})");
        CPPUNIT_ASSERT(!queue().meta().concurrency);

        if (!is548()) {
            ask("put",
                std::string(kOneQueue) + "rate-limit",
                "",
                "",
                R"({"max":1,"duration":60000})");
            CPPUNIT_ASSERT_EQUAL(std::int64_t{60000}, *queue().meta().durationMs);
            add(Side::Ours, "mail");
            add(Side::Ours, "mail");
            eventually("one more", [&] { return queue().counts().completed == 3; });
            CPPUNIT_ASSERT(queue().rateLimitTtl() > 0);
            CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, queue().counts().waiting);
            CPPUNIT_ASSERT(ourQueue()["activeRateLimitTtl"].GetInt64() > 0);
        } else {
            const rapidjson::Document refused = answer("put",
                                                       std::string(kOneQueue) + "rate-limit",
                                                       "",
                                                       "",
                                                       R"({"max":1,"duration":60000})");
            CPPUNIT_ASSERT_EQUAL(400, refused["status"].GetInt());
        }
    }

private:
    /// Sends a request of the board's page. `more`: further parameters, as members of an object.
    rapidjson::Document answer(const std::string& method,
                               const std::string& route,
                               const std::string& id = "",
                               const std::string& more = "",
                               const std::string& body = "{}") {
        const std::string name = queueName();
        const std::string query =
            R"({"activeQueue":")" + name + R"(","status":"latest","page":"1","jobsPerPage":"10"})";
        return node("board.call",
                    R"("queues":[")" + name + R"("],"method":")" + method + R"(","route":")" +
                        route + R"(","params":{"queueName":")" + name + "\"" +
                        (id.empty() ? "" : R"(,"jobId":")" + id + "\"") +
                        (more.empty() ? "" : "," + more) + R"(},"query":)" +
                        (route == "/api/queues" ? query : "{}") + R"(,"body":)" + body);
    }
    /// The body of an answer that is not an error.
    rapidjson::Document ask(const std::string& method,
                            const std::string& route,
                            const std::string& id = "",
                            const std::string& more = "",
                            const std::string& body = "{}") {
        rapidjson::Document answered = answer(method, route, id, more, body);
        const int status = answered["status"].GetInt();
        CPPUNIT_ASSERT_MESSAGE(route + ": " + textOf(answered), status == 200 || status == 204);
        shrinkTo(answered, answered["body"]);
        return answered;
    }
    /// Makes a part of a document the whole of it.
    static void shrinkTo(rapidjson::Document& whole, rapidjson::Value& part) {
        rapidjson::Value content;
        content.Swap(part);
        static_cast<rapidjson::Value&>(whole).Swap(content);
    }
    rapidjson::Document ourQueue() {
        rapidjson::Document list = ask("get", "/api/queues");
        CPPUNIT_ASSERT_EQUAL(1U, list["queues"].Size());
        shrinkTo(list, list["queues"][0]);
        assertEqual(queueName(), list["name"].GetString());
        return list;
    }
    void addOfEachKind() {
        add(Side::Ours, "hold");
        add(Side::Ours, "mail", "{}", R"({"delay":600000})");
        for (const int priority : {1, 2}) {
            add(Side::Ours, "mail", "{}", R"({"priority":)" + std::to_string(priority) + "}");
        }
    }
    void expectCounts(const rapidjson::Document& shown) {
        const JobCounts ours = queue().counts();
        const std::pair<const char*, std::int64_t> all[] = {{"waiting", ours.waiting},
                                                            {"active", ours.active},
                                                            {"delayed", ours.delayed},
                                                            {"prioritized", ours.prioritized},
                                                            {"completed", ours.completed},
                                                            {"failed", ours.failed}};
        for (const auto& [state, count] : all) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(state, count, shown["counts"][state].GetInt64());
        }
    }
};

namespace {

const Statements<BoardSection> kRegistered(
    {STATEMENT(BoardSection, c259_countsPauseAndWorkersAreShown),
     STATEMENT(BoardSection, c260_thePageOfAJobIsWhole),
     STATEMENT(BoardSection, c261_buttonsActOnOurJobs),
     STATEMENT(BoardSection, c262_aJobFromTheBoardIsRunByOurs),
     STATEMENT(BoardSection, c263_theFlowOfAJobIsShown),
     STATEMENT(BoardSection, c264_schedulersAreShownEditedRunAndRemoved),
     STATEMENT(BoardSection, c265_metricsAreShown),
     STATEMENT(BoardSection, c266_limitsOfTheBoardAreObeyed)});

}  // namespace
