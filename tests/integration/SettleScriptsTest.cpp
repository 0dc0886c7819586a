#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "queue/QueueContext.h"
#include "queue/ops/Add.h"
#include "queue/ops/Advance.h"
#include "queue/ops/JobUpdates.h"
#include "queue/ops/Locks.h"
#include "queue/ops/Settle.h"
#include "queue/ops/Stalled.h"
#include "support/Assert.h"
#include "support/RedisFixture.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Strings = std::vector<std::string>;

constexpr std::int64_t kUnit = 4294967296;  // 2^32: the share of one priority in a score.

}  // namespace

/// The scripts for a job that leaves active without an end (retryJobs, handBackJobs), and those for one that stays
/// (extendLocks, updateProgress, updateData, addLog).
class SettleScriptsTest : public RedisFixture {
    CPPUNIT_TEST_SUITE(SettleScriptsTest);
    CPPUNIT_TEST(aRetryWithBackoffIsDelayed);
    CPPUNIT_TEST(anImmediateRetryGoesBehindOtherJobs);
    CPPUNIT_TEST(anImmediateLifoRetryIsNext);
    CPPUNIT_TEST(aPrioritizedRetryGetsANewScore);
    CPPUNIT_TEST(aRetryPromotesWhatIsDue);
    CPPUNIT_TEST(aRetryOfAPausedQueueWritesNoMarker);
    CPPUNIT_TEST(eachRetryCodeIsOfTheWireFormat);
    CPPUNIT_TEST(aRetryStoresTheCountOfTheWorker);
    CPPUNIT_TEST(theEventOfARetryIsThatOfTheVersionThatSharesTheQueue);
    CPPUNIT_TEST(aJobThatStalledTooOftenEndsByTheVersionThatSharesTheQueue);
    CPPUNIT_TEST(aFlowOf548ShowsItselfByItsChildren);
    CPPUNIT_TEST(handedBackJobsAreInFrontInTheirOrder);
    CPPUNIT_TEST(aHandBackCountsNoAttempt);
    CPPUNIT_TEST(aHandedBackPriorityIsTheFirstOfItsKindWithoutMarker);
    CPPUNIT_TEST(aHandBackUntilLaterIsDelayed);
    CPPUNIT_TEST(aHandBackUntilThePastIsDueAtOnce);
    CPPUNIT_TEST(eachHandBackCodeIsOfTheWireFormat);
    CPPUNIT_TEST(aRenewalExtendsTheLockAndClearsTheMark);
    CPPUNIT_TEST(aRenewalReturnsTheLostLocks);
    CPPUNIT_TEST(theSameJobHeldTwiceLosesTheOldLockOnly);
    CPPUNIT_TEST(aRenewalReturnsTheCancelledJobs);
    CPPUNIT_TEST(aCancelIsMeantForOneClaim);
    CPPUNIT_TEST(onlyAHeldJobCanBeCancelled);
    CPPUNIT_TEST(aCancelLeavesNothingBehind);
    CPPUNIT_TEST(progressIsStoredWithAnEvent);
    CPPUNIT_TEST(dataIsReplacedWithoutAnEvent);
    CPPUNIT_TEST(logsRetainTheirNewestRows);
    CPPUNIT_TEST_SUITE_END();

public:
    void aRetryWithBackoffIsDelayed() {
        activate();
        const std::int64_t now = clock_.wallMs();
        CPPUNIT_ASSERT_EQUAL(0, retry({"1", "token", 2500, false, "boom", "[\"t\"]"}, now));
        auto fields = hash("1");
        assertEqual("boom", fields["failedReason"]);
        assertEqual("[\"t\"]", fields["stacktrace"]);
        assertEqual("1", fields["atm"]);
        assertEqual("2500", fields["delay"]);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, fields.count("finishedOn"));
        CPPUNIT_ASSERT_EQUAL((now + 2500) * 4096, score(keys().delayed, "1"));
        CPPUNIT_ASSERT_EQUAL(now + 2500, score(keys().marker, "1"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", lockOf("1"), keys().active}));
        // No `failed`: that is for the last attempt.
        CPPUNIT_ASSERT((Strings{"active 1 prev=waiting",
                                "delayed 1 delay=" + std::to_string(now + 2500)} == lastEvents(2)));
    }

    void anImmediateRetryGoesBehindOtherJobs() {
        activate();
        addJob();
        redis({"DEL", keys().marker});
        CPPUNIT_ASSERT_EQUAL(0, retry({"1", "token", 0, false, "boom", "[]"}));
        CPPUNIT_ASSERT((Strings{"1", "2"} == list(keys().wait)));
        assertEqual("waiting 1 prev=active", events().back());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, score(keys().marker, "0"));
        assertEqual("1", hash("1")["atm"]);
    }

