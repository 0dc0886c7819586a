#include <functional>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "drover/QueueMaintenance.h"
#include "queue/ops/Add.h"
#include "queue/ops/Advance.h"
#include "queue/ops/Maintenance.h"
#include "support/Assert.h"
#include "support/LogCapture.h"
#include "support/OrphanScan.h"
#include "support/RedisFixture.h"
#include "support/WholeQueue.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::hours;
using std::chrono::milliseconds;
using Strings = std::vector<std::string>;
using Calls = QueueMaintenance::Calls;

}  // namespace

/// Work on all jobs of a state: which jobs it moves or removes, in how many calls, and what it leaves.
class QueueMaintenanceTest : public RedisFixture {
    CPPUNIT_TEST_SUITE(QueueMaintenanceTest);
    CPPUNIT_TEST(c190_allFailedJobsAreRetried);
    CPPUNIT_TEST(retriesGoBySetAndTime);
    CPPUNIT_TEST(aRetriedChildIsPendingAgain);
    CPPUNIT_TEST(aRetryWhosePartsAreBrokenGoesOn);
    CPPUNIT_TEST(c191_allDelayedJobsArePromoted);
    CPPUNIT_TEST(promotionsOfAPausedQueueWriteNoMarker);
    CPPUNIT_TEST(workInManyCallsReportsItsProgress);
    CPPUNIT_TEST(workThatWasEndedGoesOn);
    CPPUNIT_TEST(c195_cleanGoesByTheTimeOfTheEnd);
    CPPUNIT_TEST(cleanOfWaitingJobsGoesByTheirAdd);
    CPPUNIT_TEST(cleanFromTheMiddleOfAList);
    CPPUNIT_TEST(cleanHasALimit);
    CPPUNIT_TEST(cleanFindsTheListOfFive);
    CPPUNIT_TEST(c196_cleanPassesOverLockedJobs);
    CPPUNIT_TEST(c197_theNextJobsOfSchedulersStay);
    CPPUNIT_TEST(c198_drainLeavesOtherStates);
    CPPUNIT_TEST(drainLeavesJobsThatAreAddedMeanwhile);
    CPPUNIT_TEST(c178_deduplicationIdsAreReleased);
    CPPUNIT_TEST(c247_theParentOfTheSameQueueGoesToo);
    CPPUNIT_TEST(c247_theParentOfAnotherQueueRunsWithoutEvent);
    CPPUNIT_TEST(c199_obliterateRemovesAll);
    CPPUNIT_TEST(c199_obliterateRefusesActiveJobs);
    CPPUNIT_TEST(c199_obliterateOfAQueueThatIsResumedEnds);
    CPPUNIT_TEST(obliterateInManyCalls);
    CPPUNIT_TEST(obliterateGetsPastBrokenJobs);
    CPPUNIT_TEST(eventsAreTrimmed);
    CPPUNIT_TEST(orphansAreRemoved);
    CPPUNIT_TEST(orphansOfABusyQueueAreFound);
    CPPUNIT_TEST(aJobThatCannotBeRemovedStays);
    CPPUNIT_TEST(badValuesAreRefusedByName);
    CPPUNIT_TEST(aKeyOfAnotherTypeChangesNothing);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        log_ = std::make_unique<LogCapture>("maintenance");
        RedisFixture::setUp();
        work_ = std::make_unique<QueueMaintenance>(
            handleOf(options()),
            QueueMaintenance::Settings{"bull", keys().qualifiedName().substr(5), Bullmq5::Auto});
    }
    void tearDown() override {
        work_.reset();
        log_.reset();
        RedisFixture::tearDown();
    }

    void c190_allFailedJobsAreRetried() {
        for (int i = 0; i < 3; ++i) {
            finish(addJob(), false);
        }
        redis({"HSET", keys().job("2"), "priority", "4", "defa", "left"});
        redis({"DEL", keys().marker});
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, work_->retryJobs());
        // Whatever their priority, the first that failed is the next one.
        CPPUNIT_ASSERT((Strings{"3", "2", "1"} == list(keys().wait)));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().failed}));
        for (const char* field : {"finishedOn", "processedOn", "failedReason", "defa"}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(field, std::size_t{0}, hash("2").count(field));
        }
        assertEqual("1", hash("2")["atm"]);
        assertEqual("0", text({"ZSCORE", keys().marker, "0"}));
        CPPUNIT_ASSERT(
            (Strings{"waiting 1 prev=failed", "waiting 2 prev=failed", "waiting 3 prev=failed"} ==
             lastEvents(3)));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, work_->retryJobs());
    }

    void retriesGoBySetAndTime() {
        for (int i = 0; i < 3; ++i) {
            finish(addJob(), true);
        }
        finish(addJob(), false);
        redis({"ZADD", keys().completed, "1000", "1", "2000", "2"});
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, work_->retryJobs(JobState::Completed, 2000, Calls()));
        CPPUNIT_ASSERT((Strings{"2", "1"} == list(keys().wait)));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, hash("1").count("returnvalue"));
        CPPUNIT_ASSERT(stateOf("3") == JobState::Completed && stateOf("4") == JobState::Failed);
    }

    void aRetriedChildIsPendingAgain() {
        addParent("p");
        const std::string child = addChild("p", R"(,"fpof":true)");
        finish(child, false);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, work_->retryJobs());
        assertEqual(keys().job(child), text({"SRANDMEMBER", keys().job("p:dependencies")}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().job("p:unsuccessful")}));
    }

    void aRetryWhosePartsAreBrokenGoesOn() {
        addParent("p");
        addChild("p");
        for (int i = 0; i < 3; ++i) {
            addJob();
        }
        redis({"DEL", keys().wait});
        redis({"ZADD", keys().failed, "1", "2", "2", "3", "3", "4", "4", "5", "5", "none"});
        redis({"SET", keys().job("p:failed"), "text"});
        redis({"DEL", keys().job("3")});
        redis({"SET", keys().job("3"), "text"});
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, work_->retryJobs());
        CPPUNIT_ASSERT((Strings{"5", "4", "2"} == list(keys().wait)));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number({"EXISTS", keys().failed, keys().job("none")}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1},
                             number({"HEXISTS", keys().job("drover:set-aside"), "3"}));
    }

    void c191_allDelayedJobsArePromoted() {
        addDelayed(60000);
        addDelayed(90000, 5);
        redis({"DEL", keys().marker});
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, work_->promoteJobs());
        CPPUNIT_ASSERT((Strings{"2", "1"} == list(keys().wait)));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number({"EXISTS", keys().delayed, keys().prioritized}));
        assertEqual("60000", hash("1")["delay"]);  // As BullMQ leaves it.
        assertEqual("0", text({"ZSCORE", keys().marker, "0"}));
        CPPUNIT_ASSERT(
            (Strings{"waiting 1 prev=delayed", "waiting 2 prev=delayed"} == lastEvents(2)));
    }

    void promotionsOfAPausedQueueWriteNoMarker() {
        addDelayed(60000);
        redis({"HSET", keys().meta, "paused", "1"});
        redis({"DEL", keys().marker});
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, work_->promoteJobs());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().marker}));
        addDelayed(60000);
        const QueueContext shared(keys(), Bullmq5::On);
        CPPUNIT_ASSERT_EQUAL(
            std::size_t{1},
            ops::requeueJobs(shared, client(), "delayed", "+inf", 10, clock_.wallMs()).moved);
        CPPUNIT_ASSERT((Strings{"2", "1"} == list(keys().paused)));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().wait}));
    }

    void workInManyCallsReportsItsProgress() {
        for (int i = 0; i < 25; ++i) {
            addDelayed(60000);
        }
        std::vector<std::size_t> seen;
        const Calls calls{10, [&](std::size_t jobs) {
                              seen.push_back(jobs);
                              return true;
                          }};
        CPPUNIT_ASSERT_EQUAL(std::size_t{25}, work_->promoteJobs(calls));
        CPPUNIT_ASSERT((std::vector<std::size_t>{10, 20} == seen));
        seen.clear();
        CPPUNIT_ASSERT_EQUAL(std::size_t{25}, work_->drain(false, calls));
        CPPUNIT_ASSERT_EQUAL(std::size_t{25}, seen.back());
        CPPUNIT_ASSERT(seen.size() >= 3);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().wait}));
    }

    void workThatWasEndedGoesOn() {
        for (int i = 0; i < 25; ++i) {
            addJob();
        }
        const Calls once{10, [](std::size_t) { return false; }};
        CPPUNIT_ASSERT_EQUAL(std::size_t{10}, work_->clean({JobState::Waiting}, once).size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{10}, work_->drain(false, once));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, number({"LLEN", keys().wait}));
        CPPUNIT_ASSERT_EQUAL(std::size_t{5}, work_->drain());
        expectNoOrphans();
    }

    void c195_cleanGoesByTheTimeOfTheEnd() {
        for (const JobState state : {JobState::Completed, JobState::Failed}) {
            redis({"FLUSHDB"});
            for (int i = 0; i < 4; ++i) {
                finish(addJob(), state == JobState::Completed);
            }
            const std::string& set =
                state == JobState::Completed ? keys().completed : keys().failed;
            const std::int64_t hourAgo = clock_.wallMs() - 3600000;
            redis({"ZADD", set, "1", "3", std::to_string(hourAgo), "1"});
            CPPUNIT_ASSERT((Strings{"3", "1"} == work_->clean({state, milliseconds(3500000)})));
            assertEqual("cleaned count=2", events().back());
            CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number({"ZCARD", set}));
            CPPUNIT_ASSERT(work_->clean({state, milliseconds(3500000)}).empty());
            assertEqual("cleaned count=0", events().back());
            expectNoOrphans();
        }
    }

    void cleanOfWaitingJobsGoesByTheirAdd() {
        for (int i = 0; i < 3; ++i) {
            addJob();
        }
        addDelayed(60000);
        addDelayed(0, 3);
        addDelayed(60000);
        addDelayed(0, 3);
        for (const char* id : {"2", "4", "5"}) {
            redis({"HSET", keys().job(id), "timestamp", "1000"});
        }
        // It began once since.
        redis({"HSET", keys().job("6"), "timestamp", "1000", "processedOn", nowText()});
        redis({"HSET", keys().job("7"), "timestamp", "1000", "processedOn", nowText()});
        const milliseconds hour = hours(1);
        CPPUNIT_ASSERT((Strings{"2"} == work_->clean({JobState::Waiting, hour})));
        CPPUNIT_ASSERT((Strings{"4"} == work_->clean({JobState::Delayed, hour})));
        // A prioritized job goes by its add alone, as in BullMQ.
        CPPUNIT_ASSERT((Strings{"5", "7"} == work_->clean({JobState::Prioritized, hour})));
        CPPUNIT_ASSERT((Strings{"3", "1"} == list(keys().wait)));
        expectNoOrphans();
    }

    void cleanFromTheMiddleOfAList() {
        Strings stay;
        for (int i = 0; i < 60; ++i) {
            const std::string id = addJob();
            if (i % 3 == 0) {
                redis({"HSET", keys().job(id), "timestamp", "1000"});
            } else {
                stay.insert(stay.begin(), id);
            }
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{20},
                             work_->clean({JobState::Waiting, hours(1)}, Calls{7, {}}).size());
        CPPUNIT_ASSERT(stay == list(keys().wait));
        expectNoOrphans();
    }

    void cleanHasALimit() {
        for (int i = 0; i < 9; ++i) {
            addJob();
        }
        CPPUNIT_ASSERT((Strings{"1", "2", "3", "4"} ==
                        work_->clean({JobState::Waiting, milliseconds(0), 4}, Calls{3, {}})));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, number({"LLEN", keys().wait}));
    }

    void cleanFindsTheListOfFive() {
        for (int i = 0; i < 3; ++i) {
            addJob();
        }
        redis({"RENAME", keys().wait, keys().paused});
        addJob();
        CPPUNIT_ASSERT(
            (Strings{"4", "1"} == work_->clean({JobState::Waiting, milliseconds(0), 2})));
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, work_->drain());
        expectNoOrphans();
    }

    void c196_cleanPassesOverLockedJobs() {
        for (int i = 0; i < 3; ++i) {
            addJob();
        }
        claim(3);
        redis({"DEL", keys().job("2:lock")});
        redis({"SADD", keys().stalled, "1", "2"});
        CPPUNIT_ASSERT((Strings{"2"} == work_->clean({JobState::Active})));
        CPPUNIT_ASSERT((Strings{"3", "1"} == list(keys().active)));
        expectNoOrphans();
    }

    void c197_theNextJobsOfSchedulersStay() {
        for (const bool due : {false, true}) {
            redis({"FLUSHDB"});
            const std::string next = "repeat:tick:1795384466000";
            addJob();
            addScheduled(next, due ? 0 : 60000);
            addScheduled("repeat:tick:1795384465000", due ? 0 : 60000);  // An earlier run.
            addJob();
            redis({"ZADD", keys().repeat, "1795384466000", "tick"});
            redis({"HSET", keys().job("repeat:tick"), "ic", "1"});
            const JobState state = due ? JobState::Waiting : JobState::Delayed;
            CPPUNIT_ASSERT_EQUAL(std::size_t{due ? 3U : 1U}, work_->clean({state}).size());
            CPPUNIT_ASSERT_EQUAL(std::size_t{due ? 0U : 2U}, work_->drain(true));
            CPPUNIT_ASSERT(stateOf(next) == state);
            CPPUNIT_ASSERT_EQUAL(
                std::int64_t{1},
                due ? number({"LLEN", keys().wait}) : number({"ZCARD", keys().delayed}));
            expectNoOrphans();
        }
    }

    void c198_drainLeavesOtherStates() {
        finish(addJob(), true);
        finish(addJob(), false);
        addJob();
        claim(1);
        addJob();
        addDelayed(0, 3);
        addDelayed(60000);
        const std::size_t streamed = events().size();
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, work_->drain());
        for (const auto& [id, state] : {std::pair{"1", JobState::Completed},
                                        std::pair{"2", JobState::Failed},
                                        std::pair{"3", JobState::Active},
                                        std::pair{"6", JobState::Delayed}}) {
            CPPUNIT_ASSERT_MESSAGE(id, stateOf(id) == state);
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, work_->drain(true));
        CPPUNIT_ASSERT_EQUAL(streamed, events().size());
        expectNoOrphans();
    }

    void drainLeavesJobsThatAreAddedMeanwhile() {
        for (int i = 0; i < 20; ++i) {
            addJob();
        }
        const Calls busy{10, [this](std::size_t) {
                             for (int i = 0; i < 15; ++i) {
                                 addJob();
                             }
                             return true;
                         }};
        CPPUNIT_ASSERT_EQUAL(std::size_t{20}, work_->drain(false, busy));
    }

    void c178_deduplicationIdsAreReleased() {
        addJob();
        redis({"HSET", keys().job("1"), "deid", "d"});
        redis({"SET", keys().job("de:d"), "1"});
        redis({"HSET", keys().job("dn:d"), "name", "next"});
        work_->drain();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number({"EXISTS", keys().job("de:d"), keys().job("dn:d")}));
    }

    void c247_theParentOfTheSameQueueGoesToo() {
        addParent("g");
        addParent("p", "g");
        addChild("p");
        addChild("p");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                             work_->clean({JobState::Waiting, milliseconds(0), 1}).size());
        CPPUNIT_ASSERT(stateOf("p") == JobState::WaitingChildren);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, work_->drain());
        CPPUNIT_ASSERT_EQUAL(
            std::int64_t{0},
            number(
                {"EXISTS", keys().job("p"), keys().job("g"), keys().wait, keys().waitingChildren}));
        expectNoOrphans();
    }

    void c247_theParentOfAnotherQueueRunsWithoutEvent() {
        const std::string other = keys().qualifiedName() + "-other";
        redis({"HSET", other + ":p", "name", "p", "data", "{}", "opts", "{}", "timestamp", "1"});
        redis({"ZADD", other + ":waiting-children", "1", "p"});
        JobRecord child = plain();
        child.parentKey = other + ":p";
        child.parent = R"({"id":"p","queueKey":")" + other + "\"}";
        add(child);
        work_->drain();
        CPPUNIT_ASSERT((Strings{"p"} == list(other + ":wait")));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number({"EXISTS", other + ":waiting-children", other + ":events"}));
        assertEqual("0", text({"ZSCORE", other + ":marker", "0"}));
    }

    void c199_obliterateRemovesAll() {
        addParent("p");
        redis({"SADD", keys().job("p:dependencies"), "bull:elsewhere:1"});
        finish(addJob(), true);
        finish(addJob(), false);
        addJob();
        claim(1);
        addJob();
        addDelayed(0, 3);
        addScheduled("repeat:tick:1795384466000", 60000);
        redis({"ZADD", keys().repeat, "1795384466000", "tick"});
        redis({"HSET", keys().job("repeat:tick"), "ic", "1"});
        redis({"HSET", keys().job("metrics:completed"), "count", "1"});
        redis({"SET", keys().limiter, "1"});
        redis({"SET", keys().job("other:program"), "stays"});
        CPPUNIT_ASSERT_EQUAL(std::size_t{7}, work_->obliterate(true));
        const Reply left = redis({"KEYS", keys().qualifiedName() + ":*"});
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, left.size());
        CPPUNIT_ASSERT_EQUAL(keys().job("other:program"), std::string(left.at(0).text()));
        assertEqual("1", addJob());
    }

    void c199_obliterateRefusesActiveJobs() {
        addJob();
        addJob();
        claim(1);
        try {
            work_->obliterate();
            CPPUNIT_FAIL("a job is active");
        } catch (const JobStateException& error) {
            assertContains(error.message(), "jobs are active; `force` removes them too");
            CPPUNIT_ASSERT_EQUAL(0, error.code());
        }
        CPPUNIT_ASSERT(stateOf("1") == JobState::Active && stateOf("2") == JobState::Waiting);
        assertEqual("1", text({"HGET", keys().meta, "paused"}));
    }

    void c199_obliterateOfAQueueThatIsResumedEnds() {
        for (int i = 0; i < 5; ++i) {
            addJob();
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{-1},
                             ops::obliterate(context(), client(), 100, true).code);
        const Calls resuming{2, [this](std::size_t) {
                                 redis({"HDEL", keys().meta, "paused"});
                                 return true;
                             }};
        CPPUNIT_ASSERT_THROW(work_->obliterate(false, resuming), JobStateException);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, number({"LLEN", keys().wait}));
        expectNoOrphans();
    }

    void obliterateInManyCalls() {
        for (int i = 0; i < 12; ++i) {
            addJob();
            addDelayed(60000);
            redis({"ZADD", keys().repeat, "1", "s" + std::to_string(i)});
            redis({"HSET", keys().job("repeat:s" + std::to_string(i)), "ic", "1"});
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{24}, work_->obliterate(false, Calls{5, {}}));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, redis({"KEYS", keys().qualifiedName() + ":*"}).size());
    }

    void obliterateGetsPastBrokenJobs() {
        for (int i = 0; i < 6; ++i) {
            const std::string id = addJob();
            redis({"DEL", keys().job(id)});
            redis({"SET", keys().job(id), "text"});
        }
        addJob();
        CPPUNIT_ASSERT_EQUAL(std::size_t{7}, work_->obliterate(false, Calls{2, {}}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().wait, keys().job("7")}));
        CPPUNIT_ASSERT(log_->count("maintenance passed over a job") > 0);
    }

    void eventsAreTrimmed() {
        for (int i = 0; i < 300; ++i) {
            addJob();
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{600}, number({"XLEN", keys().events}));
        const std::int64_t gone = work_->trimEvents(100);
        const std::int64_t left = number({"XLEN", keys().events});
        CPPUNIT_ASSERT_EQUAL(std::int64_t{600}, gone + left);
        CPPUNIT_ASSERT(left >= 100 && left < 300);
        work_->trimEvents(0);
        CPPUNIT_ASSERT(number({"XLEN", keys().events}) < 100);
    }

    void orphansAreRemoved() {
        // In no state: 1, a child with a deduplication id, logs and a parent.
        addParent("p");
        const std::string child = addChild("p");
        redis({"HSET", keys().job(child), "deid", "d", "timestamp", "1000"});
        redis({"SET", keys().job("de:d"), child});
        redis({"RPUSH", keys().job(child + ":logs"), "row"});
        redis({"DEL", keys().wait});
        // A job without hash, and the hash of a run without job.
        redis({"RPUSH", keys().job("gone:logs"), "row"});
        redis({"SADD", keys().job("gone:dependencies"), "x"});
        redis({"HSET", keys().job("ghost"), "ats", "1", "processedOn", "1000"});
        addScheduled("repeat:tick:5", 60000);
        redis({"HSET", keys().job("repeat:tick:5"), "timestamp", "1000"});
        redis({"DEL", keys().delayed});
        // Alive, held, young, or of another program.
        finish(addJob(), true);
        addJob();
        claim(1);
        addDelayed(60000);
        addJob();
        const std::string young = addJob();
        redis({"LREM", keys().wait, "0", young});
        redis({"HSET", keys().job("held"), "timestamp", "1", "opts", "{}", "data", "{}"});
        redis({"SET", keys().job("held:lock"), "token"});
        redis({"HSET", keys().job("custom"), "timestamp", "1", "other", "program"});
        redis({"HSET", keys().job("ext:thing"), "a", "b"});
        redis({"SET", keys().job("text"), "other program"});
        redis({"HSET", keys().job("repeat:tick"), "ic", "1"});
        redis({"HSET", keys().job("drover:set-aside"), "x", "y"});
        redis({"HSET", keys().job("metrics:failed"), "count", "1"});
        redis({"HSET", keys().job("dn:d2"), "name", "next", "opts", "{}", "data", "{}"});
        const std::size_t before = redis({"KEYS", keys().qualifiedName() + ":*"}).size();

        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, work_->removeOrphanedJobs());
        for (const std::string& suffix : {child,
                                          child + ":logs",
                                          std::string("gone:logs"),
                                          std::string("gone:dependencies"),
                                          std::string("ghost"),
                                          std::string("repeat:tick:5"),
                                          std::string("de:d"),
                                          std::string("p:dependencies"),
                                          std::string("waiting-children")}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                suffix, std::int64_t{0}, number({"EXISTS", keys().job(suffix)}));
        }
        CPPUNIT_ASSERT_EQUAL(before - 9, redis({"KEYS", keys().qualifiedName() + ":*"}).size());
        CPPUNIT_ASSERT(stateOf("p") == JobState::Waiting);  // It waited for a lost job.
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, work_->removeOrphanedJobs());
        redis({"HSET", keys().job(young), "timestamp", "1"});
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, work_->removeOrphanedJobs(milliseconds(0)));
    }

    void orphansOfABusyQueueAreFound() {
        for (int i = 0; i < 1500; ++i) {
            redis({"HSET",
                   keys().job("lost" + std::to_string(i)),
                   "timestamp",
                   "1",
                   "opts",
                   "{}",
                   "data",
                   "{}"});
        }
        std::size_t calls = 0;
        const Calls busy{100, [&](std::size_t) {
                             ++calls;
                             addJob();
                             return true;
                         }};
        CPPUNIT_ASSERT_EQUAL(std::size_t{1500}, work_->removeOrphanedJobs(milliseconds(0), busy));
        CPPUNIT_ASSERT_EQUAL(static_cast<std::int64_t>(calls), number({"LLEN", keys().wait}));
        expectNoOrphans();
    }

    void aJobThatCannotBeRemovedStays() {
        for (int i = 0; i < 4; ++i) {
            addJob();
        }
        redis({"DEL", keys().job("2")});
        redis({"SET", keys().job("2"), "text"});
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, work_->drain(false, Calls{1, {}}));
        CPPUNIT_ASSERT((Strings{"2"} == list(keys().wait)));
        CPPUNIT_ASSERT(log_->count("maintenance passed over a job") > 0);
    }

    void badValuesAreRefusedByName() {
        addJob();
        const auto refuse = [](const std::string& part, const std::function<void()>& call) {
            try {
                call();
                CPPUNIT_FAIL("not refused: " + part);
            } catch (const Poco::InvalidArgumentException& error) {
                assertContains(error.message(), part);
            }
        };
        for (const std::size_t count : {0, 10001}) {
            const std::string text = "[1, 10000], got " + std::to_string(count);
            const Calls calls{count, {}};
            refuse(text, [&] { work_->retryJobs(JobState::Failed, std::nullopt, calls); });
            refuse(text, [&] { work_->promoteJobs(calls); });
            refuse(text, [&] { (void)work_->clean({}, calls); });
            refuse(text, [&] { work_->drain(false, calls); });
            refuse(text, [&] { work_->obliterate(false, calls); });
            refuse(text, [&] { work_->removeOrphanedJobs(milliseconds(0), calls); });
        }
        refuse("not from waiting", [&] { work_->retryJobs(JobState::Waiting); });
        refuse("untilMs must be at least 0, got -5",
               [&] { work_->retryJobs(JobState::Failed, -5, Calls()); });
        refuse("not waiting-children", [&] { (void)work_->clean({JobState::WaitingChildren}); });
        refuse("grace must be at least 0, got -1", [&] {
            (void)work_->clean({JobState::Failed, milliseconds(-1)});
        });
        refuse("length must be at least 0, got -1", [&] { work_->trimEvents(-1); });
        refuse("minAge must be at least 0, got -1",
               [&] { work_->removeOrphanedJobs(milliseconds(-1)); });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"HEXISTS", keys().meta, "paused"}));
        CPPUNIT_ASSERT(stateOf("1") == JobState::Waiting);
    }

    void aKeyOfAnotherTypeChangesNothing() {
        const std::pair<const std::string*, std::function<void()>> kCalls[] = {
            {&keys().wait, [&] { work_->promoteJobs(); }},
            {&keys().events, [&] { work_->promoteJobs(); }},
            {&keys().marker, [&] { work_->promoteJobs(); }},
            {&keys().events, [&] { (void)work_->clean({JobState::Delayed}); }},
            {&keys().waitingChildren, [&] { (void)work_->clean({JobState::Delayed}); }},
            {&keys().wait, [&] { work_->drain(); }}};
        for (const auto& [planted, call] : kCalls) {
            redis({"FLUSHDB"});
            addDelayed(60000);
            addDelayed(60000);
            redis({"DEL", *planted});
            redis({"SET", *planted, "text"});
            const auto before = hash("1");
            CPPUNIT_ASSERT_THROW_MESSAGE(*planted, call(), ScriptException);
            CPPUNIT_ASSERT_MESSAGE(*planted, before == hash("1"));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number({"ZCARD", keys().delayed}));
        }
    }

