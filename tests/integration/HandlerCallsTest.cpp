#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Json.h"
#include "support/WorkerFixture.h"
#include "worker/JointAdds.h"

namespace {

using namespace drover;
using namespace drover::test;

/// The answer to a call of a handler.
struct Answer {
    HostStatus status = HostStatus::Unsupported;
    std::string text;
};

}  // namespace

/// Calls that a handler makes while its job runs, as they arrive in Redis.
class HandlerCallsTest : public WorkerFixture {
    CPPUNIT_TEST_SUITE(HandlerCallsTest);
    CPPUNIT_TEST(jobsGoToAnyQueueWithTheirOptions);
    CPPUNIT_TEST(eachQueueHasItsOwnSettingOfBullmq5);
    CPPUNIT_TEST(eachJobHasAResultOfItsOwn);
    CPPUNIT_TEST(textThatIsNotAnArrayIsRefusedWithAReason);
    CPPUNIT_TEST(aThousandJobsKeepTheirOrder);
    CPPUNIT_TEST(handlersAddTogether);
    CPPUNIT_TEST(nothingIsAddedWithoutRedis);
    CPPUNIT_TEST(aLostJobAddsNothing);
    CPPUNIT_TEST(aSecondAttemptSeesTheFirst);
    CPPUNIT_TEST(rowsOfTheLogAreCounted);
    CPPUNIT_TEST(aPendingChildIsWaitedFor);
    CPPUNIT_TEST(aChildThatIsDoneIsNotWaitedFor);
    CPPUNIT_TEST(childrenAreReadByKindAndPage);
    CPPUNIT_TEST(wrongPagesAreRefusedWithAReason);
    CPPUNIT_TEST(failedChildrenHaveReasons);
    CPPUNIT_TEST(pendingChildrenAreRemoved);
    CPPUNIT_TEST(schedulersComeAndGo);
    CPPUNIT_TEST(wrongSchedulersAreRefusedWithAReason);
    CPPUNIT_TEST_SUITE_END();

public:
    void jobsGoToAnyQueueWithTheirOptions() {
        const std::string other = name() + "-other";
        const Answer answer = call(HostCall::AddJobs,
                                   R"([{"name":"own","data":{"n":1}},
                {"name":"short","queue":")" +
                                       other + R"(","opts":{"delay":60000,"attempts":2}},
                {"name":"custom","opts":{"jobId":"mine","priority":3}},
                {"name":"whole","queue":"bull:)" +
                                       other + R"("}])");
        assertEqual(
            R"([{"status":"added","id":"2"},{"status":"added","id":"1"},{"status":"added","id":"mine"},)"
            R"({"status":"added","id":"2"}])",
            answer.text);
        CPPUNIT_ASSERT(answer.status == HostStatus::Ok);
        assertEqual(R"({"n":1})", hash("2")["data"]);
        assertEqual("3", hash("mine")["priority"]);
        const std::string prefix = "bull:" + other + ":";
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", prefix + "delayed"}));
        CPPUNIT_ASSERT(list(prefix + "wait") == std::vector<std::string>{"2"});
        assertEqual("short", text({"HGET", prefix + "1", "name"}));
        assertContains(text({"HGET", prefix + "1", "opts"}), "\"attempts\":2");
        removeQueue(other);
    }

    void eachQueueHasItsOwnSettingOfBullmq5() {
        const std::string shared = name() + "-shared";
        const std::string other = name() + "-other";
        const std::string jobs =
            R"([{"name":"a","queue":")" + shared + R"("},{"name":"a","queue":")" + other + R"("}])";
        for (const std::string& queue : {shared, other}) {
            redis({"HSET", "bull:" + queue + ":meta", "paused", "1"});
        }
        targets_ = {{"bull:" + shared, {Bullmq5::On}}};
        for (const Bullmq5 own : {Bullmq5::Off, Bullmq5::On}) {
            settings_.bullmq5 = own;
            CPPUNIT_ASSERT(call(HostCall::AddJobs, jobs).status == HostStatus::Ok);
        }
        // Clients of 5.x have the jobs of a paused queue in a list of its own.
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number({"LLEN", "bull:" + shared + ":paused"}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number({"LLEN", "bull:" + other + ":wait"}));
        removeQueue(shared);
        removeQueue(other);
    }

    void eachJobHasAResultOfItsOwn() {
        const Answer answer =
            call(HostCall::AddJobs,
                 R"([{"name":"good"},{"data":1},{"name":"bad","opts":{"priority":-1}},7,
                {"name":"bad","speed":1},{"name":"bad","queue":""},{"name":"bad","opts":{"jobId":"12"}}])");
        CPPUNIT_ASSERT(answer.status == HostStatus::Ok);
        const auto results = JsonView::parse(answer.text).elements();
        CPPUNIT_ASSERT_EQUAL(std::size_t{7}, results.size());
        assertEqual(R"({"status":"added","id":"2"})", std::string(results[0].text()));
        const std::vector<std::string> reasons = {
            "the job has no name",
            "riority",
            "the job is not an object",
            "the job has an unknown member \"speed\"; its members are queue, name, data and opts",
            "the job has the queue \"\"",
            "cannot be added"};
        for (std::size_t i = 0; i < reasons.size(); ++i) {
            assertEqual("rejected", results[i + 1]["status"].string().value_or(""));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, results[i + 1]["code"].integer().value_or(-1));
            assertContains(results[i + 1]["message"].string().value_or(""), reasons[i]);
        }
        assertEqual("2", text({"GET", keys().idCounter}));
    }

    void textThatIsNotAnArrayIsRefusedWithAReason() {
        const Answer answer = call(HostCall::AddJobs, R"({"name":"one"})");
        CPPUNIT_ASSERT(answer.status == HostStatus::Argument);
        assertEqual("the jobs are not a JSON array", answer.text);
        assertEqual("1", text({"GET", keys().idCounter}));
    }

    void aThousandJobsKeepTheirOrder() {
        // More than one script call adds.
        const std::size_t count = 2 * JointAdds::kMostPerCall + 1;
        std::string jobs;
        for (std::size_t i = 0; i < count; ++i) {
            jobs += (jobs.empty() ? "[" : ",") + std::string(R"({"name":"x","queue":")") + name() +
                    R"(-other","data":)" + std::to_string(i) + "}";
        }
        const Answer answer = call(HostCall::AddJobs, jobs + "]");
        CPPUNIT_ASSERT(answer.status == HostStatus::Ok);
        const auto results = JsonView::parse(answer.text).elements();
        CPPUNIT_ASSERT_EQUAL(count, results.size());
        const std::string prefix = "bull:" + name() + "-other:";
        for (std::size_t i = 0; i < count; ++i) {
            const std::string id = std::to_string(i + 1);
            CPPUNIT_ASSERT_EQUAL(id, results[i]["id"].string().value_or(""));
        }
        const std::string last = std::to_string(count);
        assertEqual(std::to_string(count - 1), text({"HGET", prefix + last, "data"}));
        removeQueue(name() + "-other");
    }

    void handlersAddTogether() {
        ClientPool clients([this] { return std::make_unique<RedisClient>(options(), "adds"); }, 2);
        JointAdds adds;
        constexpr std::size_t kThreads = 16;
        std::atomic<int> added{0};
        std::atomic<int> rejected{0};
        eventually("several adds have one call", [&] {
            const std::int64_t before = scriptCalls();
            std::vector<std::thread> threads;
            for (std::size_t i = 0; i < kThreads; ++i) {
                threads.emplace_back([&] {
                    JobRecord good;
                    good.name = "x";
                    good.data = "{}";
                    good.opts = "{}";
                    JobRecord orphan = good;
                    orphan.parentKey = "bull:nowhere:1";
                    orphan.parent = R"({"id":"1","queueKey":"bull:nowhere"})";
                    const auto results = adds.add(context(), clients, {good, orphan});
                    added += results.at(0).status == AddResult::Status::Added ? 1 : 0;
                    const bool isRejected = results.at(1).status == AddResult::Status::Rejected &&
                                            results.at(1).code == -5;
                    rejected += isRejected ? 1 : 0;
                });
            }
            for (std::thread& thread : threads) {
                thread.join();
            }
            return scriptCalls() - before < static_cast<std::int64_t>(kThreads);
        });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{added.load()}, number({"LLEN", keys().wait}));
        CPPUNIT_ASSERT_EQUAL(added.load(), rejected.load());
        CPPUNIT_ASSERT_EQUAL(0, added.load() % static_cast<int>(kThreads));
    }

    void nothingIsAddedWithoutRedis() {
        RedisOptions nowhere = options();
        nowhere.port = 1;
        ClientPool clients([&] { return std::make_unique<RedisClient>(nowhere, "adds"); }, 1);
        const JobCalls calls(context(), clients, "");
        std::string text;
        CPPUNIT_ASSERT(
            calls.call(claimed(), {}, {}, HostCall::AddJobs, R"([{"name":"x"}])", text) ==
            HostStatus::Unavailable);
        CPPUNIT_ASSERT(calls.call(claimed(), {}, {}, HostCall::StoredJob, "", text) ==
                       HostStatus::Unavailable);
        CPPUNIT_ASSERT(calls.call(claimed(), {}, {}, HostCall::FailedChildren, "", text) ==
                       HostStatus::Unavailable);
    }

    void aLostJobAddsNothing() {
        ClientPool clients([this] { return std::make_unique<RedisClient>(options(), "adds"); }, 1);
        const JobCalls calls(context(), clients, "");
        JobRun run(claimed(), std::make_shared<const JobOptions>(), calls, 1, {});
        run.cancel(CancelReason::Lost);
        std::string text;
        CPPUNIT_ASSERT(run.call(HostCall::AddJobs, R"([{"name":"x"}])", text) == HostStatus::Lost);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().idCounter}));
    }

    void aSecondAttemptSeesTheFirst() {
        settings_.workerName = "here";
        const std::string id = addJob("twice", R"({"n":1})", R"({"attempts":2})");
        std::mutex mutex;
        ClaimedJob second;
        Answer stored;
        std::string lock;
        run(std::make_shared<FakeHandler>([&](std::span<RunningJob* const> jobs) {
            const std::lock_guard guard(mutex);
            if (jobs[0]->job().attemptsMade == 0) {
                jobs[0]->setOutcome({JobOutcome::Kind::Failed, "boom", "a line", 0});
                return;
            }
            second = jobs[0]->job();
            stored.status = jobs[0]->call(HostCall::StoredJob, "", stored.text);
            jobs[0]->setOutcome({JobOutcome::Kind::Completed, "null", "", 0});
        }));
        eventually("completed", [&] { return stateOf(id) == JobState::Completed; });
        const std::lock_guard guard(mutex);
        assertEqual("boom", second.failedReason);
        assertContains(second.stacktrace, "a line");
        CPPUNIT_ASSERT(stored.status == HostStatus::Ok);
        const JsonView json = JsonView::parse(stored.text);
        assertEqual("boom", json["failedReason"].string().value_or(""));
        assertEqual(std::string(second.stacktrace), std::string(json["stacktrace"].text()));
        assertEqual("here", json["processedBy"].string().value_or(""));
        assertEqual(std::to_string(second.processedOnMs), std::string(json["processedOn"].text()));
        assertEqual("2", std::string(json["attemptsStarted"].text()));
        assertEqual("2", std::string(json["opts"]["attempts"].text()));
    }

    void rowsOfTheLogAreCounted() {
        const std::string id = addJob("calls", "{}", R"({"kl":2})");
        const std::vector<Answer> answers =
            calls(id, {{HostCall::AddLog, "a"}, {HostCall::AddLog, "b"}, {HostCall::AddLog, "c"}});
        assertEqual("1", answers[0].text);
        assertEqual("2", answers[1].text);
        assertEqual("2", answers[2].text);
    }

    void aPendingChildIsWaitedFor() {
        const std::string id = addJob("parent");
        std::mutex mutex;
        std::string child;
        int runs = 0;
        run(std::make_shared<FakeHandler>(
            [&](std::span<RunningJob* const> jobs) {
                const std::lock_guard guard(mutex);
                for (RunningJob* job : jobs) {
                    if (job->job().name != "parent" || ++runs == 2) {
                        job->setOutcome({JobOutcome::Kind::Completed, "null", "", 0});
                        continue;
                    }
                    std::string ids;
                    job->addChildren(R"([{"name":"child"}])", ids);
                    job->setOutcome({JobOutcome::Kind::WaitingChildren, keys().job("2"), "", 0});
                }
            },
            std::vector<std::string>{},
            1));
        eventually("completed", [&] { return stateOf(id) == JobState::Completed; });
        assertEqual("2", hash(id)["ats"]);
        assertContains(all(events()), "waiting-children 1 prev=active");
    }

    void aChildThatIsDoneIsNotWaitedFor() {
        const std::string id = addJob("parent");
        redis({"SADD", keys().job(id) + ":dependencies", "bull:elsewhere:1"});
        std::atomic<int> runs{0};
        run(std::make_shared<FakeHandler>([&](std::span<RunningJob* const> jobs) {
            if (++runs == 1) {
                jobs[0]->setOutcome({JobOutcome::Kind::WaitingChildren, "bull:elsewhere:2", "", 0});
            } else {
                jobs[0]->setOutcome({JobOutcome::Kind::Unrecoverable, "enough", "", 0});
            }
        }));
        eventually("failed", [&] { return stateOf(id) == JobState::Failed; });
        CPPUNIT_ASSERT_EQUAL(std::string::npos, all(events()).find("waiting-children"));
        CPPUNIT_ASSERT_EQUAL(2, runs.load());
    }

    void childrenAreReadByKindAndPage() {
        const std::string id = addParent();
        const std::vector<Answer> answers =
            calls(id,
                  {{HostCall::Dependencies, ""},
                   {HostCall::Dependencies, R"({"processed":{"cursor":0,"count":5},"failed":{}})"},
                   {HostCall::DependenciesCount, ""}});
        assertEqual(R"({"processed":{"bull:x:1":{"n":1}},"unprocessed":["bull:x:2"],)"
                    R"("ignored":{"bull:x:3":"no luck"},"failed":["bull:x:4"]})",
                    answers[0].text);
        assertEqual(R"({"processed":{"bull:x:1":{"n":1}},"nextProcessedCursor":0,)"
                    R"("failed":["bull:x:4"],"nextFailedCursor":0})",
                    answers[1].text);
        assertEqual(R"({"processed":1,"unprocessed":1,"ignored":1,"failed":1})", answers[2].text);
    }

    void wrongPagesAreRefusedWithAReason() {
        const std::string id = addJob("calls");
        const std::vector<std::pair<std::string, std::string>> cases = {
            {"[]", "the pages are not a JSON object"},
            {R"({"pending":{}})", "there is no kind of children \"pending\""},
            {R"({"failed":{"count":0}})", "the page of failed has \"count\": 0"},
            {R"({"failed":{"cursor":-1}})", "the page of failed has \"cursor\": -1"},
            {R"({"failed":{"size":1}})", "the page of failed has \"size\": 1"}};
        std::vector<std::pair<HostCall, std::string>> wrong;
        for (const auto& [pages, reason] : cases) {
            wrong.emplace_back(HostCall::Dependencies, pages);
        }
        const std::vector<Answer> answers = calls(id, wrong);
        for (std::size_t i = 0; i < cases.size(); ++i) {
            CPPUNIT_ASSERT(answers[i].status == HostStatus::Argument);
            assertContains(answers[i].text, cases[i].second);
        }
    }

    void failedChildrenHaveReasons() {
        const std::string id = addParent();
        redis({"ZADD", keys().job(id) + ":unsuccessful", "2", keys().job("gone")});
        redis({"HSET", "bull:x:4", "failedReason", "sold out"});
        const Answer answer = calls(id, {{HostCall::FailedChildren, ""}}).at(0);
        assertEqual(R"({"failed":{"bull:x:4":"sold out",")" + keys().job("gone") +
                        R"(":null},"ignored":{"bull:x:3":"no luck"}})",
                    answer.text);
        redis({"DEL", "bull:x:4"});
    }

    void pendingChildrenAreRemoved() {
        const std::string id = addJob("parent");
        std::mutex mutex;
        Answer answer;
        run(std::make_shared<FakeHandler>(
            [&](std::span<RunningJob* const> jobs) {
                const std::lock_guard guard(mutex);
                std::string ids;
                jobs[0]->addChildren(R"([{"name":"child"},{"name":"child"}])", ids);
                answer.status = jobs[0]->call(HostCall::RemoveUnprocessedChildren, "", answer.text);
                jobs[0]->setOutcome({JobOutcome::Kind::Completed, "null", "", 0});
            },
            std::vector<std::string>{"parent"},
            1));
        eventually("completed", [&] { return stateOf(id) == JobState::Completed; });
        const std::lock_guard guard(mutex);
        assertEqual("2", answer.text);
        CPPUNIT_ASSERT(answer.status == HostStatus::Ok);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().job("2"), keys().job("3")}));
    }

    void schedulersComeAndGo() {
        const std::string other = name() + "-other";
        const std::string place = R"({"queue":")" + other + R"(","id":"s")";
        const std::vector<Answer> answers =
            calls(addJob("calls"),
                  {{HostCall::UpsertScheduler,
                    place + R"(,"repeat":{"every":3600000},"template":{"name":"n","data":7}})"},
                   {HostCall::UpsertScheduler,
                    R"({"id":"never","repeat":{"pattern":"0 0 29 2 *","tz":"UTC","endDate":)" +
                        std::to_string(clock_.wallMs() + 60000) + "}}"},
                   {HostCall::RemoveScheduler, R"({"id":"s"})"}});
        CPPUNIT_ASSERT(answers[0].status == HostStatus::Ok);
        const JsonView run = JsonView::parse(answers[0].text);
        const std::string due(run["dueMs"].text());
        assertEqual("repeat:s:" + due, run["jobId"].string().value_or(""));
        const std::string prefix = "bull:" + other + ":";
        assertEqual("7", text({"HGET", prefix + "repeat:s:" + due, "data"}));
        assertEqual("null", answers[1].text);
        assertEqual("false", answers[2].text);
        assertEqual("true", call(HostCall::RemoveScheduler, place + "}").text);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", prefix + "repeat"}));
        removeQueue(other);
    }

    void wrongSchedulersAreRefusedWithAReason() {
        const std::vector<std::pair<std::string, std::string>> cases = {
            {"[]", "the scheduler is not an object"},
            {R"({"id":"past","repeat":{"every":1000,"endDate":1000}})",
             "repeat.endDate must be later than now"},
            {R"({"repeat":{"every":5}})", "the scheduler has no id"},
            {R"({"id":"s"})", "the scheduler has no repeat"},
            {R"({"id":7})", "the scheduler has a \"id\" that is not a string"},
            {R"({"id":"s","repeat":{"every":0}})", "every"},
            {R"({"id":"s","repeat":{"pattern":"never"}})", "never"},
            {R"({"id":"s","repeat":{"every":5},"template":{"opts":{"priority":-1}}})", "riority"},
            {R"({"id":"s","queue":"","repeat":{"every":5}})", "has the queue"},
            {R"({"id":"s","rule":1})", "unknown member \"rule\""}};
        std::vector<std::pair<HostCall, std::string>> wrong;
        for (const auto& [text, reason] : cases) {
            wrong.emplace_back(HostCall::UpsertScheduler, text);
        }
        const std::vector<Answer> answers = calls(addJob("calls"), wrong);
        for (std::size_t i = 0; i < cases.size(); ++i) {
            CPPUNIT_ASSERT_MESSAGE(cases[i].first, answers[i].status == HostStatus::Argument);
            assertContains(answers[i].text, cases[i].second);
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().repeat}));
    }