    void anImmediateLifoRetryIsNext() {
        activate();
        addJob();
        CPPUNIT_ASSERT_EQUAL(0, retry({"1", "token", 0, true, "boom", "[]"}));
        CPPUNIT_ASSERT((Strings{"2", "1"} == list(keys().wait)));
    }

    void aPrioritizedRetryGetsANewScore() {
        addPrioritized(3);
        claim(1);
        addPrioritized(3);
        CPPUNIT_ASSERT_EQUAL(0, retry({"1", "token", 0, true, "boom", "[]"}));
        CPPUNIT_ASSERT_EQUAL(3 * kUnit + 2, score(keys().prioritized, "2"));
        CPPUNIT_ASSERT_EQUAL(3 * kUnit + 3, score(keys().prioritized, "1"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().wait}));
    }

    void aRetryPromotesWhatIsDue() {
        activate();
        JobRecord item = plain();
        item.delayMs = 1;
        ops::addJobs(context(), client(), {item}, clock_.wallMs());
        CPPUNIT_ASSERT_EQUAL(0,
                             retry({"1", "token", 0, false, "boom", "[]"}, clock_.wallMs() + 1000));
        CPPUNIT_ASSERT((Strings{"1", "2"} == list(keys().wait)));
        CPPUNIT_ASSERT(
            (Strings{"waiting 2 prev=delayed", "waiting 1 prev=active"} == lastEvents(2)));
    }

    void aRetryOfAPausedQueueWritesNoMarker() {
        activate();
        redis({"HSET", keys().meta, "paused", "1"});
        redis({"DEL", keys().marker});
        CPPUNIT_ASSERT_EQUAL(0, retry({"1", "token", 0, false, "boom", "[]"}));
        CPPUNIT_ASSERT((Strings{"1"} == list(keys().wait)));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().marker}));
    }

    void eachRetryCodeIsOfTheWireFormat() {
        loseInFourWays();
        std::vector<RetryItem> items;
        for (const char* id : {"1", "2", "3", "4", "5"}) {
            items.push_back({id, "token", 0, false, "boom", "[]"});
        }
        CPPUNIT_ASSERT((std::vector<int>{-1, -2, -6, -3, 0} ==
                        ops::retryJobs(context(), client(), items, clock_.wallMs()).codes));
        CPPUNIT_ASSERT((Strings{"5"} == list(keys().wait)));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, hash("2").count("failedReason"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, hash("3").count("failedReason"));
        assertEqual("somebody else", text({"GET", lockOf("3")}));
    }

    void aRetryStoresTheCountOfTheWorker() {
        for (const char* field : {"atm", "attemptsMade"}) {
            for (const char* count : {"1e308", "2147483647", "abc", "-1", "2.7"}) {
                redis({"FLUSHDB"});
                activate();
                redis({"HSET", keys().job("1"), field, count});
                RetryItem item{"1", "token", 0, false, "boom", "[]"};
                item.attemptsMade = 3;
                CPPUNIT_ASSERT_EQUAL(0, retry(item));
                assertEqual("3", hash("1").at("atm"));
                // Readers would use the oldest name, for ever.
                CPPUNIT_ASSERT_EQUAL(std::size_t{0}, hash("1").count("attemptsMade"));
            }
        }
    }

    void theEventOfARetryIsThatOfTheVersionThatSharesTheQueue() {
        for (const auto& [version, previous] : std::map<std::string, std::string>{
                 {"5.48.1", "failed"}, {"5.81.5", "active"}, {"6.7.0", "active"}}) {
            redis({"FLUSHDB"});
            activate();
            redis({"HSET", keys().meta, "version", "bullmq:" + version});
            const QueueContext shared(keys(), Bullmq5::Auto);
            ops::retryJobs(
                shared, client(), {{"1", "token", 0, false, "boom", "[]"}}, clock_.wallMs());
            CPPUNIT_ASSERT_EQUAL("waiting 1 prev=" + previous, events().back());
        }
    }

    void aJobThatStalledTooOftenEndsByTheVersionThatSharesTheQueue() {
        struct Case {
            const char* version;
            Bullmq5 mode;
            bool failsAtOnce;
        };
        // A worker of 5.48.1 would run a job that is to be failed unrun.
        for (const Case& one : {Case{"5.48.1", Bullmq5::Auto, true},
                                Case{"5.60.0", Bullmq5::Auto, true},
                                Case{"5.81.5", Bullmq5::Auto, false},
                                Case{"5.81.5", Bullmq5::On, true},
                                Case{"6.7.0", Bullmq5::Auto, false},
                                Case{"5.48.1", Bullmq5::Off, false}}) {
            redis({"FLUSHDB"});
            activate();
            redis({"HSET", keys().meta, "version", "bullmq:" + std::string(one.version)});
            redis({"DEL", lockOf("1")});
            redis({"SADD", keys().stalled, "1"});
            const QueueContext shared(keys(), one.mode);
            // Twice: a process that saw such a client once acts on it.
            ops::checkStalled(
                shared, client(), clock_.wallMs(), std::chrono::milliseconds(1), 0, 100, true);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                one.version, one.failsAtOnce, stateOf("1") == JobState::Failed);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                one.version, std::size_t{one.failsAtOnce ? 0U : 1U}, hash("1").count("defa"));
        }
    }

    void aFlowOf548ShowsItselfByItsChildren() {
        const std::string queue = keys().qualifiedName();
        for (const bool of548 : {true, false}) {
            redis({"FLUSHDB"});
            activate();
            redis({"HSET", keys().job("p"), "name", "p", "data", "{}", "opts", "{}"});
            redis({"ZADD", queue + ":waiting-children", "1", "p"});
            redis({"SADD", keys().job("p") + ":dependencies", keys().job("1")});
            redis({"HSET",
                   keys().job("1"),
                   "parentKey",
                   keys().job("p"),
                   "parent",
                   of548 ? R"({"fpof":true,"queueKey":")" + queue + R"(","id":"p"})"
                         : R"({"id":"p","queueKey":")" + queue + R"(","fpof":true})"});
            AdvanceRequest request;
            FinishItem item;
            item.id = "1";
            item.token = "token";
            item.completed = false;
            item.value = "boom";
            item.stacktrace = "[]";
            request.finish = {item};
            const QueueContext shared(keys(), Bullmq5::Auto);
            ops::advance(shared, client(), request, clock_.wallMs());
            CPPUNIT_ASSERT_EQUAL(of548, stateOf("p") == JobState::Failed);
            CPPUNIT_ASSERT_EQUAL(std::size_t{of548 ? 0U : 1U}, hash("p").count("defa"));
        }
    }

    void handedBackJobsAreInFrontInTheirOrder() {
        for (int i = 0; i < 4; ++i) {
            addJob();
        }
        claim(3);
        redis({"DEL", keys().marker});
        CPPUNIT_ASSERT((std::vector<int>{0, 0, 0} == ops::handBackJobs(context(),
                                                                       client(),
                                                                       {{"3", "token", 0, true},
                                                                        {"2", "token", 0, true},
                                                                        {"1", "token", 0, true}},
                                                                       clock_.wallMs())
                                                         .codes));
        CPPUNIT_ASSERT((Strings{"4", "3", "2", "1"} == list(keys().wait)));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, score(keys().marker, "0"));
        Strings order;
        for (const ClaimedJob& job : claim(4)) {
            order.push_back(job.id);
        }
        CPPUNIT_ASSERT((Strings{"1", "2", "3", "4"} == order));
    }

    void aHandBackCountsNoAttempt() {
        activate();
        activate();
        CPPUNIT_ASSERT((std::vector<int>{0, 0} ==
                        ops::handBackJobs(context(),
                                          client(),
                                          {{"2", "token", 0, true}, {"1", "token", 0, false}},
                                          clock_.wallMs())
                            .codes));
        assertEqual("1", hash("1")["ats"]);
        assertEqual("0", hash("2")["ats"]);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, hash("1").count("atm"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, hash("1").count("failedReason"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", lockOf("1"), keys().active}));
    }

    void aHandedBackPriorityIsTheFirstOfItsKindWithoutMarker() {
        addPrioritized(3);
        claim(1);
        addPrioritized(3);
        redis({"DEL", keys().marker});
        CPPUNIT_ASSERT_EQUAL(0, handBack({"1", "token", 0, true}));
        CPPUNIT_ASSERT_EQUAL(3 * kUnit, score(keys().prioritized, "1"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().marker}));
        assertEqual("waiting 1 prev=active", events().back());
    }

    void aHandBackUntilLaterIsDelayed() {
        activate();
        const std::int64_t now = clock_.wallMs();
        CPPUNIT_ASSERT_EQUAL(0, handBack({"1", "token", now + 7000, true}, now));
        CPPUNIT_ASSERT_EQUAL((now + 7000) * 4096, score(keys().delayed, "1"));
        assertEqual("7000", hash("1")["delay"]);
        CPPUNIT_ASSERT_EQUAL(now + 7000, score(keys().marker, "1"));
        CPPUNIT_ASSERT_EQUAL("delayed 1 delay=" + std::to_string(now + 7000), events().back());
    }

    void aHandBackUntilThePastIsDueAtOnce() {
        activate();
        CPPUNIT_ASSERT_EQUAL(0, handBack({"1", "token", 1, true}));
        assertEqual("0", hash("1")["delay"]);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, claim(1).size());
    }

    void eachHandBackCodeIsOfTheWireFormat() {
        loseInFourWays();
        std::vector<HandBackItem> items;
        for (const char* id : {"1", "2", "3", "4", "5"}) {
            items.push_back({id, "token", 0, true});
        }
        CPPUNIT_ASSERT((std::vector<int>{-1, -2, -6, -3, 0} ==
                        ops::handBackJobs(context(), client(), items, clock_.wallMs()).codes));
        CPPUNIT_ASSERT((Strings{"5"} == list(keys().wait)));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().job("1")}));
    }

    void aRenewalExtendsTheLockAndClearsTheMark() {
        activate();
        redis({"SADD", keys().stalled, "1", "other"});
        redis({"PEXPIRE", lockOf("1"), "1000"});
        CPPUNIT_ASSERT(renew({{"1", "token"}}).empty());
        CPPUNIT_ASSERT(number({"PTTL", lockOf("1")}) > 4000);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"SISMEMBER", keys().stalled, "1"}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"SISMEMBER", keys().stalled, "other"}));
    }

    void aRenewalReturnsTheLostLocks() {
        for (int i = 0; i < 3; ++i) {
            activate();
        }
        redis({"DEL", lockOf("1")});
        redis({"SET", lockOf("3"), "somebody else", "PX", "1000"});
        CPPUNIT_ASSERT((std::vector<std::size_t>{0, 2} ==
                        renew({{"1", "token"}, {"2", "token"}, {"3", "token"}})));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", lockOf("1")}));
        CPPUNIT_ASSERT(number({"PTTL", lockOf("3")}) <= 1000);
    }

    void theSameJobHeldTwiceLosesTheOldLockOnly() {
        activate();
        redis({"SET", lockOf("1"), "new"});
        CPPUNIT_ASSERT((std::vector<std::size_t>{0} == renew({{"1", "token"}, {"1", "new"}})));
        CPPUNIT_ASSERT((std::vector<std::size_t>{1} == renew({{"1", "new"}, {"1", "token"}})));
    }

    void aRenewalReturnsTheCancelledJobs() {
        addJob();
        addJob();
        claim(2, "t");
        CPPUNIT_ASSERT(ops::cancelJob(context(), client(), "2", "why\nnot") ==
                       CancelRequest::Requested);
        const RenewResult told = renewal({{"1", "t"}, {"2", "t"}});
        CPPUNIT_ASSERT((told.reasons == Strings{"why\nnot"}));
        CPPUNIT_ASSERT(told.lost.empty());
        CPPUNIT_ASSERT((told.cancelled == std::vector<std::size_t>{1}));
        CPPUNIT_ASSERT(number({"PTTL", keys().job("2") + ":lock"}) > 4000);
        // Again: the answer may have been lost on its way.
        CPPUNIT_ASSERT((renewal({{"2", "t"}}).cancelled == std::vector<std::size_t>{0}));
    }

    void aCancelIsMeantForOneClaim() {
        addJob();
        claim(1, "first");
        CPPUNIT_ASSERT(ops::cancelJob(context(), client(), "1") == CancelRequest::Requested);
        CPPUNIT_ASSERT_EQUAL(0, handBack({"1", "first", 0, false}));
        claim(1, "second");
        const RenewResult told = renewal({{"1", "second"}});
        CPPUNIT_ASSERT(told.lost.empty());
        CPPUNIT_ASSERT(told.cancelled.empty());
    }

    void onlyAHeldJobCanBeCancelled() {
        addJob();
        CPPUNIT_ASSERT(ops::cancelJob(context(), client(), "1") == CancelRequest::NotHeld);
        CPPUNIT_ASSERT(ops::cancelJob(context(), client(), "2") == CancelRequest::Unknown);
        claim(1, "t");
        redis({"DEL", keys().job("1") + ":lock"});
        CPPUNIT_ASSERT(ops::cancelJob(context(), client(), "1") == CancelRequest::NotHeld);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().cancel}));
    }

    void aCancelLeavesNothingBehind() {
        addJob();
        addJob();
        claim(1, "gone", seconds(30));
        claim(1, "held", seconds(20));
        ops::cancelJob(context(), client(), "1");
        CPPUNIT_ASSERT_EQUAL(0, handBack({"1", "gone", clock_.wallMs() + 60000, false}));
        ops::cancelJob(context(), client(), "2");
        // The request for the claim that ended went with the next one.
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, number({"HLEN", keys().cancel}));
        const std::int64_t left = number({"PTTL", keys().cancel});
        CPPUNIT_ASSERT_MESSAGE(std::to_string(left), left > 0 && left <= 30000);
        // At the longest until the lock expires: no renewal reads it later.
        redis({"DEL", keys().cancel});
        addJob();
        claim(1, "brief", milliseconds(50));
        CPPUNIT_ASSERT(ops::cancelJob(context(), client(), "3") == CancelRequest::Requested);
        eventually("expired", [&] { return number({"EXISTS", keys().cancel}) == 0; });
    }

    void progressIsStoredWithAnEvent() {
        activate();
        CPPUNIT_ASSERT_EQUAL(0, ops::updateProgress(context(), client(), "1", "{\"done\":5}"));
        assertEqual("{\"done\":5}", hash("1")["progress"]);
        assertEqual("progress 1 data={\"done\":5}", events().back());
        CPPUNIT_ASSERT_EQUAL(-1, ops::updateProgress(context(), client(), "99", "5"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().job("99")}));
    }

    void dataIsReplacedWithoutAnEvent() {
        activate();
        const Strings before = events();
        CPPUNIT_ASSERT_EQUAL(0, ops::updateData(context(), client(), "1", "[1]"));
        assertEqual("[1]", hash("1")["data"]);
        CPPUNIT_ASSERT(before == events());
        CPPUNIT_ASSERT_EQUAL(-1, ops::updateData(context(), client(), "99", "[1]"));
    }

    void logsRetainTheirNewestRows() {
        activate();
        const std::string logs = keys().job("1") + ":logs";
        for (int i = 1; i <= 3; ++i) {
            CPPUNIT_ASSERT_EQUAL(
                std::int64_t{i},
                ops::addLog(context(), client(), "1", "row " + std::to_string(i), 0));
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, ops::addLog(context(), client(), "1", "row 4", 2));
        CPPUNIT_ASSERT((Strings{"row 3", "row 4"} == list(logs)));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{-1}, ops::addLog(context(), client(), "99", "row", 0));
    }

