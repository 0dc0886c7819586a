#include <thread>
#include <utility>

#include <cppunit/extensions/HelperMacros.h>

#include "queue/ops/Add.h"
#include "support/Assert.h"
#include "support/FakeHandler.h"
#include "support/LogCapture.h"
#include "support/Patience.h"
#include "support/RedisFixture.h"
#include "support/TcpProxy.h"
#include "worker/Worker.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;

void completeAll(std::span<RunningJob* const> jobs) {
    for (RunningJob* job : jobs) {
        job->setOutcome({JobOutcome::Kind::Completed, "{\"ok\":true}", "", 0});
    }
}

void failAll(std::span<RunningJob* const> jobs) {
    for (RunningJob* job : jobs) {
        job->setOutcome({JobOutcome::Kind::Failed, "boom", "", 0});
    }
}

}  // namespace

/// From the claim to the outcome, as another client of the queue sees it.
class WorkerTest : public RedisFixture {
    CPPUNIT_TEST_SUITE(WorkerTest);
    CPPUNIT_TEST(completedJobLooksAsBullmqLeavesIt);
    CPPUNIT_TEST(idleWorkerClaimsANewJobAtOnce);
    CPPUNIT_TEST(delayedJobRunsOnTime);
    CPPUNIT_TEST(failedJobIsRetriedAndThenFails);
    CPPUNIT_TEST(unrecoverableJobFailsAtOnce);
    CPPUNIT_TEST(unservedNameIsPutBackForAPeer);
    CPPUNIT_TEST(unservedJobsDoNotStarveServedJobsNorFloodTheLog);
    CPPUNIT_TEST(aHandlerAddsChildrenAndWaitsForThem);
    CPPUNIT_TEST(waitingForNoChildrenDelaysNoOtherJob);
    CPPUNIT_TEST(wrongChildrenAreRefusedWhole);
    CPPUNIT_TEST(aJobThatCannotEndFailsAndDelaysNoOtherJob);
    CPPUNIT_TEST(unavailableHandlerCostsNoAttemptAndProbesWithOneJob);
    CPPUNIT_TEST(jobsThatDoNotBeginInTimeAreHandedBackInOrder);
    CPPUNIT_TEST(longJobsAreClaimedOnceAndOnlyAsTheyRun);
    CPPUNIT_TEST(aBatchAtWorkIsNotFilledUp);
    CPPUNIT_TEST(quietHandsBackWhatHasNotBegun);
    CPPUNIT_TEST(drainHandsBackAndFinishes);
    CPPUNIT_TEST(deferredFailureIsFailedUnrun);
    CPPUNIT_TEST(thousandsOfJobsAreEachRunOnce);
    CPPUNIT_TEST(aWorkerWithoutRoomIsNotStuck);
    CPPUNIT_TEST(aJobWhoseScheduleCannotBeReadGoesBackUnstarted);
    CPPUNIT_TEST(madeReadyItClaimsNothing);
    CPPUNIT_TEST(startedItIsListed);
    CPPUNIT_TEST(jobsHaveTheWorkersName);
    CPPUNIT_TEST(optionsOfOtherTypesCountAsInNode);
    CPPUNIT_TEST(aCountBeyondAllNumbersIsTheLast);
    CPPUNIT_TEST(aBackoffOfMinusOneEndsTheJob);
    CPPUNIT_TEST(aClosedLimiterIsReadAgainWithinTheLongestDelay);
    CPPUNIT_TEST(aRateLimitOfTheHandlerIsWaitedForWithinTheLongestDelay);
    CPPUNIT_TEST_SUITE_END();

public:
    void tearDown() override {
        worker_.reset();
        RedisFixture::tearDown();
    }