private:
    [[nodiscard]] std::string name() const { return keys().qualifiedName().substr(5); }

    [[nodiscard]] ClaimedJob claimed() const {
        ClaimedJob job;
        job.id = "1";
        job.queue = keys().qualifiedName();
        return job;
    }

    static std::string all(const std::vector<std::string>& events) {
        std::string text;
        for (const std::string& event : events) {
            text += event + "\n";
        }
        return text;
    }

    std::int64_t scriptCalls() {
        const std::string stats = text({"INFO", "commandstats"});
        std::int64_t calls = 0;
        for (const std::string command : {"cmdstat_eval:calls=", "cmdstat_evalsha:calls="}) {
            const auto at = stats.find(command);
            calls += at == std::string::npos ? 0 : std::stoll(stats.substr(at + command.size()));
        }
        return calls;
    }

    /// Adds a job that has one child of each kind.
    std::string addParent() {
        const std::string id = addJob("calls");
        const std::string key = keys().job(id);
        redis({"HSET", key + ":processed", "bull:x:1", R"({"n":1})"});
        redis({"SADD", key + ":dependencies", "bull:x:2"});
        redis({"HSET", key + ":failed", "bull:x:3", "no luck"});
        redis({"ZADD", key + ":unsuccessful", "1", "bull:x:4"});
        return id;
    }

    /// Makes the calls in a handler that runs this job.
    std::vector<Answer> calls(const std::string& id,
                              const std::vector<std::pair<HostCall, std::string>>& wanted) {
        std::mutex mutex;
        std::vector<Answer> answers;
        run(std::make_shared<FakeHandler>(
            [&](std::span<RunningJob* const> jobs) {
                const std::lock_guard guard(mutex);
                for (const auto& [function, text] : wanted) {
                    Answer& answer = answers.emplace_back();
                    answer.status = jobs[0]->call(function, text, answer.text);
                }
                jobs[0]->setOutcome({JobOutcome::Kind::Unrecoverable, "done", "", 0});
            },
            std::vector<std::string>{"calls"},
            1));
        eventually("ended", [&] { return stateOf(id) == JobState::Failed; });
        worker_.reset();
        return answers;
    }
    Answer call(HostCall function, const std::string& text) {
        return calls(addJob("calls"), {{function, text}}).at(0);
    }

    void removeQueue(const std::string& queue) {
        for (const std::string& key : textsOf({"KEYS", "bull:" + queue + ":*"})) {
            redis({"DEL", key});
        }
    }
    std::vector<std::string> textsOf(const std::vector<std::string>& command) {
        const Reply reply = redis(command);
        std::vector<std::string> texts;
        for (std::size_t i = 0; i < reply.size(); ++i) {
            texts.emplace_back(reply.at(i).text());
        }
        return texts;
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(HandlerCallsTest);
