#include <algorithm>
#include <tuple>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "queue/ops/Add.h"
#include "queue/ops/Advance.h"
#include "queue/ops/Read.h"
#include "support/Assert.h"
#include "support/RedisFixture.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using Strings = std::vector<std::string>;

}  // namespace

/// advance: finish, promote and claim in one call, and addJobs where both meet the queue's state.
class AdvanceScriptTest : public RedisFixture {
    CPPUNIT_TEST_SUITE(AdvanceScriptTest);
    CPPUNIT_TEST(aClaimLocksAndCounts);
    CPPUNIT_TEST(aClaimCountsAsAReadOfTheJobDoes);
    CPPUNIT_TEST(aNamedWorkerIsStored);
    CPPUNIT_TEST(waitGoesBeforePrioritizedAndOldBeforeNew);
    CPPUNIT_TEST(theCounterOfPrioritizedEndsWithThem);
    CPPUNIT_TEST(aClaimWakesTheNextWorker);
    CPPUNIT_TEST(aPausedQueueGivesNothingAndGetsNoMarker);
    CPPUNIT_TEST(globalConcurrencyBoundsAClaim);
    CPPUNIT_TEST(theGlobalLimiterBoundsAClaimAndReturnsHowLong);
    CPPUNIT_TEST(aDeferredFailureDoesNotCountForTheLimiter);
    CPPUNIT_TEST(dueJobsArePromotedAlsoWhilePaused);
    CPPUNIT_TEST(promotionMovesAThousandAtATime);
    CPPUNIT_TEST(aPromotedPriorityGoesToPrioritized);
    CPPUNIT_TEST(theNextDueTimeIsReturnedWhenNothingIsThere);
    CPPUNIT_TEST(idsWithoutHashAreDroppedAndDoNotHideJobs);
    CPPUNIT_TEST(legacyMarkersAreDropped);
    CPPUNIT_TEST(aClaimEndsWhenItHasEnoughBytes);
    CPPUNIT_TEST(aLargeClaimIsLockedForAsLongAsItMayTravel);
    CPPUNIT_TEST(unservedJobsAreDelayedWithoutAClaim);
    CPPUNIT_TEST(unservedJobsAreDelayedLongerEachTime);
    CPPUNIT_TEST(oneCallDelaysOnlySoMany);
    CPPUNIT_TEST(anUnservedJobThatIsToFailIsClaimed);
    CPPUNIT_TEST(aFinishWritesWhatBullmqWrites);
    CPPUNIT_TEST(aFinalFailureWritesWhatBullmqWrites);
    CPPUNIT_TEST(aFailureWithAttemptsLeftDoesNotExhaustThem);
    CPPUNIT_TEST(eachOwnershipCodeIsOfTheWireFormat);
    CPPUNIT_TEST(refusedCompletionsLeaveTheLock);
    CPPUNIT_TEST(oneRefusalDoesNotTouchItsNeighbours);
    CPPUNIT_TEST(jobsFinishInAnyOrderAndOnlyOnce);
    CPPUNIT_TEST(keepNothing);
    CPPUNIT_TEST(keepByCount);
    CPPUNIT_TEST(keepByAgeWithLimit);
    CPPUNIT_TEST(keepByAgeAndCount);
    CPPUNIT_TEST(aRuleAppliesToWhatFinishedBeforeItOnly);
    CPPUNIT_TEST(theDeduplicationOwnerIsReleased);
    CPPUNIT_TEST(aParentThatCameWhileItWasActiveIsReleased);
    CPPUNIT_TEST(aParentThatCannotBeReleasedWaitsOn);
    CPPUNIT_TEST(aParentOfADroppedChildIsReleasedBeforeTheEndOfTheJobIsAnnounced);
    CPPUNIT_TEST(goneFilesAreReportedAlsoWhereNoneWasAdded);
    CPPUNIT_TEST(theLastFinishIsDrained);
    CPPUNIT_TEST(aFinishWithADelayedJobLeftIsNotDrained);
    CPPUNIT_TEST(aFinishTrimsTheStream);
    CPPUNIT_TEST(aKeyOfAnotherTypeLosesNoJob);
    CPPUNIT_TEST(aRefusalIsClassifiedAlsoWhereTheScriptWasUnknown);
    CPPUNIT_TEST_SUITE_END();

public:
    void aClaimLocksAndCounts() {
        const std::string id = addJob("mail", "{\"a\": 1}", "{\"attempts\":3}");
        const auto jobs = claim(5, "t1", milliseconds(4000));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, jobs.size());
        const ClaimedJob& job = jobs.front();
        CPPUNIT_ASSERT_EQUAL(id, job.id);
        assertEqual("mail", job.name);
        assertEqual("{\"a\": 1}", job.data);
        assertEqual("{\"attempts\":3}", job.opts);
        assertEqual("t1", job.token);
        CPPUNIT_ASSERT_EQUAL(1, job.attemptsStarted);
        CPPUNIT_ASSERT_EQUAL(0, job.attemptsMade);
        assertEqual("t1", text({"GET", lockOf(id)}));
        const std::int64_t left = number({"PTTL", lockOf(id)});
        CPPUNIT_ASSERT(left > 3000 && left <= 4000);
        CPPUNIT_ASSERT((Strings{id} == list(keys().active)));
        assertEqual("1", hash(id)["ats"]);
        CPPUNIT_ASSERT_EQUAL(std::to_string(job.processedOnMs), hash(id)["processedOn"]);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, hash(id).count("pb"));
        assertEqual("active 1 prev=waiting", events().back());
    }

    void aClaimCountsAsAReadOfTheJobDoes() {
        const std::tuple<const char*, const char*, int> cases[] = {
            {"", "2", 2}, {"5", "2", 5}, {"x", "2", 0}, {"3", "", 3}, {"", "", 0}};
        for (const auto& [oldest, newer, made] : cases) {
            const std::string id = addJob();
            redis({"HSET", keys().job(id), "attemptsMade", oldest, "atm", newer, "stc", ""});
            redis({"HSET", keys().job(id), "ats", "1", "stalledCounter", "4"});
            const Job read = ops::job(context(), client(), id).value();
            const ClaimedJob job = claim(1).front();
            CPPUNIT_ASSERT_EQUAL(made, read.attemptsMade);
            CPPUNIT_ASSERT_EQUAL(made, job.attemptsMade);
            CPPUNIT_ASSERT_EQUAL(read.attemptsStarted + 1, job.attemptsStarted);
            CPPUNIT_ASSERT_EQUAL(4, read.stalledCounter);
            CPPUNIT_ASSERT_EQUAL(4, job.stalledCount);
        }
    }

    void aNamedWorkerIsStored() {
        addJob();
        AdvanceRequest request = claimOf(1);
        request.workerName = "n1";
        advance(request);
        assertEqual("n1", hash("1")["pb"]);
    }

    void waitGoesBeforePrioritizedAndOldBeforeNew() {
        addPrioritized(5);
        addPrioritized(1);
        addJob();
        addPrioritized(1);
        addJob();
        Strings order;
        for (const ClaimedJob& job : claim(5)) {
            order.push_back(job.id);
        }
        CPPUNIT_ASSERT((Strings{"3", "5", "2", "4", "1"} == order));
        CPPUNIT_ASSERT((Strings{"1", "4", "2", "5", "3"} == list(keys().active)));
    }

    void theCounterOfPrioritizedEndsWithThem() {
        addPrioritized(1);
        addPrioritized(1);
        assertEqual("2", text({"GET", keys().pc}));
        claim(1);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"EXISTS", keys().pc}));
        claim(5);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().pc}));
    }

    void aClaimWakesTheNextWorker() {
        addJob();
        redis({"DEL", keys().marker});
        claim(1);
        assertEqual("0", text({"ZSCORE", keys().marker, "0"}));
        redis({"DEL", keys().marker});
        claim(1);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().marker}));
    }

    void aPausedQueueGivesNothingAndGetsNoMarker() {
        redis({"HSET", keys().meta, "paused", "0"});
        addJob();
        addPrioritized(1);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().marker}));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, claim(5).size());
        CPPUNIT_ASSERT((Strings{"1"} == list(keys().wait)));
        addDelayed(60000);
        CPPUNIT_ASSERT(!redis({"ZSCORE", keys().marker, "1"}).isNil());
        CPPUNIT_ASSERT(redis({"ZSCORE", keys().marker, "0"}).isNil());
    }

    void globalConcurrencyBoundsAClaim() {
        redis({"HSET", keys().meta, "concurrency", "2"});
        for (int i = 0; i < 4; ++i) {
            addJob();
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, claim(10).size());
        redis({"DEL", keys().marker});
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, claim(10).size());
        addJob();
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().marker}));
        // A finish frees its slot for the claim of the same call.
        AdvanceRequest request = claimOf(10);
        request.finish = {completed("1")};
        const AdvanceResult result = advance(request);
        CPPUNIT_ASSERT_EQUAL(0, result.codes.front());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, result.claimed());
    }

    void theGlobalLimiterBoundsAClaimAndReturnsHowLong() {
        redis({"HSET", keys().meta, "max", "2", "duration", "5000"});
        for (int i = 0; i < 4; ++i) {
            addJob();
        }
        const AdvanceResult first = advance(claimOf(10));
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, first.claimed());
        assertEqual("2", text({"GET", keys().limiter}));
        const std::int64_t left = number({"PTTL", keys().limiter});
        CPPUNIT_ASSERT(left > 4000 && left <= 5000);
        const AdvanceResult second = advance(claimOf(10));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, second.claimed());
        CPPUNIT_ASSERT(second.rateLimited > milliseconds(4000));
        CPPUNIT_ASSERT(second.rateLimited <= milliseconds(5000));
        redis({"DEL", keys().limiter});
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, advance(claimOf(10)).claimed());
    }

    void aDeferredFailureDoesNotCountForTheLimiter() {
        redis({"HSET", keys().meta, "max", "2", "duration", "5000"});
        addJob();
        addJob();
        redis({"HSET", keys().job("1"), "defa", "child failed"});
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, claim(10).size());
        assertEqual("1", text({"GET", keys().limiter}));
    }

    void dueJobsArePromotedAlsoWhilePaused() {
        addDelayed(1);
        redis({"HSET", keys().meta, "paused", "1"});
        redis({"DEL", keys().marker});
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, advance(claimOf(1), later(100)).claimed());
        CPPUNIT_ASSERT((Strings{"1"} == list(keys().wait)));
        assertEqual("0", hash("1")["delay"]);
        assertEqual("waiting 1 prev=delayed", events().back());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().marker}));
    }

    void promotionMovesAThousandAtATime() {
        std::vector<JobRecord> items(1500, delayedItem(1));
        ops::addJobs(context(), client(), items, clock_.wallMs());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, advance(claimOf(1), later(100)).claimed());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{500}, number({"ZCARD", keys().delayed}));
        assertEqual("1", list(keys().active).front());
        assertEqual("2", list(keys().wait).back());
        advance(claimOf(1), later(100));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"ZCARD", keys().delayed}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1498}, number({"LLEN", keys().wait}));
        assertEqual("1500", list(keys().wait).front());
    }

    void aPromotedPriorityGoesToPrioritized() {
        JobRecord item = delayedItem(1);
        item.priority = 3;
        ops::addJobs(context(), client(), {item}, clock_.wallMs());
        redis({"HSET", keys().meta, "paused", "1"});
        advance(claimOf(1), later(100));
        CPPUNIT_ASSERT(stateOf("1") == JobState::Prioritized);
        assertEqual("12884901889", text({"ZSCORE", keys().prioritized, "1"}));
    }

    void theNextDueTimeIsReturnedWhenNothingIsThere() {
        const std::int64_t due = addDelayed(60000);
        addDelayed(90000);
        CPPUNIT_ASSERT_EQUAL(due, advance(claimOf(1)).nextDelayedMs);
        // One millisecond early is too early.
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, advance(claimOf(1), due - 1).claimed());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, advance(claimOf(1), due).claimed());
    }

    void idsWithoutHashAreDroppedAndDoNotHideJobs() {
        for (int i = 0; i < 20; ++i) {
            redis({"LPUSH", keys().wait, "ghost" + std::to_string(i)});
        }
        addJob();
        redis({"ZADD", keys().prioritized, "4294967296", "ghost-p"});
        addPrioritized(2);
        // As many as requested, although more ghosts than that come first.
        const auto jobs = claim(2);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, jobs.size());
        assertEqual("1", jobs[0].id);
        assertEqual("2", jobs[1].id);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number({"LLEN", keys().active}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().job("ghost1")}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", lockOf("ghost1")}));
    }

    void legacyMarkersAreDropped() {
        redis({"RPUSH", keys().wait, "0:1795382406903"});
        addJob();
        const auto jobs = claim(1);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, jobs.size());
        assertEqual("1", jobs.front().id);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"LLEN", keys().wait}));
    }

    void aClaimEndsWhenItHasEnoughBytes() {
        for (int i = 0; i < 3; ++i) {
            addJob("test", "\"" + std::string(998, 'x') + "\"", "{}");
        }
        addPrioritized(1);
        addPrioritized(1);
        AdvanceRequest request = claimOf(10);
        request.enoughBytes = 1;
        AdvanceResult result = advance(request);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, result.claimed());
        CPPUNIT_ASSERT(result.more());
        CPPUNIT_ASSERT((Strings{"3", "2"} == list(keys().wait)));
        CPPUNIT_ASSERT((Strings{"1"} == list(keys().active)));
        // The one that passes the bound is the last.
        request.enoughBytes = 2010;
        result = advance(request);
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, result.claimed());
        CPPUNIT_ASSERT(result.more());
        CPPUNIT_ASSERT((Strings{"4", "3", "2", "1"} == list(keys().active)));
        assertEqual("2", text({"GET", keys().pc}));
        request.enoughBytes = 0;
        result = advance(request);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, result.claimed());
        CPPUNIT_ASSERT(!result.more());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().pc}));
    }

    void aLargeClaimIsLockedForAsLongAsItMayTravel() {
        // NOLINTNEXTLINE(bugprone-string-constructor): a job of 20 MB is the case.
        addJob("test", "\"" + std::string(20'000'000, 'x') + "\"", "{}");
        advance(claimOf(1));
        const std::int64_t left = number({"PTTL", lockOf("1")});
        CPPUNIT_ASSERT(left > 20'000 && left <= 30'001);
    }

    void unservedJobsAreDelayedWithoutAClaim() {
        addJob("a");
        addJob("b");
        addJob("c");
        addJob("b");
        addJob("a");
        AdvanceRequest request = claimOf(2);
        request.served = std::make_shared<const Strings>(Strings{"a", "d"});
        const std::int64_t now = later(0);
        const AdvanceResult result = advance(request, now);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, result.claimed());
        CPPUNIT_ASSERT((Strings{"5", "1"} == list(keys().active)));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"LLEN", keys().wait}));
        const auto unserved = result.unserved();
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, unserved.size());
        assertEqual("b", unserved[0].first);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, unserved[0].second);
        assertEqual("c", unserved[1].first);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, unserved[1].second);
        CPPUNIT_ASSERT((Strings{"2", "3", "4"} == sorted(keys().delayed)));
        CPPUNIT_ASSERT_EQUAL(std::to_string((now + 1000) * 4096),
                             text({"ZSCORE", keys().delayed, "2"}));
        auto fields = hash("2");
        assertEqual("1000", fields["delay"]);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, fields.count("ats"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, fields.count("processedOn"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", lockOf("2")}));
        CPPUNIT_ASSERT_EQUAL("delayed 4 delay=" + std::to_string(now + 1000), events().back());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"ZCOUNT", keys().marker, "1", "+inf"}));
    }

    void unservedJobsAreDelayedLongerEachTime() {
        addJob("b");
        AdvanceRequest request = claimOf(2);
        request.served = std::make_shared<const Strings>(Strings{"a"});
        std::int64_t now = later(0);
        for (const int seconds : {1, 2, 4, 8, 16, 32, 60, 60}) {
            const AdvanceResult result = advance(request, now);
            CPPUNIT_ASSERT_EQUAL(std::size_t{0}, result.claimed());
            CPPUNIT_ASSERT_EQUAL(now + seconds * 1000, result.nextDelayedMs);
            CPPUNIT_ASSERT_EQUAL(std::to_string(seconds * 1000), hash("1")["delay"]);
            now = result.nextDelayedMs;
        }
        // A peer serves it.
        request.served = std::make_shared<const Strings>(Strings{"a", "b"});
        const auto jobs = advance(request, now).jobs();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, jobs.size());
        CPPUNIT_ASSERT_EQUAL(1, jobs.front().attemptsStarted);
    }

    void oneCallDelaysOnlySoMany() {
        for (int i = 0; i < 1000; ++i) {
            addJob("b");
        }
        const std::string real = addJob("a");
        AdvanceRequest request = claimOf(5);
        request.served = std::make_shared<const Strings>(Strings{"a"});
        int calls = 0;
        for (bool more = true; more; ++calls) {
            const AdvanceResult result = advance(request);
            more = result.more();
            CPPUNIT_ASSERT_EQUAL(std::size_t{more ? 0U : 1U}, result.claimed());
        }
        CPPUNIT_ASSERT(calls >= 4 && calls <= 6);
        CPPUNIT_ASSERT((Strings{real} == list(keys().active)));
    }

    void anUnservedJobThatIsToFailIsClaimed() {
        addJob("b");
        redis({"HSET", keys().job("1"), "defa", "a child failed"});
        AdvanceRequest request = claimOf(5);
        request.served = std::make_shared<const Strings>(Strings{"a"});
        const AdvanceResult result = advance(request);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, result.claimed());
        CPPUNIT_ASSERT(result.unserved().empty());
    }

    void aFinishWritesWhatBullmqWrites() {
        addJob();
        claim(1);
        redis({"SADD", keys().stalled, "1"});
        redis({"HSET", keys().job("1"), "failedReason", "earlier", "stacktrace", "[\"a\"]"});
        const std::int64_t now = later(0);
        CPPUNIT_ASSERT_EQUAL(0, finish(completed("1"), now));
        auto fields = hash("1");
        assertEqual("1", fields["atm"]);
        assertEqual("{\"r\":1}", fields["returnvalue"]);
        CPPUNIT_ASSERT_EQUAL(std::to_string(now), fields["finishedOn"]);
        assertEqual("earlier", fields["failedReason"]);
        assertEqual("[\"a\"]", fields["stacktrace"]);
        CPPUNIT_ASSERT_EQUAL(std::to_string(now), text({"ZSCORE", keys().completed, "1"}));
        CPPUNIT_ASSERT_EQUAL(
            std::int64_t{0},
            number({"EXISTS", lockOf("1"), keys().active, keys().stalled, keys().failed}));
    }

    void aFinalFailureWritesWhatBullmqWrites() {
        addJob();
        claim(1);
        redis({"HSET", keys().job("1"), "defa", "x"});
        FinishItem item = failed("1");
        item.attempts = 1;
        const std::int64_t now = later(0);
        CPPUNIT_ASSERT_EQUAL(0, finish(item, now));
        auto fields = hash("1");
        assertEqual("no seats", fields["failedReason"]);
        assertEqual("[\"trace\"]", fields["stacktrace"]);
        assertEqual("1", fields["atm"]);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, fields.count("defa"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, fields.count("returnvalue"));
        CPPUNIT_ASSERT_EQUAL(std::to_string(now), text({"ZSCORE", keys().failed, "1"}));
        const Strings expected = {"added 1 name=test",
                                  "waiting 1",
                                  "active 1 prev=waiting",
                                  "failed 1 failedReason=no seats prev=active",
                                  "retries-exhausted 1 attemptsMade=1",
                                  "drained"};
        CPPUNIT_ASSERT(expected == events());
    }

    void aFailureWithAttemptsLeftDoesNotExhaustThem() {
        addJob();
        addJob();
        claim(2);
        FinishItem item = failed("1");
        item.attempts = 5;
        CPPUNIT_ASSERT_EQUAL(0, finish(item));
        assertEqual("failed 1 failedReason=no seats prev=active", events().back());
    }

    void eachOwnershipCodeIsOfTheWireFormat() {
        for (int i = 0; i < 4; ++i) {
            addJob();
        }
        claim(4);
        redis({"DEL", keys().job("1")});
        redis({"DEL", lockOf("2")});
        redis({"SET", lockOf("3"), "somebody else"});
        redis({"LREM", keys().active, "0", "4"});
        AdvanceRequest request;
        request.finish = {completed("1"), completed("2"), completed("3"), completed("4")};
        const AdvanceResult result = advance(request);
        CPPUNIT_ASSERT((std::vector<int>{-1, -2, -6, -3} == result.codes));
        assertEqual("somebody else", text({"GET", lockOf("3")}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().completed}));
        for (const char* id : {"2", "3", "4"}) {
            CPPUNIT_ASSERT_EQUAL(std::size_t{0}, hash(id).count("finishedOn"));
        }
        assertEqual("active 4 prev=waiting", events().back());
    }

    void refusedCompletionsLeaveTheLock() {
        addJob();
        addJob();
        claim(2);
        redis({"SADD", keys().job("1") + ":dependencies", "bull:other:7"});
        redis({"ZADD", keys().job("2") + ":unsuccessful", "1", "bull:other:8"});
        AdvanceRequest request;
        request.finish = {completed("1"), completed("2")};
        CPPUNIT_ASSERT((std::vector<int>{-4, -9} == advance(request).codes));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number({"EXISTS", lockOf("1"), lockOf("2")}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number({"LLEN", keys().active}));
        // Failing them is allowed.
        request.finish = {failed("1"), failed("2")};
        CPPUNIT_ASSERT((std::vector<int>{0, 0} == advance(request).codes));
    }

    void oneRefusalDoesNotTouchItsNeighbours() {
        for (int i = 0; i < 3; ++i) {
            addJob();
        }
        claim(3);
        redis({"DEL", lockOf("2")});
        AdvanceRequest request;
        request.finish = {completed("1"), completed("2"), completed("3")};
        CPPUNIT_ASSERT((std::vector<int>{0, -2, 0} == advance(request).codes));
        CPPUNIT_ASSERT((Strings{"2"} == list(keys().active)));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number({"ZCARD", keys().completed}));
    }

    void jobsFinishInAnyOrderAndOnlyOnce() {
        for (int i = 0; i < 5; ++i) {
            addJob();
        }
        claim(5);
        AdvanceRequest request;
        request.finish = {completed("4"), completed("1"), completed("4"), completed("2")};
        CPPUNIT_ASSERT((std::vector<int>{0, 0, -3, 0} == advance(request).codes));
        CPPUNIT_ASSERT((Strings{"5", "3"} == list(keys().active)));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, number({"ZCARD", keys().completed}));
    }

    void aRuleAppliesToWhatFinishedBeforeItOnly() {
        for (int i = 0; i < 4; ++i) {
            addJob();
        }
        claim(4);
        AdvanceRequest request;
        request.finish = {completed("1"), completed("2"), completed("3"), completed("4")};
        request.finish[2].keep.count = 1;
        CPPUNIT_ASSERT((std::vector<int>{0, 0, 0, 0} == advance(request).codes));
        CPPUNIT_ASSERT((Strings{"3", "4"} == finishedIds()));
    }

    void keepNothing() {
        addJob();
        addJob();
        claim(2);
        redis({"RPUSH", keys().job("1") + ":logs", "row"});
        FinishItem item = completed("1");
        item.keep.count = 0;
        CPPUNIT_ASSERT_EQUAL(0, finish(item));
        item = failed("2");
        item.keep.count = 0;
        CPPUNIT_ASSERT_EQUAL(0, finish(item));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0},
                             number({"EXISTS",
                                     keys().job("1"),
                                     keys().job("1") + ":logs",
                                     keys().job("2"),
                                     keys().completed,
                                     keys().failed}));
        const Strings seen = events();
        CPPUNIT_ASSERT(std::find(seen.begin(),
                                 seen.end(),
                                 "completed 1 returnvalue={\"r\":1} prev=active") != seen.end());
        CPPUNIT_ASSERT(noneBegins("removed"));
    }

    void keepByCount() {
        finishMany(5, [](FinishItem& item) { item.keep.count = 2; });
        CPPUNIT_ASSERT((Strings{"4", "5"} == finishedIds()));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().job("1"), keys().job("3")}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, number({"EXISTS", keys().job("4"), keys().job("5")}));
        CPPUNIT_ASSERT(noneBegins("removed"));
    }

    void keepByAgeWithLimit() {
        // Five finished a minute apart; the sixth, at minute 10, leaves jobs that are at most 60 s old, and removes
        // two a call.
        finishMany(5, [](FinishItem&) {});
        addJob();
        claim(1);
        FinishItem item = completed("6");
        item.keep.ageSeconds = 60;
        item.keep.limit = 2;
        CPPUNIT_ASSERT_EQUAL(0, finish(item, later(600'000)));
        // The newest of the expired go first.
        CPPUNIT_ASSERT((Strings{"1", "2", "3", "6"} == finishedIds()));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().job("4"), keys().job("5")}));
    }

    void keepByAgeAndCount() {
        finishMany(5, [](FinishItem&) {});
        addJob();
        claim(1);
        FinishItem item = completed("6");
        // At minute 6: 1 to 3 are older than 150 s, two of the remaining three may stay.
        item.keep.ageSeconds = 150;
        item.keep.count = 2;
        CPPUNIT_ASSERT_EQUAL(0, finish(item, later(360'000)));
        CPPUNIT_ASSERT((Strings{"5", "6"} == finishedIds()));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().job("1"), keys().job("4")}));
    }

    void theDeduplicationOwnerIsReleased() {
        for (int i = 0; i < 3; ++i) {
            const std::string id = addJob();
            redis({"HSET", keys().job(id), "deid", "d" + id});
        }
        const std::string owner = keys().job("de:d");
        redis({"SET", owner + "1", "1"});
        redis({"SET", owner + "2", "2", "PX", "60000"});
        redis({"SET", owner + "3", "another"});
        claim(3);
        AdvanceRequest request;
        request.finish = {completed("1"), completed("2"), completed("3")};
        for (FinishItem& item : request.finish) {
            item.deduplicationId = "d" + item.id;
        }
        advance(request);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", owner + "1"}));
        assertEqual("2", text({"GET", owner + "2"}));
        assertEqual("another", text({"GET", owner + "3"}));
    }

    void aParentThatCameWhileItWasActiveIsReleased() {
        JobRecord child;
        child.name = child.customId = "child";
        child.data = child.opts = "{}";
        ops::addJobs(context(), client(), {child}, clock_.wallMs());
        addJob("parent");
        const ClaimedJob job = claim(1).front();
        claim(1);
        redis({"ZADD", keys().waitingChildren, "1", "2"});
        redis({"LREM", keys().active, "0", "2"});
        child.parentKey = keys().job("2");
        child.parent = R"({"id":"2","queueKey":")" + keys().qualifiedName() + "\"}";
        ops::addJobs(context(), client(), {child}, clock_.wallMs());
        FinishItem item = completed("child");
        item.idCounter = job.idCounter;
        CPPUNIT_ASSERT_EQUAL(0, finish(item));
        CPPUNIT_ASSERT((Strings{"2"} == list(keys().wait)));
        CPPUNIT_ASSERT_EQUAL(item.value,
                             text({"HGET", keys().job("2") + ":processed", keys().job("child")}));
    }

    void aParentThatCannotBeReleasedWaitsOn() {
        addJob("parent");
        claim(1);
        redis({"LREM", keys().active, "0", "1"});
        redis({"ZADD", keys().waitingChildren, "1", "1"});
        JobRecord child;
        child.name = child.customId = "child";
        child.data = child.opts = "{}";
        child.parentKey = keys().job("1");
        child.parent = R"({"id":"1","queueKey":")" + keys().qualifiedName() + "\"}";
        ops::addJobs(context(), client(), {child}, clock_.wallMs());
        claim(1);
        redis({"SET", keys().job("1") + ":processed", "no hash"});
        CPPUNIT_ASSERT_EQUAL(0, finish(completed("child")));
        CPPUNIT_ASSERT(stateOf("child") == JobState::Failed);
        // A retry of the child reaches it.
        CPPUNIT_ASSERT(stateOf("1") == JobState::WaitingChildren);
        CPPUNIT_ASSERT_EQUAL(
            std::int64_t{1},
            number({"SISMEMBER", keys().job("1") + ":dependencies", keys().job("child")}));
    }

    void aParentOfADroppedChildIsReleasedBeforeTheEndOfTheJobIsAnnounced() {
        addJob("parent");
        claim(1);
        redis({"LREM", keys().active, "0", "1"});
        redis({"ZADD", keys().waitingChildren, "1", "1"});
        JobRecord child;
        child.name = child.customId = "child";
        child.data = child.opts = "{}";
        child.parentKey = keys().job("1");
        child.parent = R"({"id":"1","queueKey":")" + keys().qualifiedName() + "\"}";
        ops::addJobs(context(), client(), {child}, clock_.wallMs());
        claim(1);
        CPPUNIT_ASSERT_EQUAL(0, finish(failed("child")));
        addJob();
        claim(1);
        FinishItem item = failed("3");
        item.keep.count = 1;
        CPPUNIT_ASSERT_EQUAL(0, finish(item, later(1)));
        CPPUNIT_ASSERT((Strings{"1"} == list(keys().wait)));
        const Strings seen = events();
        const auto released =
            std::find(seen.begin(), seen.end(), "waiting 1 prev=waiting-children");
        const auto ended =
            std::find(seen.begin(), seen.end(), "failed 3 failedReason=no seats prev=active");
        CPPUNIT_ASSERT(released < ended && ended != seen.end());
    }

    void goneFilesAreReportedAlsoWhereNoneWasAdded() {
        addJob();
        addJob();
        const auto jobs = claim(2);
        redis({"DEL", keys().job("1")});
        AdvanceRequest request;
        request.finish = {completed("1"), completed("2")};
        for (std::size_t i = 0; i < 2; ++i) {
            assertEqual("2", jobs[i].idCounter);
            request.finish[i].idCounter = jobs[i].idCounter;
        }
        CPPUNIT_ASSERT((std::vector<int>{-1, 0} == advance(request).codes));
    }

    void theLastFinishIsDrained() {
        addJob();
        addJob();
        claim(2);
        finish(completed("1"));
        CPPUNIT_ASSERT(noneBegins("drained"));
        finish(completed("2"));
        assertEqual("drained", events().back());
    }

    void aFinishWithADelayedJobLeftIsNotDrained() {
        addJob();
        claim(1);
        addDelayed(60000);
        AdvanceRequest request = claimOf(1);
        request.finish = {completed("1")};
        advance(request);
        CPPUNIT_ASSERT(noneBegins("drained"));
    }

    void aFinishTrimsTheStream() {
        redis({"HSET", keys().meta, "opts.maxLenEvents", "10"});
        for (int i = 0; i < 300; ++i) {
            redis({"XADD", keys().events, "*", "event", "old"});
        }
        addJob();
        claim(1);
        finish(completed("1"));
        // Approximately: whole nodes of 100 entries stay.
        CPPUNIT_ASSERT(number({"XLEN", keys().events}) < 120);
    }

    void aKeyOfAnotherTypeLosesNoJob() {
        // A script is not rolled back: what it pops before it meets the error would be gone.
        for (const std::string& key : {keys().active, keys().events, keys().marker}) {
            redis({"DEL", keys().wait, key});
            const std::string id = addJob();
            redis({"DEL", key});
            redis({"SET", key, "a string"});
            CPPUNIT_ASSERT_THROW(claim(1), ScriptException);
            CPPUNIT_ASSERT_MESSAGE(key, (Strings{id} == list(keys().wait)));
            redis({"DEL", key});
        }
        const std::string id = claim(1).front().id;
        redis({"SET", keys().completed, "a string"});
        CPPUNIT_ASSERT_THROW(finish(completed(id)), ScriptException);
        CPPUNIT_ASSERT((Strings{id} == list(keys().active)));
        assertEqual("token", text({"GET", lockOf(id)}));
    }

    void aRefusalIsClassifiedAlsoWhereTheScriptWasUnknown() {
        useOwnServer();
        addJob();
        redis({"SCRIPT", "FLUSH"});
        redis({"CONFIG", "SET", "maxmemory", "1"});
        try {
            addJob();
            CPPUNIT_FAIL("Redis has no memory");
        } catch (const RedisBusyException& error) {
            assertStartsWith(error.message(), "addJobs: ");
        }
    }

