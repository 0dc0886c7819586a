#include <functional>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "drover/JobControl.h"
#include "queue/ops/Add.h"
#include "queue/ops/Advance.h"
#include "queue/ops/JobChanges.h"
#include "support/Assert.h"
#include "support/OrphanScan.h"
#include "support/RedisFixture.h"
#include "support/WholeQueue.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using Strings = std::vector<std::string>;

constexpr std::int64_t kUnit = 4294967296;  // 2^32: the share of one priority in a score.

}  // namespace

/// Changes of single jobs: their effect in Redis, their codes, and what they refuse.
class JobControlTest : public RedisFixture {
    CPPUNIT_TEST_SUITE(JobControlTest);
    CPPUNIT_TEST(c181_promotedJobsWaitBehindOthers);
    CPPUNIT_TEST(aPromotedPriorityGoesByItsPriority);
    CPPUNIT_TEST(anIdWithoutJobIsNotPromoted);
    CPPUNIT_TEST(c182_changeDelayCountsFromNow);
    CPPUNIT_TEST(aDelayOfZeroIsDueAtOnce);
    CPPUNIT_TEST(c183_changePriorityMovesBothWays);
    CPPUNIT_TEST(changePriorityToTheFront);
    CPPUNIT_TEST(c184_changePriorityOfOtherStatesChangesTheHashAlone);
    CPPUNIT_TEST(changePriorityFindsJobsInTheListOfFive);
    CPPUNIT_TEST(changesOfAClosedQueueWriteNoMarker);
    CPPUNIT_TEST(aRetriedJobForgetsItsEnd);
    CPPUNIT_TEST(c188_aRetryRespectsPriorityAndLifo);
    CPPUNIT_TEST(c189_aRetryResetsCountersIfTold);
    CPPUNIT_TEST(c239_aRetriedChildIsPendingAgain);
    CPPUNIT_TEST(aRetriedChildOfAnotherEndIsLeftAlone);
    CPPUNIT_TEST(anActiveJobIsDelayedByTheHolderOfItsToken);
    CPPUNIT_TEST(dataProgressAndLogs);
    CPPUNIT_TEST(c192_removeLeavesNothing);
    CPPUNIT_TEST(c193_removeOfALockedJobAndOfNone);
    CPPUNIT_TEST(c194_theNextJobOfASchedulerStays);
    CPPUNIT_TEST(c178_removeReleasesTheDeduplicationId);
    CPPUNIT_TEST(removeLeavesTheDeduplicationIdOfAnotherJob);
    CPPUNIT_TEST(c244_removeOfAParentRemovesItsTree);
    CPPUNIT_TEST(c244_aLockedChildPreventsTheRemoval);
    CPPUNIT_TEST(childrenStayIfTold);
    CPPUNIT_TEST(c245_removeOfTheLastChildReleasesTheParent);
    CPPUNIT_TEST(aParentIsReleasedBeforeItGoesAlsoByAChildThatIsGone);
    CPPUNIT_TEST(aTreeBeyondOneCallIsRemovedByMany);
    CPPUNIT_TEST(aChainBeyondOneCallIsRemoved);
    CPPUNIT_TEST(idsWithColonsAreFoundBelowTheirParent);
    CPPUNIT_TEST(c246_unprocessedChildrenAreRemoved);
    CPPUNIT_TEST(theJobsAboveAHeldOneAreRemoved);
    CPPUNIT_TEST(thousandsOfUnprocessedChildrenAreRemovedByManyCalls);
    CPPUNIT_TEST(childrenThatAllStayEndTheSearch);
    CPPUNIT_TEST(aChildLeavesItsParent);
    CPPUNIT_TEST(deduplicationKeysAreReadAndRemoved);
    CPPUNIT_TEST(onlyAJobThatAWorkerHoldsIsCancelled);
    CPPUNIT_TEST(badValuesAreRefusedByName);
    CPPUNIT_TEST(aMissingJobIsMinusOne);
    CPPUNIT_TEST(aKeyOfAnotherTypeChangesNothing);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        RedisFixture::setUp();
        jobs_ = std::make_unique<JobControl>(
            handleOf(options()),
            JobControl::Settings{"bull", keys().qualifiedName().substr(5), Bullmq5::Auto});
    }
    void tearDown() override {
        jobs_.reset();
        RedisFixture::tearDown();
    }

    void c181_promotedJobsWaitBehindOthers() {
        addJob();
        const std::string id = addDelayed();
        redis({"DEL", keys().marker});
        jobs_->promote(id);
        CPPUNIT_ASSERT((Strings{"2", "1"} == list(keys().wait)));
        assertEqual("0", hash(id)["delay"]);
        assertEqual("waiting 2 prev=delayed", events().back());
        assertEqual("0", text({"ZSCORE", keys().marker, "0"}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().delayed}));
        expectCode(ErrorCode::JobNotInState, [&] { jobs_->promote(id); });
        expectCode(ErrorCode::JobNotInState, [&] { jobs_->promote("none"); });
    }

    void aPromotedPriorityGoesByItsPriority() {
        const std::string id = addDelayed(60000, 4);
        jobs_->promote(id);
        CPPUNIT_ASSERT_EQUAL(4 * kUnit + 1, score(keys().prioritized, id));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().wait, keys().delayed}));
    }

    void anIdWithoutJobIsNotPromoted() {
        redis({"ZADD", keys().delayed, "1", "ghost"});
        expectCode(ErrorCode::JobNotInState, [&] { jobs_->promote("ghost"); });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number({"EXISTS", keys().delayed, keys().wait, keys().job("ghost")}));
    }

    void c182_changeDelayCountsFromNow() {
        const std::string id = addDelayed();
        const std::int64_t before = clock_.wallMs();
        jobs_->changeDelay(id, milliseconds(5000));
        const std::int64_t due = score(keys().delayed, id) / 4096;
        CPPUNIT_ASSERT(due >= before + 5000 - kClockError &&
                       due <= clock_.wallMs() + 5000 + kClockError);
        assertEqual("5000", hash(id)["delay"]);
        CPPUNIT_ASSERT_EQUAL("delayed 1 delay=" + std::to_string(due), events().back());
        CPPUNIT_ASSERT_EQUAL(due, score(keys().marker, "1"));
        addJob();
        expectCode(ErrorCode::JobNotInState, [&] { jobs_->changeDelay("2", milliseconds(1)); });
    }

    void aDelayOfZeroIsDueAtOnce() {
        const std::string id = addDelayed();
        jobs_->changeDelay(id, milliseconds(0));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, claim(1).size());
    }

    void c183_changePriorityMovesBothWays() {
        for (int i = 0; i < 3; ++i) {
            addJob("test", "{}", R"({"attempts":0,"priority":0})");
        }
        const std::size_t streamed = events().size();
        redis({"DEL", keys().marker});
        jobs_->changePriority("2", 7);
        CPPUNIT_ASSERT((Strings{"3", "1"} == list(keys().wait)));
        CPPUNIT_ASSERT_EQUAL(7 * kUnit + 1, score(keys().prioritized, "2"));
        assertEqual("7", hash("2")["priority"]);
        assertEqual(R"({"attempts":0,"priority":0})", hash("2")["opts"]);
        assertEqual("0", text({"ZSCORE", keys().marker, "0"}));
        jobs_->changePriority("2", 8);
        CPPUNIT_ASSERT_EQUAL(8 * kUnit + 2, score(keys().prioritized, "2"));
        jobs_->changePriority("2", 0);
        CPPUNIT_ASSERT((Strings{"2", "3", "1"} == list(keys().wait)));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().prioritized}));
        assertEqual("0", hash("2")["priority"]);
        jobs_->changePriority("1", 0);  // Among its like it goes to the end.
        CPPUNIT_ASSERT((Strings{"1", "2", "3"} == list(keys().wait)));
        CPPUNIT_ASSERT_EQUAL(streamed, events().size());
    }

    void changePriorityToTheFront() {
        addJob();
        addJob();
        jobs_->changePriority("2", 0, true);
        CPPUNIT_ASSERT((Strings{"1", "2"} == list(keys().wait)));
        redis({"DEL", keys().marker});
        jobs_->changePriority("1", 3, true);
        CPPUNIT_ASSERT_EQUAL(3 * kUnit, score(keys().prioritized, "1"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().marker}));
    }

    void c184_changePriorityOfOtherStatesChangesTheHashAlone() {
        addJob();
        claim(1);
        const std::string id = addDelayed();
        redis({"DEL", keys().marker});
        jobs_->changePriority("1", 5);
        jobs_->changePriority(id, 6);
        assertEqual("5", hash("1")["priority"]);
        assertEqual("6", hash(id)["priority"]);
        CPPUNIT_ASSERT(stateOf("1") == JobState::Active && stateOf(id) == JobState::Delayed);
        CPPUNIT_ASSERT_EQUAL(
            std::int64_t{0},
            number({"EXISTS", keys().marker, keys().wait, keys().prioritized, keys().pc}));
    }

    void changePriorityFindsJobsInTheListOfFive() {
        for (const Bullmq5 mode : {Bullmq5::On, Bullmq5::Off}) {
            redis({"FLUSHDB"});
            addJob();
            redis({"RENAME", keys().wait, keys().paused});
            redis({"HSET", keys().meta, "paused", "1"});
            redis({"DEL", keys().marker});
            const QueueContext queue(keys(), mode);
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                                 ops::changePriority(queue, client(), "1", 2, false));
            CPPUNIT_ASSERT_EQUAL(2 * kUnit + 1, score(keys().prioritized, "1"));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                                 ops::changePriority(queue, client(), "1", 0, false));
            CPPUNIT_ASSERT(
                (Strings{"1"} == list(mode == Bullmq5::On ? keys().paused : keys().wait)));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                                 number({"EXISTS", keys().prioritized, keys().marker}));
        }
    }

    void changesOfAClosedQueueWriteNoMarker() {
        fail(addJob());
        addJob();
        const std::string id = addDelayed();
        redis({"HSET", keys().meta, "paused", "1"});
        redis({"DEL", keys().marker});
        jobs_->promote(id);
        jobs_->changePriority("2", 3);
        jobs_->retry("1");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().marker}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number({"LLEN", keys().wait}));
    }

    void aRetriedJobForgetsItsEnd() {
        for (const bool completed : {false, true}) {
            redis({"FLUSHDB"});
            finish(addJob(), completed);
            redis({"HSET", keys().job("1"), "defa", "left by another client", "progress", "9"});
            addJob();
            redis({"DEL", keys().marker});
            expectCode(ErrorCode::JobNotInState, [&] {
                jobs_->retry("1", {completed ? JobState::Failed : JobState::Completed});
            });
            jobs_->retry("1", {completed ? JobState::Completed : JobState::Failed});
            auto fields = hash("1");
            for (const char* gone :
                 {"finishedOn", "processedOn", "returnvalue", "failedReason", "defa"}) {
                CPPUNIT_ASSERT_EQUAL_MESSAGE(gone, std::size_t{0}, fields.count(gone));
            }
            assertEqual("1", fields["atm"]);
            assertEqual("1", fields["ats"]);
            assertEqual("9", fields["progress"]);
            CPPUNIT_ASSERT_EQUAL(std::size_t{completed ? 0U : 1U}, fields.count("stacktrace"));
            CPPUNIT_ASSERT((Strings{"1", "2"} == list(keys().wait)));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                                 number({"EXISTS", keys().completed, keys().failed}));
            assertEqual("0", text({"ZSCORE", keys().marker, "0"}));
            CPPUNIT_ASSERT_EQUAL(
                std::string("waiting 1 prev=") + (completed ? "completed" : "failed"),
                events().back());
        }
    }

    void c188_aRetryRespectsPriorityAndLifo() {
        fail(addJob("test", "{}", R"({"lifo":true})"));
        fail(addJob());
        redis({"HSET", keys().job("2"), "priority", "5"});
        addJob();
        jobs_->retry("1");
        jobs_->retry("2");
        CPPUNIT_ASSERT((Strings{"3", "1"} == list(keys().wait)));
        CPPUNIT_ASSERT_EQUAL(5 * kUnit + 1, score(keys().prioritized, "2"));
    }

    void c189_aRetryResetsCountersIfTold() {
        for (const auto& [made, started] :
             {std::pair{true, false}, std::pair{false, true}, std::pair{true, true}}) {
            redis({"FLUSHDB"});
            fail(addJob());
            redis({"HSET", keys().job("1"), "attemptsMade", "3"});
            jobs_->retry("1", {JobState::Failed, made, started});
            CPPUNIT_ASSERT_EQUAL(std::size_t{made ? 0U : 1U}, hash("1").count("atm"));
            CPPUNIT_ASSERT_EQUAL(std::size_t{made ? 0U : 1U}, hash("1").count("attemptsMade"));
            CPPUNIT_ASSERT_EQUAL(std::size_t{started ? 0U : 1U}, hash("1").count("ats"));
        }
    }

    void c239_aRetriedChildIsPendingAgain() {
        addParent("p");
        const std::string failed = addChild("p", R"(,"fpof":true)");
        const std::string ignored = addChild("p", R"(,"idof":true)");
        const std::string completed = addChild("p");
        addChild("p");
        fail(failed);
        fail(ignored);
        complete(completed);
        const std::string parent = keys().job("p");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"SCARD", parent + ":dependencies"}));
        const JobState before = stateOf("p");
        jobs_->retry(failed);
        jobs_->retry(ignored);
        jobs_->retry(completed, {JobState::Completed});
        CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, number({"SCARD", parent + ":dependencies"}));
        CPPUNIT_ASSERT_EQUAL(
            std::int64_t{0},
            number(
                {"EXISTS", parent + ":unsuccessful", parent + ":failed", parent + ":processed"}));
        CPPUNIT_ASSERT(before == stateOf("p"));
    }

    void aRetriedChildOfAnotherEndIsLeftAlone() {
        addParent("p");
        const std::string id = addChild("p");
        fail(id);
        redis({"SREM", keys().job("p") + ":dependencies", keys().job(id)});
        jobs_->retry(id);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().job("p:dependencies")}));
        fail(id);
        redis({"DEL", keys().job("p")});
        redis({"HSET", keys().job("p:failed"), keys().job(id), "boom"});
        jobs_->retry(id);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().job("p:dependencies")}));
    }

    void anActiveJobIsDelayedByTheHolderOfItsToken() {
        addJob();
        claim(1, "mine");
        const std::int64_t due = clock_.wallMs() + 60000;
        expectCode(ErrorCode::JobLockMismatch, [&] { jobs_->moveToDelayed("1", due, "other"); });
        CPPUNIT_ASSERT(stateOf("1") == JobState::Active);
        jobs_->moveToDelayed("1", due, "mine");
        CPPUNIT_ASSERT_EQUAL(due * 4096, score(keys().delayed, "1"));
        assertEqual("1", hash("1")["ats"]);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, hash("1").count("atm"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().job("1:lock")}));
        expectCode(ErrorCode::JobLockNotExist, [&] { jobs_->moveToDelayed("1", due, "mine"); });
        expectCode(ErrorCode::JobNotExist, [&] { jobs_->moveToDelayed("2", due, "mine"); });
    }

    void dataProgressAndLogs() {
        addJob();
        jobs_->updateData("1", R"({"a": [1e3]})");
        assertEqual(R"({"a": [1e3]})", hash("1")["data"]);
        jobs_->updateProgress("1", "\"half\"");
        assertEqual("\"half\"", hash("1")["progress"]);
        assertEqual("progress 1 data=\"half\"", events().back());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, jobs_->addLog("1", "one"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, jobs_->addLog("1", "two"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, jobs_->addLog("1", "three", 2));
        CPPUNIT_ASSERT((Strings{"two", "three"} == list(keys().job("1:logs"))));
        jobs_->clearLogs("1", 1);
        CPPUNIT_ASSERT((Strings{"three"} == list(keys().job("1:logs"))));
        jobs_->clearLogs("1");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().job("1:logs")}));
        jobs_->clearLogs("none");
    }

    void onlyAJobThatAWorkerHoldsIsCancelled() {
        const std::string id = addJob();
        const auto codeOf = [this](const std::string& job) {
            try {
                jobs_->cancel(job);
            } catch (const JobStateException& error) {
                return error.code();
            }
            return 0;
        };
        CPPUNIT_ASSERT_EQUAL(-3, codeOf(id));
        CPPUNIT_ASSERT_EQUAL(-1, codeOf("none"));
        claim(1);
        jobs_->cancel(id, "by hand");
        CPPUNIT_ASSERT_EQUAL(0, codeOf(id));
        redis({"DEL", keys().job(id) + ":lock"});
        CPPUNIT_ASSERT_EQUAL(-3, codeOf(id));
    }

    void c192_removeLeavesNothing() {
        const std::pair<const char*, std::function<void()>> kStates[] = {
            {"wait", [] {}},
            {"paused",
             [this] {
                 redis({"RENAME", keys().wait, keys().paused});
             }},
            {"active",
             [this] {
                 claim(1);
                 redis({"DEL", keys().job("1:lock")});
                 redis({"SADD", keys().stalled, "1"});
             }},
            {"delayed", [this] { place(keys().delayed); }},
            {"prioritized", [this] { place(keys().prioritized); }},
            {"waiting-children", [this] { place(keys().waitingChildren); }},
            {"completed", [this] { complete("1"); }},
            {"failed", [this] { fail("1"); }},
            {"unknown", [this] {
                 redis({"DEL", keys().wait});
             }}};
        for (const auto& [state, enter] : kStates) {
            redis({"FLUSHDB"});
            addJob();
            jobs_->addLog("1", "row");
            enter();
            CPPUNIT_ASSERT(jobs_->remove("1"));
            CPPUNIT_ASSERT_EQUAL(std::string("removed 1 prev=") + state, events().back());
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().job("1")}));
            expectNoOrphans();
        }
    }

    void c193_removeOfALockedJobAndOfNone() {
        addJob();
        claim(1);
        const std::size_t streamed = events().size();
        CPPUNIT_ASSERT(!jobs_->remove("1"));
        CPPUNIT_ASSERT(stateOf("1") == JobState::Active);
        CPPUNIT_ASSERT(jobs_->remove("none"));
        CPPUNIT_ASSERT_EQUAL(streamed, events().size());
    }

    void c194_theNextJobOfASchedulerStays() {
        const std::string id = "repeat:tick:1795384466000";
        addScheduled(id);
        redis({"ZADD", keys().repeat, "1795384466000", "tick"});
        expectCode(ErrorCode::JobBelongsToJobScheduler, [&] { jobs_->remove(id); });
        CPPUNIT_ASSERT(stateOf(id) == JobState::Delayed);
        // An earlier run of the scheduler is a job like others.
        redis({"ZADD", keys().repeat, "1795384467000", "tick"});
        CPPUNIT_ASSERT(jobs_->remove(id));
        CPPUNIT_ASSERT(stateOf(id) == JobState::Unknown);
    }

    void c178_removeReleasesTheDeduplicationId() {
        addJob();
        own("1");
        redis({"HSET", keys().job("dn:d"), "name", "next"});
        CPPUNIT_ASSERT(jobs_->remove("1"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number({"EXISTS", keys().job("de:d"), keys().job("dn:d")}));
    }

    void removeLeavesTheDeduplicationIdOfAnotherJob() {
        addJob();
        own("1");
        redis({"SET", keys().job("de:d"), "other"});
        redis({"HSET", keys().job("dn:d"), "name", "next"});
        CPPUNIT_ASSERT(jobs_->remove("1"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2},
                             number({"EXISTS", keys().job("de:d"), keys().job("dn:d")}));
    }

    void c244_removeOfAParentRemovesItsTree() {
        addParent("p");
        const std::string done = addChild("p");
        const std::string broken = addChild("p", R"(,"idof":true)");
        addParent("q", "p");
        const std::string below = addChild("q");
        complete(done);
        fail(broken);
        CPPUNIT_ASSERT(jobs_->remove("p"));
        for (const std::string& id : {std::string("p"), done, broken, std::string("q"), below}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(id, std::int64_t{0}, number({"EXISTS", keys().job(id)}));
        }
        // BullMQ's order: a parent runs when its last child goes, and leaves from there.
        const Strings all = events();
        const Strings last(all.end() - 7, all.end());
        CPPUNIT_ASSERT((Strings{"removed " + done + " prev=completed",
                                "removed " + broken + " prev=failed",
                                "waiting p prev=waiting-children",
                                "waiting q prev=waiting-children",
                                "removed " + below + " prev=wait",
                                "removed q prev=wait",
                                "removed p prev=wait"} == last));
        expectNoOrphans();
    }

    void c244_aLockedChildPreventsTheRemoval() {
        addParent("p");
        addParent("q", "p");
        const std::string held = addChild("q");
        claim(1);
        addChild("p");
        const std::size_t streamed = events().size();
        CPPUNIT_ASSERT(!jobs_->remove("p"));
        CPPUNIT_ASSERT_EQUAL(streamed, events().size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number({"SCARD", keys().job("p:dependencies")}));
        CPPUNIT_ASSERT(stateOf(held) == JobState::Active);
        CPPUNIT_ASSERT(jobs_->remove("p", false));
        CPPUNIT_ASSERT(stateOf("p") == JobState::Unknown);
    }

    void childrenStayIfTold() {
        addParent("p");
        const std::string child = addChild("p");
        CPPUNIT_ASSERT(jobs_->remove("p", false));
        CPPUNIT_ASSERT(stateOf(child) == JobState::Waiting);
        assertEqual("removed p prev=waiting-children", events().back());
    }

    void c245_removeOfTheLastChildReleasesTheParent() {
        addParent("p");
        redis({"HSET", keys().job("p"), "priority", "3", "delay", "5000"});
        const std::string first = addChild("p");
        const std::string second = addChild("p");
        const std::string other = addJob();
        CPPUNIT_ASSERT(jobs_->remove(first));
        CPPUNIT_ASSERT(stateOf("p") == JobState::WaitingChildren);
        redis({"DEL", keys().marker});
        CPPUNIT_ASSERT(jobs_->remove(second));
        // Neither its priority nor its delay counts.
        CPPUNIT_ASSERT((Strings{other, "p"} == list(keys().wait)));
        assertEqual("0", text({"ZSCORE", keys().marker, "0"}));
        CPPUNIT_ASSERT((Strings{"waiting p prev=waiting-children",
                                "removed " + second + " prev=wait"} == lastEvents(2)));
    }

    void aParentIsReleasedBeforeItGoesAlsoByAChildThatIsGone() {
        addParent("p");
        const std::string child = addChild("p");
        redis({"DEL", keys().job(child), keys().wait});
        CPPUNIT_ASSERT(jobs_->remove("p"));
        CPPUNIT_ASSERT(
            (Strings{"waiting p prev=waiting-children", "removed p prev=wait"} == lastEvents(2)));
        expectNoOrphans();
    }

    void aTreeBeyondOneCallIsRemovedByMany() {
        addParent("p");
        addChildren("p", 1500);
        std::size_t calls = 0;
        std::int64_t code = 2;
        while (code == 2) {
            code = ops::removeJob(context(), client(), "p", true, 1000);
            ++calls;
            // The parent waits until it goes: no worker may have it in between.
            CPPUNIT_ASSERT(code != 2 || stateOf("p") == JobState::WaitingChildren);
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, code);
        CPPUNIT_ASSERT_MESSAGE(std::to_string(calls), calls >= 3 && calls <= 20);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number({"EXISTS", keys().wait, keys().waitingChildren}));
        expectNoOrphans();

        // Also below finished children.
        addParent("p");
        addChildren("p", 900);
        redis({"HSET", keys().job("p:processed"), keys().job("gone"), "1"});
        CPPUNIT_ASSERT(jobs_->remove("p"));
        expectNoOrphans();
    }

    void aChainBeyondOneCallIsRemoved() {
        addParent("0p");
        for (int i = 1; i < 30; ++i) {
            addParent(std::to_string(i) + "p", std::to_string(i - 1) + "p");
        }
        int calls = 0;
        while (ops::removeJob(context(), client(), "0p", true, 10) == 2) {
            CPPUNIT_ASSERT(++calls < 100);
        }
        expectNoOrphans();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().waitingChildren}));
    }

    void idsWithColonsAreFoundBelowTheirParent() {
        addParent("p");
        JobRecord child = childOf("p");
        child.customId = "a:b:c";
        add(child);
        // In another queue, which exists, and in one that does not.
        const std::string other = keys().qualifiedName() + "-other";
        redis({"HSET", other + ":meta", "version", "x"});
        redis({"HSET", other + ":d:e:f", "timestamp", "1"});
        redis({"RPUSH", other + ":wait", "d:e:f"});
        redis({"SADD",
               keys().job("p:dependencies"),
               other + ":d:e:f",
               keys().qualifiedName() + "-none:g",
               "nonsense"});
        CPPUNIT_ASSERT(jobs_->remove("p"));
        CPPUNIT_ASSERT_EQUAL(
            std::int64_t{0},
            number({"EXISTS", keys().job("a:b:c"), other + ":d:e:f", other + ":wait"}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"XLEN", other + ":events"}));
    }

    void c246_unprocessedChildrenAreRemoved() {
        addParent("p");
        const std::string done = addChild("p");
        const std::string held = addChild("p");
        complete(done);
        claim(1);
        const std::string broken = addChild("p");
        // No worker has it, so it can fail here.
        redis({"LREM", keys().wait, "0", broken});
        redis({"ZADD", keys().failed, "1", broken});
        addParent("q", "p");
        const std::string below = addChild("q");
        const std::string waiting = addChild("p");
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, jobs_->removeUnprocessedChildren("p"));
        for (const std::string& id : {std::string("q"), below, waiting}) {
            CPPUNIT_ASSERT_MESSAGE(id, stateOf(id) == JobState::Unknown);
        }
        CPPUNIT_ASSERT(stateOf(done) == JobState::Completed);
        CPPUNIT_ASSERT(stateOf(held) == JobState::Active);
        CPPUNIT_ASSERT(stateOf(broken) == JobState::Failed);
        CPPUNIT_ASSERT(stateOf("p") == JobState::WaitingChildren);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number({"SCARD", keys().job("p:dependencies")}));
    }

    void theJobsAboveAHeldOneAreRemoved() {
        addParent("p");
        addParent("q", "p");
        const std::string held = addChild("q");
        claim(1);
        const std::string waiting = addChild("q");
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, jobs_->removeUnprocessedChildren("p"));
        CPPUNIT_ASSERT(stateOf("q") == JobState::Unknown);
        CPPUNIT_ASSERT(stateOf(waiting) == JobState::Unknown);
        CPPUNIT_ASSERT(stateOf(held) == JobState::Active);
        CPPUNIT_ASSERT(stateOf("p") == JobState::Waiting);
    }

    void thousandsOfUnprocessedChildrenAreRemovedByManyCalls() {
        addParent("p");
        addChildren("p", 1200);
        // Most of a page does not fit into a call.
        std::string cursor = "0";
        CPPUNIT_ASSERT(!ops::removeUnprocessedChildren(context(), client(), "p", 10, cursor).done);
        addChildren("p", 3);
        const std::int64_t left = number({"SCARD", keys().job("p:dependencies")});
        CPPUNIT_ASSERT_EQUAL(static_cast<std::size_t>(left), jobs_->removeUnprocessedChildren("p"));
        CPPUNIT_ASSERT(stateOf("p") == JobState::Waiting);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"LLEN", keys().wait}));
        expectNoOrphans();
    }

    void childrenThatAllStayEndTheSearch() {
        addParent("p");
        addChildren("p", 300);
        claim(300);
        std::string cursor = "0";
        int calls = 0;
        ops::RemovedChildren step;
        do {
            step = ops::removeUnprocessedChildren(context(), client(), "p", 5, cursor);
            CPPUNIT_ASSERT_EQUAL(std::size_t{0}, step.removed);
            CPPUNIT_ASSERT(++calls < 1000);
        } while (!step.done);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{300}, number({"SCARD", keys().job("p:dependencies")}));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, jobs_->removeUnprocessedChildren("none"));
    }

    void aChildLeavesItsParent() {
        addParent("p");
        const std::string child = addChild("p");
        CPPUNIT_ASSERT(jobs_->removeChildDependency(child));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, hash(child).count("parentKey"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, hash(child).count("parent"));
        CPPUNIT_ASSERT(stateOf("p") == JobState::Waiting);
        CPPUNIT_ASSERT(stateOf(child) == JobState::Waiting);
        assertEqual("waiting p prev=waiting-children", events().back());
        CPPUNIT_ASSERT(!jobs_->removeChildDependency(child));
        expectCode(ErrorCode::JobNotExist, [&] { (void)jobs_->removeChildDependency("none"); });
        addParent("q");
        const std::string orphan = addChild("q");
        redis({"DEL", keys().job("q:dependencies")});
        CPPUNIT_ASSERT(!jobs_->removeChildDependency(orphan));
        redis({"DEL", keys().job("q")});
        expectCode(ErrorCode::ParentJobNotExist,
                   [&] { (void)jobs_->removeChildDependency(orphan); });
    }

    void deduplicationKeysAreReadAndRemoved() {
        addJob();
        CPPUNIT_ASSERT(!jobs_->deduplicationJobId("d"));
        CPPUNIT_ASSERT(!jobs_->removeDeduplicationKey("d"));
        CPPUNIT_ASSERT(!jobs_->removeDeduplicationKeyOf("1"));
        own("1");
        assertEqual("1", jobs_->deduplicationJobId("d").value_or(""));
        CPPUNIT_ASSERT(jobs_->removeDeduplicationKeyOf("1"));
        CPPUNIT_ASSERT(!jobs_->deduplicationJobId("d"));
        own("1");
        redis({"SET", keys().job("de:d"), "other"});
        CPPUNIT_ASSERT(!jobs_->removeDeduplicationKeyOf("1"));
        CPPUNIT_ASSERT(jobs_->removeDeduplicationKey("d"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().job("de:d")}));
    }

    void badValuesAreRefusedByName() {
        addJob();
        const Strings before = events();
        const auto refuse = [](const std::string& part, const std::function<void()>& call) {
            try {
                call();
                CPPUNIT_FAIL("not refused: " + part);
            } catch (const Poco::InvalidArgumentException& error) {
                assertContains(error.message(), part);
            }
        };
        refuse("delay must be at least 0, got -1",
               [&] { jobs_->changeDelay("1", milliseconds(-1)); });
        refuse("between 0 and 2097151, got 2097152", [&] { jobs_->changePriority("1", 2097152); });
        refuse("between 0 and 2097151, got -1", [&] { jobs_->changePriority("1", -1); });
        refuse("not from active", [&] { jobs_->retry("1", {JobState::Active}); });
        refuse("data must be JSON, got {", [&] { jobs_->updateData("1", "{"); });
        refuse("progress must be JSON, got an empty text", [&] { jobs_->updateProgress("1", ""); });
        refuse("mostRows must be at least 0, got -2", [&] { (void)jobs_->addLog("1", "x", -2); });
        refuse("mostRows must be at least 0, got -2", [&] { jobs_->clearLogs("1", -2); });
        refuse("dueMs must be at least 1, got 0", [&] { jobs_->moveToDelayed("1", 0, "t"); });
        for (const char* id :
             {"meta", "events", "dn:d", "metrics:completed", "repeat:x", "drover:set-aside"}) {
            refuse("the queue has a key of that name", [&] { (void)jobs_->remove(id); });
            refuse("the queue has a key of that name", [&] { jobs_->updateData(id, "{}"); });
        }
        refuse("must be provided", [&] { (void)jobs_->remove(""); });
        CPPUNIT_ASSERT(before == events());
        CPPUNIT_ASSERT(stateOf("1") == JobState::Waiting);
    }

    void aMissingJobIsMinusOne() {
        const std::function<void()> kCalls[] = {
            [&] { jobs_->changeDelay("none", milliseconds(1)); },
            [&] { jobs_->changePriority("none", 1); },
            [&] { jobs_->retry("none"); },
            [&] { jobs_->updateData("none", "{}"); },
            [&] { jobs_->updateProgress("none", "1"); },
            [&] { (void)jobs_->addLog("none", "row"); }};
        for (const auto& call : kCalls) {
            expectCode(ErrorCode::JobNotExist, call);
        }
        const Reply left = redis({"KEYS", keys().job("none*")});
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, left.size());
    }

    void aKeyOfAnotherTypeChangesNothing() {
        const std::pair<const std::string*, std::function<void()>> kCalls[] = {
            {&keys().prioritized, [&] { jobs_->promote("2"); }},
            {&keys().events, [&] { jobs_->promote("2"); }},
            {&keys().wait, [&] { jobs_->promote("2"); }},
            {&keys().marker, [&] { jobs_->changeDelay("2", milliseconds(1)); }},
            {&keys().wait, [&] { jobs_->changePriority("2", 1); }},
            {&keys().prioritized, [&] { jobs_->changePriority("1", 1); }},
            {&keys().wait, [&] { jobs_->retry("3"); }},
            {&keys().events, [&] { jobs_->retry("3"); }},
            {&keys().completed, [&] { (void)jobs_->remove("1"); }},
            {&keys().stalled, [&] { (void)jobs_->remove("1"); }}};
        for (const auto& [planted, call] : kCalls) {
            redis({"FLUSHDB"});
            addJob();
            addDelayed();
            fail(addJob());
            redis({"DEL", *planted});
            redis({"SET", *planted, "text"});
            const auto before = hash("1");
            const auto second = hash("2");
            const auto third = hash("3");
            CPPUNIT_ASSERT_THROW_MESSAGE(*planted, call(), ScriptException);
            CPPUNIT_ASSERT_MESSAGE(
                *planted, before == hash("1") && second == hash("2") && third == hash("3"));
            if (planted != &keys().wait) {
                CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"LLEN", keys().wait}));
            }
            CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", keys().delayed}));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCARD", keys().failed}));
        }
    }

