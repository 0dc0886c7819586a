#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <thread>
#include <unistd.h>

#include <cppunit/extensions/HelperMacros.h>

#include "cli/RunCommand.h"
#include "cli/Terminal.h"
#include "drover/Json.h"
#include "queue/ops/Add.h"
#include "queue/ops/Advance.h"
#include "queue/ops/Processes.h"
#include "support/Assert.h"
#include "support/BadOptions.h"
#include "support/FakeSchema.h"
#include "support/RedisFixture.h"

namespace {

using namespace drover;
using namespace drover::test;
using Strings = std::vector<std::string>;

/// A person who gives one answer, in front of a screen.
class FakeTerminal : public cli::Terminal {
public:
    [[nodiscard]] int columns() const override { return width; }
    [[nodiscard]] int rows() const override { return 24; }
    [[nodiscard]] bool canAsk() const override { return answer.has_value(); }
    [[nodiscard]] bool confirm(const std::string& question) override {
        questions.push_back(question);
        return *answer;
    }
    void progress(const std::string& text) override { shown.push_back(text); }
    [[nodiscard]] bool pause(std::chrono::milliseconds /*time*/) override {
        return onPause && onPause();
    }

    int width = 0;
    std::optional<bool> answer;
    std::function<bool()> onPause;
    Strings questions, shown;
};

}  // namespace