private:
    Strings sorted(const std::string& key) {
        const Reply reply = redis({"ZRANGE", key, "0", "-1"});
        Strings ids;
        for (std::size_t i = 0; i < reply.size(); ++i) {
            ids.emplace_back(reply.at(i).text());
        }
        std::sort(ids.begin(), ids.end());
        return ids;
    }
    std::string lockOf(const std::string& id) { return keys().job(id) + ":lock"; }
    std::int64_t later(std::int64_t ms) { return clock_.wallMs() + ms; }

    static AdvanceRequest claimOf(int count) {
        AdvanceRequest request;
        request.claim = count;
        request.token = "token";
        request.lockDuration = milliseconds(10000);
        return request;
    }
    AdvanceResult advance(const AdvanceRequest& request) { return advance(request, later(0)); }
    AdvanceResult advance(const AdvanceRequest& request, std::int64_t nowMs) {
        return ops::advance(context(), client(), request, nowMs);
    }
    static FinishItem completed(const std::string& id) {
        FinishItem item;
        item.id = id;
        item.token = "token";
        item.value = "{\"r\":1}";
        return item;
    }
    static FinishItem failed(const std::string& id) {
        FinishItem item = completed(id);
        item.completed = false;
        item.value = "no seats";
        item.stacktrace = "[\"trace\"]";
        return item;
    }
    int finish(const FinishItem& item) { return finish(item, later(0)); }
    int finish(const FinishItem& item, std::int64_t nowMs) {
        AdvanceRequest request;
        request.finish = {item};
        return advance(request, nowMs).codes.front();
    }
    /// Adds, claims and completes jobs 1 to `count`, finished a minute apart, the first a minute from now.
    template <typename Change>
    void finishMany(int count, Change change) {
        for (int i = 1; i <= count; ++i) {
            FinishItem item = completed(addJob());
            claim(1);
            change(item);
            CPPUNIT_ASSERT_EQUAL(0, finish(item, later(i * 60'000)));
        }
    }
    Strings finishedIds() {
        const Reply reply = redis({"ZRANGE", keys().completed, "0", "-1"});
        Strings ids;
        for (std::size_t i = 0; i < reply.size(); ++i) {
            ids.emplace_back(reply.at(i).text());
        }
        return ids;
    }
    bool noneBegins(const std::string& prefix) {
        const Strings seen = events();
        return std::none_of(seen.begin(), seen.end(), [&](const std::string& event) {
            return event.rfind(prefix, 0) == 0;
        });
    }
    void addPrioritized(int priority) {
        JobRecord item = delayedItem(0);
        item.priority = priority;
        ops::addJobs(context(), client(), {item}, clock_.wallMs());
    }
    JobRecord delayedItem(std::int64_t delayMs) {
        JobRecord item;
        item.name = "test";
        item.data = "{}";
        item.opts = "{\"attempts\":0}";
        item.timestampMs = later(0);
        item.delayMs = delayMs;
        return item;
    }
    /// Returns when it is due.
    std::int64_t addDelayed(std::int64_t delayMs) {
        const JobRecord item = delayedItem(delayMs);
        ops::addJobs(context(), client(), {item}, clock_.wallMs());
        return item.timestampMs + delayMs;
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AdvanceScriptTest);