private:
    static void expectCode(ErrorCode code, const std::function<void()>& call) {
        try {
            call();
            CPPUNIT_FAIL("no error");
        } catch (const JobStateException& error) {
            CPPUNIT_ASSERT_EQUAL(static_cast<int>(code), error.code());
        }
    }

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
    std::string addDelayed(std::int64_t delayMs = 60000, int priority = 0) {
        JobRecord record = plain();
        record.delayMs = delayMs;
        record.priority = priority;
        return add(record);
    }
    void addScheduled(const std::string& id) {
        JobRecord record = plain();
        record.customId = id;
        record.delayMs = 60000;
        add(record);
        redis({"HSET", keys().job(id), "rjk", "tick"});
    }
    /// Adds a job that waits for children, perhaps as a child itself.
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
    void addChildren(const std::string& parent, std::size_t count) {
        const std::vector<JobRecord> children(count, childOf(parent));
        ops::addJobs(context(), client(), children, clock_.wallMs());
    }
    /// Makes the job the owner of the deduplication id "d".
    void own(const std::string& id) {
        redis({"HSET", keys().job(id), "deid", "d"});
        redis({"SET", keys().job("de:d"), id});
    }
    /// Moves the one waiting job to a set.
    void place(const std::string& set) {
        redis({"DEL", keys().wait});
        redis({"ZADD", set, "1", "1"});
    }
    /// Claims the job, which is next, and ends it.
    void finish(const std::string& id, bool completed) {
        redis({"LREM", keys().wait, "0", id});
        redis({"RPUSH", keys().wait, id});
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
    void complete(const std::string& id) { finish(id, true); }
    void fail(const std::string& id) { finish(id, false); }

    std::int64_t score(const std::string& set, const std::string& member) {
        return static_cast<std::int64_t>(std::stod(text({"ZSCORE", set, member})));
    }
    Strings lastEvents(std::size_t count) {
        const Strings all = events();
        return Strings(all.end() - static_cast<std::ptrdiff_t>(count), all.end());
    }
    void expectNoOrphans() {
        const Strings found = findOrphans(client(), keys().qualifiedName() + ":*");
        assertEqual("", found.empty() ? "" : found.front());
    }

    std::unique_ptr<JobControl> jobs_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(JobControlTest);