/// The commands of operators against a real Redis: tables, JSON, questions and exit codes.
class OperateCommandsTest : public RedisFixture {
    CPPUNIT_TEST_SUITE(OperateCommandsTest);
    CPPUNIT_TEST(queuesAreListed);
    CPPUNIT_TEST(aQueueIsShown);
    CPPUNIT_TEST(topSortsByTheLongestWait);
    CPPUNIT_TEST(aTableDoesNotWrap);
    CPPUNIT_TEST(watchPrintsALineEachTime);
    CPPUNIT_TEST(aQueueIsPausedAndResumed);
    CPPUNIT_TEST(removalsAsk);
    CPPUNIT_TEST(oldJobsAreCleaned);
    CPPUNIT_TEST(aQueueIsObliterated);
    CPPUNIT_TEST(theDoctorExaminesAndRepairs);
    CPPUNIT_TEST(aJobIsAddedShownAndListed);
    CPPUNIT_TEST(jobsAreRetriedPromotedAndRemoved);
    CPPUNIT_TEST(allJobsOfAStateAreMoved);
    CPPUNIT_TEST(rowsOfALogArePrinted);
    CPPUNIT_TEST(aJobIsWatchedUntilItsEnd);
    CPPUNIT_TEST(schedulersAreUpsertedListedAndRemoved);
    CPPUNIT_TEST(flowsAreAddedAndShown);
    CPPUNIT_TEST(workersAreListed);
    CPPUNIT_TEST(processesAreListed);
    CPPUNIT_TEST(aliasesNameQueues);
    CPPUNIT_TEST(aQueueWithShardsIsOne);
    CPPUNIT_TEST(aTerminalNeverGetsControlCharacters);
    CPPUNIT_TEST(wrongValuesAreNamed);
    CPPUNIT_TEST(theUrlOfTheCommandGoesBeforeACluster);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        RedisFixture::setUp();
        terminal_ = std::make_unique<FakeTerminal>();
    }

    void queuesAreListed() {
        useOwnServer();
        CPPUNIT_ASSERT_EQUAL(0, run({"queue", "list"}));
        assertEqual("there is no queue below the prefix bull\n", out_);
        addJob();
        redis({"HSET", keys().meta, "paused", "1"});
        CPPUNIT_ASSERT_EQUAL(0, run({"queue", "list"}));
        assertStartsWith(out_, "QUEUE  WAITING  ACTIVE  DELAYED  CHILDREN  COMPLETED  FAILED  ");
        assertContains(out_, "\n" + name());
        assertEndsWith(out_, "  paused\n");
        const JsonView list = json({"queue", "list"});
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, list.elements().size());
        const JsonView queue = list.elements()[0];
        assertEqual(name(), queue["name"].string().value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, queue["counts"]["waiting"].integer().value());
        CPPUNIT_ASSERT(queue["paused"].boolean().value());
        // A queue that is configured is listed without jobs as well.
        CPPUNIT_ASSERT_EQUAL(0, run({"queue", "list", "--set", "queue.x.name=unused"}));
        assertContains(out_, "\nunused  ");
    }

    void aQueueIsShown() {
        addJob();
        claim(1);
        CPPUNIT_ASSERT_EQUAL(0, run({"queue", "show", name()}));
        assertStartsWith(out_, name() + "\n  waiting            0\n");
        assertContains(out_, "\n  active             1\n");
        const JsonView queue = json({"queue", "show", name()});
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, queue["counts"]["active"].integer().value());
        redis({"DEL", keys().delayed});
        redis({"SET", keys().delayed, "text"});
        CPPUNIT_ASSERT_EQUAL(70, run({"queue", "show", name()}));
        assertContains(err_, "WRONGTYPE");
    }

    void topSortsByTheLongestWait() {
        const std::string other = name() + "-other";
        addJob();
        redis({"HSET", keys().job("1"), "timestamp", "1000"});
        CPPUNIT_ASSERT_EQUAL(0, run({"queue", "top", other, name()}));
        assertStartsWith(out_, "2 queues, 1 waiting, 0 active, ");
        CPPUNIT_ASSERT(out_.find("\n" + name() + " ") < out_.find("\n" + other));
        // A screen is redrawn until the person ends it.
        terminal_->width = 100;
        int pauses = 0;
        terminal_->onPause = [&] { return ++pauses < 3; };
        CPPUNIT_ASSERT_EQUAL(0, run({"queue", "top", name()}));
        CPPUNIT_ASSERT_EQUAL(3, pauses);
        assertStartsWith(out_, "\033[?1049h\033[?25l\033[H1 queue, 1 waiting");
        assertEndsWith(out_, "\033[J\033[?25h\033[?1049l");
    }

    void aTableDoesNotWrap() {
        terminal_->width = 30;
        addJob(std::string(50, 'x'));
        CPPUNIT_ASSERT_EQUAL(0, run({"job", "list", "--queue", name()}));
        std::istringstream lines(out_);
        std::string line;
        std::getline(lines, line);
        std::getline(lines, line);
        assertEqual("1   xxxxxxxxxxxxxxxxxxxxxxxxx…", line);
    }

    void watchPrintsALineEachTime() {
        CPPUNIT_ASSERT_EQUAL(64, run({"queue", "list", "--watch"}));
        assertContains(err_, "queue list --watch needs a terminal, or --json");
        int pauses = 0;
        terminal_->onPause = [&] {
            addJob();
            return ++pauses < 3;
        };
        CPPUNIT_ASSERT_EQUAL(0, run({"queue", "show", name(), "--watch", "--json"}));
        CPPUNIT_ASSERT_EQUAL(std::ptrdiff_t{3}, std::count(out_.begin(), out_.end(), '\n'));
        assertContains(out_, "\"waiting\":2,");
    }

    void aQueueIsPausedAndResumed() {
        CPPUNIT_ASSERT_EQUAL(0, run({"queue", "pause", name()}));
        assertEqual(name() + " is paused\n", out_);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"HEXISTS", keys().meta, "paused"}));
        CPPUNIT_ASSERT(!json({"queue", "resume", name()})["paused"].boolean().value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"HEXISTS", keys().meta, "paused"}));
    }

    void removalsAsk() {
        addJob();
        addJob();
        for (const Strings& command : {Strings{"queue", "drain", name()},
                                       Strings{"queue", "clean", name()},
                                       Strings{"queue", "obliterate", name()},
                                       Strings{"job", "remove", "1", "--queue", name()},
                                       Strings{"scheduler", "remove", "s", "--queue", name()}}) {
            terminal_->answer.reset();
            CPPUNIT_ASSERT_EQUAL_MESSAGE(command[1], 2, run(command));
            assertContains(err_, "there is no terminal to ask at");
            assertEqual("", out_);
            terminal_->answer = false;
            CPPUNIT_ASSERT_EQUAL(2, run(command));
            CPPUNIT_ASSERT_EQUAL(std::size_t{2}, list(keys().wait).size());
        }
        terminal_->questions.clear();
        terminal_->answer = true;
        CPPUNIT_ASSERT_EQUAL(0, run({"queue", "drain", name()}));
        assertEqual("Remove the 2 waiting jobs of " + name() + "?", terminal_->questions.at(0));
        assertEqual(name() + ": 2 jobs removed\n", out_);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().wait, keys().job("1")}));
        CPPUNIT_ASSERT(!terminal_->shown.empty());
        assertEqual("", terminal_->shown.back());
    }

    void oldJobsAreCleaned() {
        for (int i = 1; i <= 3; ++i) {
            addJob();
            redis({"HSET", keys().job(std::to_string(i)), "timestamp", i == 3 ? "9e15" : "1000"});
        }
        const JsonView cleaned = json({"queue",
                                       "clean",
                                       name(),
                                       "--state",
                                       "waiting",
                                       "--older-than",
                                       "30d",
                                       "--limit",
                                       "1",
                                       "--yes"});
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, cleaned["removed"].integer().value());
        CPPUNIT_ASSERT_EQUAL(
            0, run({"queue", "clean", name(), "--state=wait", "--older-than=30d", "--yes"}));
        assertEqual(name() + ": 1 job removed\n", out_);
        CPPUNIT_ASSERT((Strings{"3"} == list(keys().wait)));
    }

    void aQueueIsObliterated() {
        addJob();
        claim(1);
        CPPUNIT_ASSERT_EQUAL(66, run({"queue", "obliterate", name(), "--yes"}));
        assertContains(err_, "active");
        CPPUNIT_ASSERT_EQUAL(0, run({"queue", "obliterate", name(), "--yes", "--force"}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().meta, keys().job("1")}));
    }

    void theDoctorExaminesAndRepairs() {
        useOwnServer();
        redis({"CONFIG", "SET", "appendonly", "yes"});
        addJob();
        CPPUNIT_ASSERT_EQUAL(0, run({"queue", "doctor"}));
        assertStartsWith(out_, "server: no findings\n" + name() + ": no findings in 1 jobs and ");
        redis({"DEL", keys().wait});
        CPPUNIT_ASSERT_EQUAL(65, run({"queue", "doctor", name()}));
        assertContains(out_,
                       name() +
                           ": 1 finding\n  lost-job  job 1 is in no state, so that no worker "
                           "will ever run it; --fix repairs it\n");
        const JsonView report = json({"queue", "doctor", name()}, 65);
        const JsonView finding = report["queues"].elements().at(0)["findings"].elements().at(0);
        assertEqual("lost-job", finding["kind"].string().value());
        assertEqual(keys().job("1"), finding["key"].string().value());
        CPPUNIT_ASSERT(finding["fixable"].boolean().value());
        CPPUNIT_ASSERT_EQUAL(0, run({"queue", "doctor", name(), "--fix"}));
        assertEndsWith(out_, "; repaired\n");
        CPPUNIT_ASSERT((Strings{"1"} == list(keys().wait)));
        redis({"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
        CPPUNIT_ASSERT_EQUAL(65, run({"queue", "doctor"}));
        assertStartsWith(out_, "server:\n  eviction  Redis deletes keys");
    }

    void aJobIsAddedShownAndListed() {
        CPPUNIT_ASSERT_EQUAL(0,
                             run({"job",
                                  "add",
                                  "mail",
                                  "--queue",
                                  name(),
                                  "--data",
                                  R"({"to":"a"})",
                                  "--opts",
                                  R"({"attempts":3})"}));
        assertEqual("job 1 of " + name() + " was added, and is waiting\n", out_);
        CPPUNIT_ASSERT_EQUAL(0, run({"job", "show", "1", "--queue", name()}));
        assertStartsWith(out_, "job 1 of bull:" + name() + ": waiting\n  name          mail\n");
        assertContains(out_, "\n  data          {\"to\":\"a\"}\n");
        const JsonView shown = json({"job", "show", "1", "--queue", name()});
        assertEqual("waiting", shown["state"].string().value());
        assertEqual(R"({"to":"a"})", shown["data"].text());
        CPPUNIT_ASSERT_EQUAL(66, run({"job", "show", "77", "--queue", name()}));
        assertEqual("drover: there is no job 77 in " + name() + "\n", err_);
        addJob("other");
        const std::string one(shown.text());
        const JsonView page =
            json({"job", "list", "--queue", name(), "--count", "1", "--ascending"});
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, page["count"].integer().value());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, page["jobs"].elements().size());
        // The members are those of a job that is shown.
        assertEqual(one, page["jobs"].elements()[0].text());
        CPPUNIT_ASSERT_EQUAL(0, run({"job", "list", "--queue", name()}));
        assertStartsWith(out_, "ID  NAME   ADDED");
        assertEndsWith(out_, "2 of 2 waiting jobs\n");
        CPPUNIT_ASSERT(out_.find("\n2 ") < out_.find("\n1 "));
        CPPUNIT_ASSERT_EQUAL(
            64, run({"job", "add", "x", "--queue", name(), "--opts", R"({"attempts":"x"})"}));
        CPPUNIT_ASSERT_EQUAL(64, run({"job", "add", "x", "--queue", name(), "--data", "{"}));
        assertContains(err_, "the job is refused: ");
    }

    void jobsAreRetriedPromotedAndRemoved() {
        addJob();
        fail("1");
        CPPUNIT_ASSERT_EQUAL(66, run({"job", "retry", "1", "77", "--queue", name()}));
        assertStartsWith(out_, "job 1 of " + name() + ": retried\njob 77 of " + name() + ": ");
        CPPUNIT_ASSERT(stateOf("1") == JobState::Waiting);
        CPPUNIT_ASSERT_EQUAL(66, run({"job", "promote", "1", "77", "--queue", name()}));
        assertEqual("job 1 of " + name() + ": Job 1 is not in the delayed state\njob 77 of " +
                        name() + ": Job 77 is not in the delayed state\n",
                    out_);
        const std::string delayed = addDelayed();
        const JsonView promoted = json({"job", "promote", delayed, "--queue", name()});
        assertEqual("[\"" + delayed + "\"]", promoted["promoted"].text());
        CPPUNIT_ASSERT(stateOf(delayed) == JobState::Waiting);
        const JsonView removed = json({"job", "remove", "1", "77", "--queue", name(), "--yes"}, 66);
        assertEqual("[\"1\"]", removed["removed"].text());
        assertEqual(R"([{"id":"77","why":"there is no such job"}])", removed["refused"].text());
        claim(1);
        CPPUNIT_ASSERT_EQUAL(66, run({"job", "remove", delayed, "--queue", name(), "--yes"}));
        assertEqual("job " + delayed + " of " + name() + ": a worker holds it\n", out_);
        CPPUNIT_ASSERT_EQUAL(64, run({"job", "retry", "--queue", name()}));
        CPPUNIT_ASSERT_EQUAL(64, run({"job", "retry", "1", "--all", "--queue", name()}));
    }

    void allJobsOfAStateAreMoved() {
        for (int i = 0; i < 3; ++i) {
            fail(addJob());
        }
        CPPUNIT_ASSERT_EQUAL(0, run({"job", "retry", "--all", "--queue", name()}));
        assertEqual(name() + ": 3 jobs retried\n", out_);
        addDelayed();
        const JsonView all = json({"job", "promote", "--all", "--queue", name()});
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, all["promoted"].integer().value());
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, list(keys().wait).size());
    }

    void rowsOfALogArePrinted() {
        addJob();
        redis({"RPUSH", keys().job("1:logs"), "one", "two", "three"});
        CPPUNIT_ASSERT_EQUAL(0, run({"job", "logs", "1", "--queue", name()}));
        assertEqual("one\ntwo\nthree\n", out_);
        assertEqual(R"({"rows":["three"],"count":3})",
                    json({"job", "logs", "1", "--queue", name(), "--count", "1"}).text());
        CPPUNIT_ASSERT_EQUAL(66, run({"job", "logs", "77", "--queue", name()}));
    }

    void aJobIsWatchedUntilItsEnd() {
        addJob();
        CPPUNIT_ASSERT_EQUAL(66, run({"job", "watch", "77", "--queue", name()}));
        bool began = false;
        terminal_->onPause = [&] {
            if (!began) {
                began = true;
                fail("1");
            }
            // The events come on a thread of their own.
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            return true;
        };
        CPPUNIT_ASSERT_EQUAL(0, run({"job", "watch", "1", "--queue", name()}));
        assertStartsWith(out_, "job 1 of " + name() + ": waiting\nactive  prev waiting\nfailed  ");
        CPPUNIT_ASSERT_EQUAL(0, run({"job", "watch", "1", "--queue", name(), "--json"}));
        assertEqual("{\"state\":\"failed\"}\n", out_);
    }

    void schedulersAreUpsertedListedAndRemoved() {
        CPPUNIT_ASSERT_EQUAL(0, run({"scheduler", "list", "--queue", name()}));
        assertEqual(name() + " has no schedulers\n", out_);
        const JsonView upserted = json({"scheduler",
                                        "upsert",
                                        "nightly",
                                        "--queue",
                                        name(),
                                        "--pattern",
                                        "0 3 1 1 *",
                                        "--tz",
                                        "UTC",
                                        "--name",
                                        "report",
                                        "--data",
                                        "{\"a\":1}"});
        assertStartsWith(upserted["jobId"].string().value(), "repeat:nightly:");
        CPPUNIT_ASSERT_EQUAL(0, run({"scheduler", "list", "--queue", name()}));
        assertContains(out_, "\nnightly  report  0 3 1 1 * UTC  ");
        CPPUNIT_ASSERT_EQUAL(0, run({"scheduler", "show", "nightly", "--queue", name()}));
        assertContains(out_, "\n  data        {\"a\":1}\n");
        const JsonView shown = json({"scheduler", "show", "nightly", "--queue", name()});
        assertEqual("nightly", shown["key"].string().value());
        const std::string one(shown.text());
        assertEqual("[" + one + "]", json({"scheduler", "list", "--queue", name()}).text());
        CPPUNIT_ASSERT_EQUAL(64, run({"scheduler", "upsert", "x", "--queue", name()}));
        assertContains(err_, "needs one of --every, --pattern and --repeat");
        CPPUNIT_ASSERT_EQUAL(0,
                             run({"scheduler", "remove", "nightly", "--queue", name(), "--yes"}));
        CPPUNIT_ASSERT_EQUAL(66,
                             run({"scheduler", "remove", "nightly", "--queue", name(), "--yes"}));
        CPPUNIT_ASSERT_EQUAL(66, run({"scheduler", "show", "nightly", "--queue", name()}));
    }

    void flowsAreAddedAndShown() {
        const std::string file = "/tmp/drover-flow-" + std::to_string(getpid()) + ".json";
        std::ofstream(file) << R"({"name":"parent","queueName":")" << name()
                            << R"(","opts":{"jobId":"p"},"children":[{"name":"child","queueName":")"
                            << name() << R"(","data":{"n":1},"opts":{"jobId":"c"}}]})";
        CPPUNIT_ASSERT_EQUAL(0, run({"flow", "add", file}));
        assertEqual("bull:" + name() + ":p  parent\n  bull:" + name() + ":c  child\n", out_);
        CPPUNIT_ASSERT_EQUAL(0, run({"flow", "show", "p", "--queue", name()}));
        assertEqual("bull:" + name() + ":p  parent  waiting-children\n  bull:" + name() +
                        ":c  child  waiting\n",
                    out_);
        const JsonView tree = json({"flow", "show", "p", "--queue", name()});
        assertEqual("c", tree["children"].elements().at(0)["job"]["id"].string().value());
        CPPUNIT_ASSERT_EQUAL(66, run({"flow", "show", "x", "--queue", name()}));
        std::ofstream(file) << R"({"name":"parent","queueName":"q","children":[)"
                            << R"({"name":"child","queueName":"q","opts":{"delay":true}}]})";
        CPPUNIT_ASSERT_EQUAL(64, run({"flow", "add", file}));
        assertContains(err_, "children[0]: opts.delay: a number expected, got true");
        std::ofstream(file) << R"({"name":"parent"})";
        CPPUNIT_ASSERT_EQUAL(64, run({"flow", "add", file}));
        std::remove(file.c_str());
        CPPUNIT_ASSERT_EQUAL(64, run({"flow", "add", file}));
        assertContains(err_, "cannot be read");
    }

    void workersAreListed() {
        CPPUNIT_ASSERT_EQUAL(0, run({"worker", "list", name()}));
        assertEqual("no worker is connected\n", out_);
        RedisClient worker(options(), "a", keys().workerClientName("one"));
        worker.connection();
        CPPUNIT_ASSERT_EQUAL(0, run({"worker", "list", name()}));
        assertContains(out_, "\n" + name() + "  ");
        assertContains(out_, "  one   127.0.0.1:");
        const JsonView listed = json({"worker", "list", name()}).elements().at(0);
        assertEqual("one", listed["name"].string().value());
        assertEqual(name(), listed["queue"].string().value());
    }

    void processesAreListed() {
        useOwnServer();
        CPPUNIT_ASSERT_EQUAL(0, run({"process", "list"}));
        assertEqual("no process publishes how it fares\n", out_);
        const std::string report =
            R"({"id":"x","host":"one","pid":7,"version":"1.2","state":"running","ok":false,)"
            R"("uptimeMs":3000,"checks":[{"name":"redis","ok":false,"detail":"away"}],)"
            R"("queues":[{"name":"mail","completedPerSecond":12.5},{"name":"news"}],)"
            R"("plugins":[{"name":"echo","version":"1.0.0"}]})";
        assertEqual("",
                    ops::publishProcess(
                        client(), ProcessKeys("bull"), "x", report, std::chrono::minutes(10)));
        CPPUNIT_ASSERT_EQUAL(0, run({"process", "list"}));
        assertStartsWith(out_, "HOST  PID  VERSION  STATE           ");
        assertContains(out_, "one     7  1.2      running, unfit  3.0 s  mail 12.5/s, news  ");
        assertEndsWith(out_, "echo 1.0.0  redis: away\n");
        assertEqual("[" + report + "]", std::string(json({"process", "list"}).text()));
    }

    void aliasesNameQueues() {
        const Strings alias{"--set", "queue.mail.name=" + name()};
        addJob();
        Strings args{"job", "show", "1"};
        args.insert(args.end(), alias.begin(), alias.end());
        CPPUNIT_ASSERT_EQUAL(0, run(args));
        args = {"queue", "show", "mail"};
        args.insert(args.end(), alias.begin(), alias.end());
        CPPUNIT_ASSERT_EQUAL(0, run(args));
        assertStartsWith(out_, name() + "\n");
        CPPUNIT_ASSERT_EQUAL(64, run({"job", "show", "1"}));
        assertContains(err_, "job show needs --queue NAME: the configuration names no queue");
    }

    void aQueueWithShardsIsOne() {
        useOwnServer();
        const auto sharded = [this](Strings args) {
            args.insert(args.end(), {"--set", "queue.mail.name=" + name(), "--set"});
            args.emplace_back("queue.mail.shards=2");
            return args;
        };
        const Strings shards = {name() + "-{0}", name() + "-{1}"};
        std::map<std::string, int> added;
        for (int i = 0; i < 32; ++i) {
            const JsonView job = json(sharded({"job", "add", "hello"}));
            ++added[job["queueQualifiedName"].string().value()];
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, added.size());
        const JsonView list = json(sharded({"queue", "list"}));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, list.elements().size());
        assertEqual(name(), list.elements()[0]["name"].string().value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{32},
                             list.elements()[0]["counts"]["waiting"].integer().value());
        CPPUNIT_ASSERT_EQUAL(0, run(sharded({"queue", "show", "mail"})));
        assertStartsWith(out_, name() + "\n  waiting            32\n");
        CPPUNIT_ASSERT_EQUAL(0, run(sharded({"queue", "pause", "mail"})));
        for (const std::string& shard : shards) {
            assertEqual("1", text({"HGET", "bull:" + shard + ":meta", "paused"}));
        }
        CPPUNIT_ASSERT_EQUAL(0, run(sharded({"queue", "resume", shards[1]})));
        assertEqual("1", text({"HGET", "bull:" + shards[0] + ":meta", "paused"}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number({"HEXISTS", "bull:" + shards[1] + ":meta", "paused"}));
        CPPUNIT_ASSERT_EQUAL(0, run(sharded({"queue", "resume", "mail"})));

        CPPUNIT_ASSERT_EQUAL(64, run(sharded({"job", "list"})));
        assertContains(err_, "has shards: name the one that is meant, from " + shards[0]);
        CPPUNIT_ASSERT_EQUAL(0, run(sharded({"job", "list", "--queue", shards[1]})));
        CPPUNIT_ASSERT_EQUAL(0,
                             run(sharded({"scheduler", "upsert", "s", "--pattern", "0 9 1 1 *"})));
        CPPUNIT_ASSERT_EQUAL(0, run(sharded({"scheduler", "show", "s"})));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                             json(sharded({"scheduler", "list"})).elements().size());
        CPPUNIT_ASSERT_EQUAL(0, run(sharded({"scheduler", "remove", "s", "--yes"})));
        CPPUNIT_ASSERT_EQUAL(0, run(sharded({"queue", "doctor", "mail"})));

        const JsonView some = json(
            sharded({"queue", "clean", "mail", "--state", "waiting", "--limit", "20", "--yes"}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{20}, some["removed"].integer().value());
        const JsonView rest = json(sharded({"queue", "drain", "mail", "--yes"}));
        assertEqual(name(), rest["queue"].string().value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{12}, rest["removed"].integer().value());
        CPPUNIT_ASSERT_EQUAL(0, run(sharded({"queue", "obliterate", "mail", "--yes"})));
        for (const std::string& shard : shards) {
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", "bull:" + shard + ":meta"}));
        }
    }

    void aTerminalNeverGetsControlCharacters() {
        addJob("a\033[2Jb\xC2\x9B\xFF", "{\"x\":\"\\u001b\"}");
        for (const Strings& args : {Strings{"job", "list", "--queue", name()},
                                    Strings{"job", "show", "1", "--queue", name()}}) {
            CPPUNIT_ASSERT_EQUAL(0, run(args));
            assertContains(out_, "a?[2Jb??");
            assertLacks(out_, "\033");
        }
    }

    void wrongValuesAreNamed() {
        const std::vector<std::pair<Strings, std::string>> cases = {
            {{"job", "list", "--state", "running"}, "running"},
            {{"job", "list", "--count", "0"}, "--count must be an integer in [1, 1000], not 0"},
            {{"job", "list", "--start", "x"}, "--start must be an integer"},
            {{"queue", "clean", name(), "--older-than", "1y"},
             "--older-than must be a time such as 500ms, 90s, 15m, 2h or 30d, not 1y"},
            {{"queue", "show", "a:b"}, "a:b"},
            {{"scheduler", "upsert", "s", "--pattern", "x"}, "x"},
            {{"flow", "show", "1", "--depth", "0"}, "--depth must be an integer in [1, 1000]"},
        };
        for (auto [args, message] : cases) {
            if (args[0] != "queue") {
                args.insert(args.end(), {"--queue", name()});
            }
            CPPUNIT_ASSERT_EQUAL_MESSAGE(message + err_, 64, run(args));
            assertContains(err_, message);
        }
        for (const auto& rows : {badOptions(), unknownOptions(), badParents()}) {
            for (const BadOption& bad : rows) {
                CPPUNIT_ASSERT_EQUAL_MESSAGE(
                    bad.opts, 64, run({"job", "add", "x", "--opts", bad.opts, "--queue", name()}));
                assertEqual("", missingIn(err_, bad));
            }
        }
        for (const BadOption& bad : unknownOptions()) {
            CPPUNIT_ASSERT_EQUAL(64,
                                 run({"scheduler",
                                      "upsert",
                                      "s",
                                      "--every",
                                      "1h",
                                      "--opts",
                                      bad.opts,
                                      "--queue",
                                      name()}));
            assertEqual("", missingIn(err_, bad));
        }
        for (const BadOption& bad : badRepeats()) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                bad.opts,
                64,
                run({"scheduler", "upsert", "s", "--repeat", bad.opts, "--queue", name()}));
            assertEqual("", missingIn(err_, bad));
        }
        terminal_.reset();
        terminal_ = std::make_unique<FakeTerminal>();
        port_ = 1;
        CPPUNIT_ASSERT_EQUAL(69, run({"queue", "list"}));
    }

    void theUrlOfTheCommandGoesBeforeACluster() {
        environment_["DROVER_REDIS_CLUSTER"] = "127.0.0.1:1";
        const int code = run({"queue", "list"});
        CPPUNIT_ASSERT_EQUAL_MESSAGE(err_, 0, code);
    }