private:
    std::string lockOf(const std::string& id) { return keys().job(id) + ":lock"; }
    /// Adds a job and claims it with "token".
    void activate() {
        addJob();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, claim(1).size());
    }
    /// Jobs 1 to 5 are active; 1 loses its hash, 2 its lock, 3 the lock to another, 4 its place in active.
    void loseInFourWays() {
        for (int i = 0; i < 5; ++i) {
            activate();
        }
        redis({"DEL", keys().job("1")});
        redis({"DEL", lockOf("2")});
        redis({"SET", lockOf("3"), "somebody else"});
        redis({"LREM", keys().active, "0", "4"});
    }
    JobRecord plain() {
        JobRecord item;
        item.name = "test";
        item.data = "{}";
        item.opts = "{\"attempts\":0}";
        item.timestampMs = clock_.wallMs();
        return item;
    }
    void addPrioritized(int priority) {
        JobRecord item = plain();
        item.priority = priority;
        ops::addJobs(context(), client(), {item}, clock_.wallMs());
    }
    int retry(const RetryItem& item) { return retry(item, clock_.wallMs()); }
    int retry(const RetryItem& item, std::int64_t nowMs) {
        return ops::retryJobs(context(), client(), {item}, nowMs).codes.front();
    }
    int handBack(const HandBackItem& item) { return handBack(item, clock_.wallMs()); }
    int handBack(const HandBackItem& item, std::int64_t nowMs) {
        return ops::handBackJobs(context(), client(), {item}, nowMs).codes.front();
    }
    std::vector<std::size_t> renew(const std::vector<std::pair<std::string, std::string>>& locks) {
        return renewal(locks).lost;
    }
    RenewResult renewal(const std::vector<std::pair<std::string, std::string>>& locks) {
        return ops::extendLocks(context(), client(), locks, milliseconds(5000));
    }
    std::int64_t score(const std::string& key, const std::string& member) {
        return static_cast<std::int64_t>(std::stod(text({"ZSCORE", key, member})));
    }
    Strings lastEvents(std::size_t count) {
        const Strings seen = events();
        return {seen.end() - static_cast<std::ptrdiff_t>(std::min(count, seen.size())), seen.end()};
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SettleScriptsTest);