    void completedJobLooksAsBullmqLeavesIt() {
        const std::string id = addJob();
        run(std::make_shared<FakeHandler>(completeAll));
        eventually("completed", [&] { return stateOf(id) == JobState::Completed; });
        auto fields = hash(id);
        assertEqual("{\"ok\":true}", fields["returnvalue"]);
        assertEqual("1", fields["atm"]);
        assertEqual("1", fields["ats"]);
        CPPUNIT_ASSERT_EQUAL(fields["finishedOn"], text({"ZSCORE", keys().completed, id}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().job(id) + ":lock"}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"LLEN", keys().active}));
        const std::vector<std::string> expected = {
            "added 1 name=test",
            "waiting 1",
            "active 1 prev=waiting",
            "completed 1 returnvalue={\"ok\":true} prev=active",
            "drained"};
        CPPUNIT_ASSERT(expected == events());
    }

    void idleWorkerClaimsANewJobAtOnce() {
        auto handler = std::make_shared<FakeHandler>(completeAll);
        run(handler);
        // Armed: the marker's BZPOPMIN shows in the list of blocked clients.
        eventually("blocked", [&] {
            return text({"INFO", "clients"}).find("blocked_clients:1") != std::string::npos;
        });
        const auto began = std::chrono::steady_clock::now();
        const std::string id = addJob();
        eventually("completed", [&] { return stateOf(id) == JobState::Completed; });
        CPPUNIT_ASSERT(std::chrono::steady_clock::now() - began < kAtOnce);
    }

    void delayedJobRunsOnTime() {
        run(std::make_shared<FakeHandler>(completeAll));
        JobRecord item;
        item.name = "later";
        item.data = "{}";
        item.opts = "{\"attempts\":0,\"delay\":300}";
        item.timestampMs = clock_.wallMs();
        item.delayMs = 300;
        const std::string id =
            ops::addJobs(context(), client(), {item}, clock_.wallMs()).front().id;
        CPPUNIT_ASSERT_EQUAL(std::to_string((item.timestampMs + 300) * 4096),
                             scoreText(keys().delayed, id));
        eventually("completed", [&] { return stateOf(id) == JobState::Completed; });
        const std::int64_t processedOn = std::stoll(hash(id)["processedOn"]);
        CPPUNIT_ASSERT(processedOn >= item.timestampMs + 300);
        CPPUNIT_ASSERT(processedOn < item.timestampMs + 1500);
        assertEqual("0", hash(id)["delay"]);
    }

    void failedJobIsRetriedAndThenFails() {
        const std::string id =
            addJob("test", "{}", "{\"attempts\":3,\"backoff\":{\"type\":\"fixed\",\"delay\":20}}");
        auto handler = std::make_shared<FakeHandler>([](std::span<RunningJob* const> jobs) {
            for (RunningJob* job : jobs) {
                job->setOutcome({JobOutcome::Kind::Failed, "boom", "std::runtime_error: boom", 0});
            }
        });
        run(handler);
        eventually("failed", [&] { return stateOf(id) == JobState::Failed; });
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, handler->seen());
        auto fields = hash(id);
        assertEqual("3", fields["atm"]);
        assertEqual("boom", fields["failedReason"]);
        assertEqual(
            "[\"std::runtime_error: boom\\n    at fake 1.0.0\","
            "\"std::runtime_error: boom\\n    at fake 1.0.0\","
            "\"std::runtime_error: boom\\n    at fake 1.0.0\"]",
            fields["stacktrace"]);
        const auto seen = events();
        assertEqual("retries-exhausted 1 attemptsMade=3", seen[seen.size() - 2]);
        assertEqual("failed 1 failedReason=boom prev=active", seen[seen.size() - 3]);
    }

    void unrecoverableJobFailsAtOnce() {
        const std::string id = addJob("test", "{}", "{\"attempts\":5}");
        auto handler = std::make_shared<FakeHandler>([](std::span<RunningJob* const> jobs) {
            jobs.front()->setOutcome({JobOutcome::Kind::Unrecoverable, "sold out", "", 0});
        });
        run(handler);
        eventually("failed", [&] { return stateOf(id) == JobState::Failed; });
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, handler->seen());
        for (const std::string& event : events()) {
            assertLacks(event, "retries-exhausted");
        }
    }

    void unservedNameIsPutBackForAPeer() {
        const std::string id = addJob("nobody");
        run(std::make_shared<FakeHandler>(completeAll, std::vector<std::string>{"somebody"}));
        eventually("delayed", [&] { return stateOf(id) == JobState::Delayed; });
        auto fields = hash(id);
        CPPUNIT_ASSERT(fields.count("atm") == 0);
        CPPUNIT_ASSERT(fields.count("ats") == 0);
        assertEqual("1000", fields["delay"]);
        eventually("counted", [&] { return worker_->stats().unserved >= 1; });
    }

    void unservedJobsDoNotStarveServedJobsNorFloodTheLog() {
        LogCapture log("worker");
        JobRecord unknown;
        unknown.name = "nobody";
        unknown.data = "{}";
        unknown.opts = "{\"attempts\":0}";
        for (int i = 0; i < 20; ++i) {
            ops::addJobs(
                context(), client(), std::vector<JobRecord>(500, unknown), clock_.wallMs());
        }
        const std::string real = addJob("somebody");
        run(std::make_shared<FakeHandler>(completeAll, std::vector<std::string>{"somebody"}));
        eventually("completed", [&] { return stateOf(real) == JobState::Completed; });
        // None was given a lock, or a place among the active ones, not even for a moment.
        for (const std::string& event : events()) {
            CPPUNIT_ASSERT_MESSAGE(
                event, event.rfind("active ", 0) != 0 || event.rfind("active " + real, 0) == 0);
        }
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, worker_->stats().claimed);
        eventually("they come again", [&] { return worker_->stats().unserved > 10000; });
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log.count("jobName=nobody"));
        const std::string last = addJob("somebody");
        eventually("completed", [&] { return stateOf(last) == JobState::Completed; });
    }

    void aHandlerAddsChildrenAndWaitsForThem() {
        const std::string parent = addJob("parent");
        std::mutex mutex;
        std::string ids;
        std::string values;
        run(std::make_shared<FakeHandler>([&](std::span<RunningJob* const> jobs) {
            for (RunningJob* job : jobs) {
                const std::lock_guard lock(mutex);
                if (job->job().name == "child") {
                    job->setOutcome({JobOutcome::Kind::Completed, job->job().data, "", 0});
                } else if (ids.empty()) {
                    CPPUNIT_ASSERT(
                        job->addChildren(
                            R"([{"name":"child","data":{"n":1}},{"name":"child","data":2}])",
                            ids) == HostStatus::Ok);
                    job->setOutcome({JobOutcome::Kind::WaitingChildren, "", "", 0});
                } else {
                    CPPUNIT_ASSERT(job->childrenValues(values) == HostStatus::Ok);
                    job->setOutcome({JobOutcome::Kind::Completed, "null", "", 0});
                }
            }
        }));
        eventually("completed", [&] { return stateOf(parent) == JobState::Completed; });
        assertEqual("[\"2\",\"3\"]", ids);
        const std::string first = "\"" + keys().job("2") + "\":{\"n\":1}";
        const std::string second = "\"" + keys().job("3") + "\":2";
        CPPUNIT_ASSERT(values == "{" + first + "," + second + "}" ||
                       values == "{" + second + "," + first + "}");
        assertEqual("2", hash(parent)["ats"]);
        assertEqual("1", hash(parent)["atm"]);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number({"EXISTS", keys().job(parent) + ":dependencies"}));
    }

    void waitingForNoChildrenDelaysNoOtherJob() {
        const std::string stuck = addJob("stuck");
        run(std::make_shared<FakeHandler>([](std::span<RunningJob* const> jobs) {
            for (RunningJob* job : jobs) {
                const bool waits = job->job().name == "stuck";
                job->setOutcome(
                    {waits ? JobOutcome::Kind::WaitingChildren : JobOutcome::Kind::Completed,
                     "",
                     "",
                     0});
            }
        }));
        eventually("it is put off", [&] { return stateOf(stuck) == JobState::Delayed; });
        assertEqual("4", hash(stuck)["ats"]);
        const std::string other = addJob();
        eventually("completed", [&] { return stateOf(other) == JobState::Completed; });
    }

    void wrongChildrenAreRefusedWhole() {
        const std::string parent = addJob("parent");
        std::atomic<int> refused{0};
        run(std::make_shared<FakeHandler>([&](std::span<RunningJob* const> jobs) {
            std::string ids;
            for (const char* wrong :
                 {"{}",
                  "[1]",
                  R"([{"data":1}])",
                  R"([{"name":"child","queue":"no colon"}])",
                  R"([{"name":"child"},{"name":"child","opts":{"priority":-1}}])",
                  R"([{"name":"child","speed":1}])"}) {
                refused += jobs[0]->addChildren(wrong, ids) == HostStatus::Argument ? 1 : 0;
            }
            jobs[0]->setOutcome({JobOutcome::Kind::Completed, "null", "", 0});
        }));
        eventually("completed", [&] { return stateOf(parent) == JobState::Completed; });
        CPPUNIT_ASSERT_EQUAL(6, refused.load());
        assertEqual("1", text({"GET", keys().idCounter}));
    }

    void aJobThatCannotEndFailsAndDelaysNoOtherJob() {
        for (int i = 0; i < 8; ++i) {
            addJob();
        }
        // The end of job 3 needs the number of its children, which a key of this type does not have.
        redis({"SET", keys().job("3") + ":dependencies", "no set"});
        LogCapture log("worker");
        run(std::make_shared<FakeHandler>(completeAll));
        eventually("completed", [&] { return number({"ZCARD", keys().completed}) == 7; });
        eventually("failed", [&] { return stateOf("3") == JobState::Failed; });
        assertStartsWith(hash("3")["failedReason"],
                         "completed, but that could not be stored: WRONGTYPE");
        eventually("logged", [&] { return log.count("the job is set aside") == 1; });
        eventually("counted", [&] { return worker_->stats().setAside == 1; });
        worker_.reset();
    }

    void unavailableHandlerCostsNoAttemptAndProbesWithOneJob() {
        std::vector<std::string> ids;
        for (int i = 0; i < 20; ++i) {
            ids.push_back(addJob());
        }
        std::atomic<bool> away{true};
        auto handler = std::make_shared<FakeHandler>([&away](std::span<RunningJob* const> jobs) {
            for (RunningJob* job : jobs) {
                job->setOutcome(
                    away ? JobOutcome{JobOutcome::Kind::Unavailable, "database away", "", 0}
                         : JobOutcome{JobOutcome::Kind::Completed, "1", "", 0});
            }
        });
        run(handler);
        eventually("three probes", [&] { return handler->batches().size() >= 4; });
        away = false;
        for (const std::string& id : ids) {
            eventually("completed", [&] { return stateOf(id) == JobState::Completed; });
            assertEqual("1", hash(id)["atm"]);
            assertEqual("1", hash(id)["ats"]);
        }
        const auto batches = handler->batches();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, batches[1]);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, batches[2]);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, batches[3]);
    }

    void jobsThatDoNotBeginInTimeAreHandedBackInOrder() {
        std::atomic<bool> hold{false};
        settings_.unstartedMax = milliseconds(50);
        const std::string first = addJob();
        run(std::make_shared<FakeHandler>(
            [&hold](std::span<RunningJob* const> jobs) {
                while (hold && jobs.front()->waitCancelled(milliseconds(5)) == CancelReason::None) {
                }
                completeAll(jobs);
            },
            std::vector<std::string>{},
            1));
        // Jobs are short, as far as this one shows: further jobs are held ahead.
        eventually("completed", [&] { return stateOf(first) == JobState::Completed; });
        hold = true;
        ops::addJobs(context(), client(), std::vector<JobRecord>(6, item()), clock_.wallMs());
        eventually("handed back", [&] { return worker_->stats().handedBack == 5; });
        eventually("in wait", [&] { return number({"LLEN", keys().active}) == 1; });
        CPPUNIT_ASSERT((std::vector<std::string>{"7", "6", "5", "4", "3"} == list(keys().wait)));
        assertEqual("0", hash("3")["ats"]);
        hold = false;
        eventually("all done", [&] { return number({"ZCARD", keys().completed}) == 7; });
    }

    void longJobsAreClaimedOnceAndOnlyAsTheyRun() {
        // The longest time for which a job of 300 ms is not held ahead: a late thread hands nothing back.
        settings_.unstartedMax = milliseconds(590);
        settings_.threads = 2;
        std::atomic<std::uint64_t> begun{0};
        std::atomic<std::uint64_t> mostAhead{0};
        auto handler = std::make_shared<FakeHandler>(
            [&](std::span<RunningJob* const> jobs) {
                // Read before the job counts as begun: a slow thread sees too few jobs ahead, never too many.
                const std::uint64_t claimed = worker_->stats().claimed;
                const std::uint64_t ahead = claimed - std::min(claimed, ++begun);
                for (std::uint64_t most = mostAhead;
                     ahead > most && !mostAhead.compare_exchange_weak(most, ahead);) {
                }
                jobs.front()->waitCancelled(milliseconds(300));
                completeAll(jobs);
            },
            std::vector<std::string>{},
            1);
        run(handler);
        ops::addJobs(context(), client(), std::vector<JobRecord>(14, item()), clock_.wallMs());
        eventually("completed", [&] { return number({"ZCARD", keys().completed}) == 14; });
        // As a job begins, the only claimed job that has not begun is the one of the other thread.
        CPPUNIT_ASSERT(mostAhead <= 1);
        const auto seen = events();
        for (const char* event : {"active ", "waiting "}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                event, std::ptrdiff_t{14}, std::count_if(seen.begin(), seen.end(), [&](auto& one) {
                    return one.rfind(event, 0) == 0;
                }));
        }
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{14}, worker_->stats().claimed);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, worker_->stats().handedBack);
    }

    void aBatchAtWorkIsNotFilledUp() {
        // One thread that may have 64 jobs has one of them: later jobs wait where a peer can claim them.
        std::atomic<bool> hold{true};
        auto handler = std::make_shared<FakeHandler>([&hold](std::span<RunningJob* const> jobs) {
            while (hold && jobs.front()->waitCancelled(milliseconds(5)) == CancelReason::None) {
            }
            completeAll(jobs);
        });
        run(handler);
        addJob();
        eventually("it runs", [&] { return handler->seen() == 1; });
        for (int i = 0; i < 10; ++i) {
            addJob();
        }
        const auto until = clock_.monotonic() + milliseconds(700);
        eventually("a while", [&] { return clock_.monotonic() > until; });
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, worker_->stats().claimed);
        hold = false;
        eventually("completed", [&] { return number({"ZCARD", keys().completed}) == 11; });
        CPPUNIT_ASSERT_EQUAL(std::size_t{10}, handler->batches().back());
    }

    void quietHandsBackWhatHasNotBegun() {
        std::atomic<bool> hold{false};
        std::atomic<bool> held{false};
        settings_.unstartedMax = std::chrono::seconds(60);
        auto handler = std::make_shared<FakeHandler>(
            [&](std::span<RunningJob* const> jobs) {
                held = hold.load();
                while (hold && jobs.front()->waitCancelled(milliseconds(5)) == CancelReason::None) {
                }
                completeAll(jobs);
            },
            std::vector<std::string>{},
            1);
        run(handler);
        const std::string first = addJob();
        eventually("completed", [&] { return stateOf(first) == JobState::Completed; });
        hold = true;
        ops::addJobs(context(), client(), std::vector<JobRecord>(5, item()), clock_.wallMs());
        eventually("held ahead", [&] { return number({"LLEN", keys().active}) == 5; });
        eventually("one has begun", [&] { return held.load(); });
        worker_->quiet(true);
        eventually("handed back", [&] { return number({"LLEN", keys().active}) == 1; });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, number({"LLEN", keys().wait}));
        hold = false;
        eventually("it ends", [&] { return number({"LLEN", keys().active}) == 0; });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, number({"LLEN", keys().wait}));
        worker_->quiet(false);
        eventually("all done", [&] { return number({"ZCARD", keys().completed}) == 6; });
    }

    void drainHandsBackAndFinishes() {
        std::atomic<bool> hold{false};
        auto handler = std::make_shared<FakeHandler>(
            [&hold](std::span<RunningJob* const> jobs) {
                while (hold) {
                    jobs.front()->waitCancelled(milliseconds(2));
                }
                completeAll(jobs);
            },
            std::vector<std::string>{},
            1);
        run(handler);
        const std::string first = addJob();
        eventually("completed", [&] { return stateOf(first) == JobState::Completed; });
        hold = true;
        ops::addJobs(context(), client(), std::vector<JobRecord>(5, item()), clock_.wallMs());
        eventually("running", [&] { return handler->seen() == 2; });
        worker_->drain();
        eventually("one left", [&] { return number({"LLEN", keys().active}) == 1; });
        CPPUNIT_ASSERT(!worker_->finished());
        hold = false;
        eventually("finished", [&] { return worker_->finished(); });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"LLEN", keys().active}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number({"ZCARD", keys().completed}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, number({"LLEN", keys().wait}));
        assertEqual("0", text({"ZSCORE", keys().marker, "0"}));
    }

    void deferredFailureIsFailedUnrun() {
        const std::string id = addJob("test", "{}", "{\"attempts\":3}");
        redis({"HSET", keys().job(id), "defa", "job stalled more than allowable limit"});
        auto handler = std::make_shared<FakeHandler>(completeAll);
        run(handler);
        eventually("failed", [&] { return stateOf(id) == JobState::Failed; });
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, handler->seen());
        assertEqual("job stalled more than allowable limit", hash(id)["failedReason"]);
        CPPUNIT_ASSERT(hash(id).count("defa") == 0);
    }

    void thousandsOfJobsAreEachRunOnce() {
        std::vector<JobRecord> items(500);
        for (JobRecord& item : items) {
            item.name = "test";
            item.data = "{}";
            item.opts = R"({"attempts":0,"removeOnComplete":true})";
            item.timestampMs = clock_.wallMs();
        }
        for (int i = 0; i < 10; ++i) {
            ops::addJobs(context(), client(), items, clock_.wallMs());
        }
        auto handler = std::make_shared<FakeHandler>(completeAll);
        settings_.threads = 2;
        run(handler);
        eventually("all gone", [&] {
            return number({"LLEN", keys().wait}) + number({"LLEN", keys().active}) == 0;
        });
        CPPUNIT_ASSERT_EQUAL(std::size_t{5000}, handler->seen());
        eventually("counted", [&] { return worker_->stats().completed == 5000; });
    }

    void aWorkerWithoutRoomIsNotStuck() {
        settings_.concurrency = 1;
        addJob();
        auto handler = std::make_shared<FakeHandler>([](std::span<RunningJob* const> jobs) {
            while (jobs[0]->cancelled() == CancelReason::None) {
                std::this_thread::sleep_for(milliseconds(1));
            }
        });
        run(handler);
        eventually("it runs", [&] { return handler->seen() == 1; });
        milliseconds before{0};
        eventually("it has progressed", [&] {
            const milliseconds since = worker_->stats().sinceProgress;
            return since < std::exchange(before, since);
        });
    }

    void madeReadyItClaimsNothing() {
        auto handler = std::make_shared<FakeHandler>(completeAll);
        make(handler);
        worker_->makeReady();
        CPPUNIT_ASSERT_EQUAL(settings_.threads, handler->instances());
        const std::string id = addJob();
        worker_.reset();
        CPPUNIT_ASSERT(stateOf(id) == JobState::Waiting);
        CPPUNIT_ASSERT_EQUAL(0, handler->instances());
        run(handler);
        eventually("completed", [&] { return stateOf(id) == JobState::Completed; });
    }

    void startedItIsListed() {
        settings_.workerName = "listed";
        // Each message to Redis is late: a start that did not wait for the connection would show.
        TcpProxy proxy(options().port);
        proxy.inject({NetworkFault::Kind::Delay, Way::ToServer, 1.0, milliseconds(50)});
        RedisOptions through = optionsAt(proxy.port());
        make(std::make_shared<FakeHandler>(completeAll), through);
        worker_->start();
        worker_->awaitListed();
        assertContains(text({"CLIENT", "LIST"}), ":w:listed");
        worker_.reset();
    }

    void jobsHaveTheWorkersName() {
        settings_.workerName = "cashier";
        const std::string id = addJob();
        run(std::make_shared<FakeHandler>([](std::span<RunningJob* const> jobs) {
            jobs.front()->setOutcome({JobOutcome::Kind::Failed, jobs.front()->workerName(), "", 0});
        }));
        eventually("failed", [&] { return stateOf(id) == JobState::Failed; });
        assertEqual("cashier", hash(id)["failedReason"]);
    }

    void optionsOfOtherTypesCountAsInNode() {
        // As they come from environment variables; "removeOnFail" has no meaning here.
        const std::string id = addJob(
            "test",
            "{}",
            R"({"attempts":"3","backoff":{"type":"fixed","delay":"20"},"removeOnFail":{"count":"x"}})");
        auto handler = std::make_shared<FakeHandler>(failAll);
        run(handler);
        eventually("failed", [&] { return stateOf(id) == JobState::Failed; });
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, handler->seen());
        assertEqual("3", hash(id)["atm"]);
    }

    void aCountBeyondAllNumbersIsTheLast() {
        const std::pair<const char*, const char*> counts[] = {{"atm", "2147483647"},
                                                              {"attemptsMade", "2147483647"},
                                                              {"atm", "99999999999999999999"},
                                                              {"attemptsMade", "9007199254740993"}};
        std::vector<std::string> ids;
        for (const auto& [field, value] : counts) {
            ids.push_back(addJob("test", "{}", R"({"attempts":3})"));
            redis({"HSET", keys().job(ids.back()), field, value});
        }
        // parseInt() reads 1 of it, and a number below 0 as it is.
        for (const char* value : {"1e308", "-1"}) {
            ids.push_back(addJob("test", "{}", R"({"attempts":3})"));
            redis({"HSET", keys().job(ids.back()), "atm", value});
        }
        auto handler = std::make_shared<FakeHandler>(failAll);
        run(handler);
        for (const std::string& id : ids) {
            eventually("failed " + id, [&] { return stateOf(id) == JobState::Failed; });
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{4 + 2 + 4}, handler->seen());
    }

    void aBackoffOfMinusOneEndsTheJob() {
        const std::string id =
            addJob("test", "{}", R"({"attempts":3,"backoff":{"type":"fixed","delay":-1}})");
        auto handler = std::make_shared<FakeHandler>(failAll);
        run(handler);
        eventually("failed", [&] { return stateOf(id) == JobState::Failed; });
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, handler->seen());
    }

    void aClosedLimiterIsReadAgainWithinTheLongestDelay() {
        settings_.limiterMax = 1;
        settings_.limiterDuration = std::chrono::seconds(600);
        settings_.maximumRateLimitDelay = milliseconds(100);
        redis({"CONFIG", "RESETSTAT"});
        addJob();
        addJob();
        run(std::make_shared<FakeHandler>(completeAll));
        // The script reads the time that is left only where the limiter is closed.
        eventually("it was told to wait", [&] {
            return text({"INFO", "commandstats"}).find("cmdstat_pttl:") != std::string::npos;
        });
        eventually("one ran", [&] { return worker_->stats().completed == 1; });
        redis({"DEL", keys().limiter});
        eventually("the other ran", [&] { return worker_->stats().completed == 2; });
    }

    void aRateLimitOfTheHandlerIsWaitedForWithinTheLongestDelay() {
        settings_.limiterMax = 100;
        settings_.limiterDuration = std::chrono::seconds(600);
        settings_.maximumRateLimitDelay = milliseconds(100);
        std::atomic<int> runs{0};
        const std::string id = addJob();
        run(std::make_shared<FakeHandler>([&runs](std::span<RunningJob* const> jobs) {
            if (++runs == 1) {
                jobs.front()->setOutcome({JobOutcome::Kind::RateLimited, "", "", 600000});
            } else {
                completeAll(jobs);
            }
        }));
        eventually("it goes back", [&] { return worker_->stats().handedBack == 1; });
        CPPUNIT_ASSERT(number({"PTTL", keys().limiter}) > 500000);
        redis({"DEL", keys().limiter});
        eventually("completed", [&] { return stateOf(id) == JobState::Completed; });
    }

    void aJobWhoseScheduleCannotBeReadGoesBackUnstarted() {
        LogCapture log("worker");
        // As a client with a repeatStrategy of its own stores it.
        const std::string opts = R"({"repeat":{"pattern":"RRULE:FREQ=DAILY","count":1}})";
        const std::string id = "repeat:odd:1700000000000";
        redis({"HSET",
               keys().job("repeat:odd"),
               "name",
               "x",
               "pattern",
               "RRULE:FREQ=DAILY",
               "ic",
               "1"});
        redis({"ZADD", keys().repeat, "1700000000000", "odd"});
        redis({"HSET",
               keys().job(id),
               "name",
               "x",
               "data",
               "{}",
               "opts",
               opts,
               "rjk",
               "odd",
               "timestamp",
               "1",
               "delay",
               "0",
               "priority",
               "0"});
        redis({"LPUSH", keys().wait, id});
        const auto handler = std::make_shared<FakeHandler>(completeAll);
        run(handler);
        eventually("put back", [&] { return stateOf(id) == JobState::Delayed; });
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, handler->seen());
        assertEqual("0", hash(id).at("ats"));
        assertEqual("1700000000000", text({"ZSCORE", keys().repeat, "odd"}));
        assertEqual("1", hash("repeat:odd").at("ic"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log.count("cannot be computed here"));
    }

private:
    static JobRecord item() {
        JobRecord item;
        item.name = "test";
        item.data = "{}";
        item.opts = "{\"attempts\":0}";
        return item;
    }
    void run(std::shared_ptr<FakeHandler> handler) {
        make(std::move(handler));
        worker_->start();
    }
    void make(std::shared_ptr<FakeHandler> handler) { make(std::move(handler), options()); }
    void make(std::shared_ptr<FakeHandler> handler, const RedisOptions& through) {
        settings_.prefix = "bull";
        settings_.name = keys().qualifiedName().substr(5);
        worker_ =
            std::make_unique<Worker>(settings_,
                                     through,
                                     clock_,
                                     std::vector<std::shared_ptr<HandlerType>>{std::move(handler)});
    }
    std::string scoreText(const std::string& key, const std::string& member) {
        return std::to_string(static_cast<std::int64_t>(std::stod(text({"ZSCORE", key, member}))));
    }

    QueueSettings settings_;
    std::unique_ptr<Worker> worker_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(WorkerTest);