private:
    [[nodiscard]] std::string name() const { return keys().qualifiedName().substr(5); }

    /// Runs a command on the test's server; returns the exit code.
    int run(Strings args) {
        const int port = port_ != 0 ? port_ : options().port;
        args.insert(args.end(), {"--redis", redisUrl(port)});
        for (const std::string& variable : redisVariables()) {
            const std::size_t at = variable.find('=');
            environment_[variable.substr(0, at)] = variable.substr(at + 1);
        }
        std::ostringstream out;
        std::ostringstream err;
        const ExitCode code = cli::runCommand(args, environment_, schema_, out, err, *terminal_);
        out_ = out.str();
        err_ = err.str();
        return static_cast<int>(code);
    }
    /// Runs a command with --json; returns what it printed, which lives until the next one.
    JsonView json(Strings args, int expected = 0) {
        args.emplace_back("--json");
        const int code = run(args);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(err_, expected, code);
        json_ = out_;
        json_.pop_back();
        return JsonView::parse(json_);
    }
    std::string addDelayed() {
        JobRecord record;
        record.name = "later";
        record.data = "{}";
        record.opts = "{}";
        record.timestampMs = clock_.wallMs();
        record.delayMs = 3600000;
        return ops::addJobs(context(), client(), {record}, clock_.wallMs()).front().id;
    }
    /// Lets a worker claim the next job and fail it.
    void fail(const std::string& id) {
        const ClaimedJob job = claim(1).at(0);
        CPPUNIT_ASSERT_EQUAL(id, job.id);
        AdvanceRequest request;
        FinishItem item;
        item.id = id;
        item.token = job.token;
        item.completed = false;
        item.value = "wrong";
        item.stacktrace = "[\"wrong\"]";
        request.finish = {item};
        ops::advance(context(), client(), request, clock_.wallMs());
    }

    std::unique_ptr<FakeTerminal> terminal_;
    FakeSchema schema_;
    std::string out_, err_, json_;
    std::map<std::string, std::string> environment_{{"TZ", "UTC"}};
    int port_ = 0;  ///< 0: that of the server.
};

CPPUNIT_TEST_SUITE_REGISTRATION(OperateCommandsTest);