private:
    [[nodiscard]] std::string nowText() const { return std::to_string(clock_.wallMs()); }
    JobRecord plain() const {
        JobRecord record;
        record.name = "test";
        record.data = "{}";
        record.opts = "{}";
        record.timestampMs = clock_.wallMs();
        return record;
    }
    std::string add(const JobRecord& record) {
        return ops::addJobs(context(), client(), {record}, clock_.wallMs()).at(0).id;
    }
    std::string addDelayed(std::int64_t delayMs, int priority = 0) {
        JobRecord record = plain();
        record.delayMs = delayMs;
        record.priority = priority;
        return add(record);
    }
    void addScheduled(const std::string& id, std::int64_t delayMs) {
        JobRecord record = plain();
        record.customId = id;
        record.delayMs = delayMs;
        add(record);
        redis({"HSET", keys().job(id), "rjk", "tick"});
    }
    void addParent(const std::string& id, const std::string& parent = "") {
        JobRecord record = parent.empty() ? plain() : childOf(parent);
        record.customId = id;
        add(record);
        redis({"LREM", keys().wait, "0", id});
        redis({"ZADD", keys().waitingChildren, "1", id});
    }
    JobRecord childOf(const std::string& parent, const std::string& flag = "") const {
        JobRecord child = plain();
        child.parentKey = keys().job(parent);
        child.parent =
            R"({"id":")" + parent + R"(","queueKey":")" + keys().qualifiedName() + '"' + flag + "}";
        return child;
    }
    std::string addChild(const std::string& parent, const std::string& flag = "") {
        return add(childOf(parent, flag));
    }
    /// Claims the job, which is next, and ends it.
    void finish(const std::string& id, bool completed) {
        CPPUNIT_ASSERT_EQUAL(id, claim(1, "end").at(0).id);
        AdvanceRequest request;
        FinishItem item;
        item.id = id;
        item.token = "end";
        item.completed = completed;
        item.value = completed ? "7" : "boom";
        item.stacktrace = "[\"t\"]";
        request.finish = {item};
        CPPUNIT_ASSERT(
            ops::advance(context(), client(), request, clock_.wallMs()).problems().empty());
    }
    Strings lastEvents(std::size_t count) {
        const Strings all = events();
        return Strings(all.end() - static_cast<std::ptrdiff_t>(count), all.end());
    }
    void expectNoOrphans() {
        const Strings found = findOrphans(client(), keys().qualifiedName() + ":*");
        assertEqual("", found.empty() ? "" : found.front());
    }

    std::unique_ptr<LogCapture> log_;
    std::unique_ptr<QueueMaintenance> work_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(QueueMaintenanceTest);
