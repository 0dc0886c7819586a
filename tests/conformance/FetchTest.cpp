#include <algorithm>
#include <atomic>

#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "queue/ops/Locks.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace

/// Section E: fetches and locks.
class FetchSection : public Conformance {
public:
    using Conformance::Conformance;

    void c077_whatOurFetchLeaves() {
        settings_.workerName = "cashier";
        settings_.lockDuration = milliseconds(20000);
        settings_.threads = 2;  // A job that cannot begin is not claimed.
        startWorker(Side::Ours);
        const std::string first = add(Side::Node, "hold");
        untilState(first, "active");
        const std::string second = add(Side::Node, "hold");
        untilState(second, "active");
        CPPUNIT_ASSERT_EQUAL(second + "\n" + first, joined(list(key("active"))));
        for (const std::string& id : {first, second}) {
            const std::string token = text({"GET", key(id + ":lock")});
            CPPUNIT_ASSERT_EQUAL(id, joined(ops::activeWithToken(ours(), client(), token)));
            const std::int64_t ttl = number({"PTTL", key(id + ":lock")});
            CPPUNIT_ASSERT(ttl > 0 && ttl <= 20000);
            assertEqual("1", field(id, "ats"));
            assertEqual("cashier", field(id, "pb"));
            assertEqual("(none)", fieldOrNone(id, "atm"));
            expectPrompt(id);
        }
    }

    void c078_aPrioritizedJobsEventIsActiveFromWaiting() {
        startWorker(Side::Ours);
        const std::string id = run(Side::Node, "mail", "{}", R"({"priority":3})");
        assertEqual(
            "added name=mail | waiting | active prev=waiting | completed "
            "returnvalue={} prev=active",
            eventsOf(id));
    }

    void c079_nodeCallsAJobThatWeHoldActive() {
        startWorker(Side::Ours);
        const std::string id = add(Side::Ours, "hold");
        eventually("ours has it", [&] { return seenByOurs().size() == 1; });
        assertEqual("active", nodeState(id));
        release(Side::Ours);
        untilState(id, "completed");
    }

    void c080_dueJobsOfAPausedQueueArePromoted() {
        node("queue.pause");
        startWorker(Side::Ours);
        untilAsleep();
        const std::string id = add(Side::Node, "mail", "{}", R"({"delay":200})");
        untilStreamed("waiting " + id + " prev=delayed");
        assertEqual("0", field(id, "delay"));
        assertEqual("waiting", nodeState(id));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, begun(Side::Ours).size());
        if (is670()) {
            node("queue.resume");
            untilState(id, "completed");
        }
    }

    void c081_manyDueJobsArePromotedStepByStep() {
        std::vector<NewJob> jobs(2500, {"mail", "{}", JobOptions::parse(R"({"delay":1})")});
        queue().addBulk(jobs, std::chrono::steady_clock::now() + seconds(10));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2500}, number({"ZCARD", key("delayed")}));
        nextMillisecond();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, claim(1).size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1500}, number({"ZCARD", key("delayed")}));
        CPPUNIT_ASSERT_EQUAL(0, finish("1", "token"));
        startWorker(Side::Ours);
        eventually("all completed", [&] { return number({"ZCARD", key("completed")}) == 2500; });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"delayed", "wait", "active"}));
    }

    void c082_theCounterGoesWithTheLastPrioritizedJob() {
        for (const Side producer : kBoth) {
            const std::string first = add(producer, "mail", "{}", R"({"priority":2})");
            const std::string second = add(producer, "mail", "{}", R"({"priority":2})");
            assertEqual("2", text({"GET", key("pc")}));
            CPPUNIT_ASSERT_EQUAL(first, claim(1).at(0).id);
            CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, existing({"pc"}));
            CPPUNIT_ASSERT_EQUAL(second, claim(1).at(0).id);
            claim(1);
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"pc", "prioritized"}));
        }
    }

    void c083_weClaimNothingFromAPausedQueue() {
        const std::string plain = add(Side::Node, "mail");
        const std::string prioritized = add(Side::Ours, "mail", "{}", R"({"priority":2})");
        node("queue.pause");
        startWorker(Side::Ours);
        untilAsleep();
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, worker_->stats().claimed);
        assertEqual("waiting", nodeState(plain));
        assertEqual("prioritized", nodeState(prioritized));
        node("queue.resume");
        untilState(plain, "completed");
        untilState(prioritized, "completed");
    }

    void c084_aLockThatWeRenewIsLeftAlone() {
        // A busy machine may hold up a renewal for seconds: they come every 3 s.
        settings_.lockDuration = milliseconds(6000);
        startWorker(Side::Ours);
        keepLocks(options());
        const std::string id = add(Side::Node, "hold");
        untilState(id, "active");
        const std::int64_t expiry = clock_.wallMs() + settings_.lockDuration.count();
        startWorker(Side::Node, R"({"stalledInterval": 500})");
        // A check leaves its time in a key. Each one marks the job, and the next one recovers it unless it was renewed.
        std::int64_t last = expiry;
        for (int checks = 0; checks < 3; ++checks) {
            const std::int64_t before = last;
            eventually(
                "a check",
                [&] {
                    const Reply at = redis({"GET", key("stalled-check")});
                    last = at.isNil() ? before : std::stoll(std::string(at.text()));
                    return last > before;
                },
                std::chrono::seconds(60));
        }
        assertEqual("active", nodeState(id));
        release(Side::Ours);
        untilState(id, "completed");
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, seenByOurs().size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, begun(Side::Node).size());
        assertEqual("1", field(id, "ats"));
    }

    void c085_aRenewalRemovesTheJobFromTheStalledSet() {
        settings_.lockDuration = milliseconds(600);
        startWorker(Side::Ours);
        keepLocks(options());
        const std::string id = add(Side::Node, "hold");
        untilState(id, "active");
        nodeChecks(60000);
        eventually("marked", [&] { return number({"SISMEMBER", key("stalled"), id}) == 1; });
        eventually("renewed", [&] { return number({"SISMEMBER", key("stalled"), id}) == 0; });
        assertEqual("active", nodeState(id));
        release(Side::Ours);
        untilState(id, "completed");
    }

    void c086_nodeCannotFinishAJobThatWeHold() {
        startWorker(Side::Ours);
        const std::string id = add(Side::Node, "hold", R"({"seat":7})");
        untilState(id, "active");
        const std::string lock = text({"GET", key(id + ":lock")});
        try {
            node("job.moveToCompleted",
                 "\"job\": " + id + R"(, "args": ["stolen", "another-token", false])");
            CPPUNIT_FAIL("another token finished the job");
        } catch (const PeerError& error) {
            // By its text: 5.48.1 gives its errors no code.
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                error.what(), std::size_t{0}, std::string(error.what()).find("Lock mismatch"));
            CPPUNIT_ASSERT(is548() || error.code == -6);
        }
        CPPUNIT_ASSERT_EQUAL(lock, text({"GET", key(id + ":lock")}));
        release(Side::Ours);
        untilState(id, "completed");
        assertEqual(R"({"seat":7})", field(id, "returnvalue"));
    }

    void c087_aFinishThatIsNotOursHasItsCode() {
        for (const bool completed : {true, false}) {
            const std::string id = add(Side::Node, "mail");
            CPPUNIT_ASSERT_EQUAL(id, claim(1).at(0).id);
            CPPUNIT_ASSERT_EQUAL(-6, finish(id, "another", completed));
            assertEqual("token", text({"GET", key(id + ":lock")}));
            redis({"DEL", key(id + ":lock")});
            CPPUNIT_ASSERT_EQUAL(-2, finish(id, "token", completed));
            assertEqual("active", nodeState(id));
            redis({"SET", key(id + ":lock"), "token"});
            redis({"LREM", key("active"), "0", id});
            CPPUNIT_ASSERT_EQUAL(-3, finish(id, "token", completed));
            redis({"DEL", key(id + ":lock"), key(id)});
            CPPUNIT_ASSERT_EQUAL(-1, finish(id, "token", completed));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({id, "completed", "failed"}));
        }
    }

    void c088_aLostLockEndsOurInterest() {
        startWorker(Side::Ours);
        const std::string id = add(Side::Node, "hold");
        untilState(id, "active");
        redis({"DEL", key(id + ":lock")});
        const auto before = fieldsOf(id);
        release(Side::Ours);
        eventually("it is lost", [&] { return worker_->stats().lost == 1; });
        CPPUNIT_ASSERT(before == fieldsOf(id));
        assertEqual("active", nodeState(id));
        assertEqual("added name=hold | waiting | active prev=waiting", eventsOf(id));

        redis({"SET", key(id + ":lock"), "somebody's"});
        CPPUNIT_ASSERT_EQUAL(-6, finish(id, "token"));
        CPPUNIT_ASSERT(before == fieldsOf(id));
    }

    void c089_aJobThatWeLostIsFinishedOnce() {
        settings_.lockDuration = milliseconds(400);
        startWorker(Side::Ours);
        const std::string id = add(Side::Node, "hold");
        untilBegun(id);
        worker_->quiet(true);  // It would take the job again itself.
        startWorker(Side::Node, R"({"stalledInterval": 200})");
        eventually("Node has it", [&] { return begun(Side::Node).size() == 1; });
        release(Side::Ours);
        eventually("ours is lost", [&] { return worker_->stats().lost == 1; });
        assertEqual("active", nodeState(id));
        release(Side::Node);
        untilState(id, "completed");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1},
                             countOf("completed " + id + " returnvalue={} prev=active"));
        assertEqual("2", field(id, "ats"));
        assertEqual("1", field(id, "atm"));
    }

    void c090_idsWithoutAJobStopNothing() {
        redis({"RPUSH", key("wait"), "", "ghost"});
        const std::string id = add(Side::Node, "mail");
        redis({"RPUSH", key("wait"), "ghost"});
        redis({"ZADD", key("prioritized"), "1", "ghost"});
        startWorker(Side::Ours);
        untilState(id, "completed");
        const std::string next = run(Side::Node, "mail");
        CPPUNIT_ASSERT_EQUAL(id + "\n" + next, joined(begun(Side::Ours)));
    }

    void c091_aChainedFetchShowsNoJobWithoutLock() {
        constexpr int kJobs = 300;
        std::vector<NewJob> jobs(kJobs, {"mail", "{}", {}});
        queue().addBulk(jobs, std::chrono::steady_clock::now() + seconds(10));
        settings_.concurrency = 1;
        settings_.batchSize = 1;
        settings_.lockDuration = seconds(5);
        startWorker(Side::Ours);
        // One moment of the three keys: at most one job is active, and a job that is has a live lock.
        const std::string look =
            "local ids = redis.call('LRANGE', KEYS[1], 0, -1) "
            "for _, id in ipairs(ids) do "
            "  local ttl = redis.call('PTTL', ARGV[1] .. id .. ':lock') "
            "  if ttl <= 0 or ttl > 5000 then return 'no live lock on ' .. id end "
            "end "
            "return #ids > 1 and 'more than one' or 'fine'";
        eventually("all completed", [&] {
            assertEqual("fine", text({"EVAL", look, "1", key("active"), key("")}));
            return number({"ZCARD", key("completed")}) == kJobs;
        });
        const std::vector<std::string> lines = streamed();
        for (int n = 1; n < kJobs; ++n) {
            const std::string id = std::to_string(n);
            const std::string next = std::to_string(n + 1);
            const auto completed = std::find(
                lines.begin(), lines.end(), "completed " + id + " returnvalue={} prev=active");
            CPPUNIT_ASSERT(completed != lines.end());
            CPPUNIT_ASSERT_EQUAL("active " + next + " prev=waiting", *(completed + 1));
            CPPUNIT_ASSERT(std::stoll(field(next, "processedOn")) >=
                           std::stoll(field(id, "finishedOn")));
        }

        // The call itself, on its own.
        worker_.reset();
        const std::string one = add(Side::Node, "mail");
        const std::string two = add(Side::Node, "mail");
        const std::string three = add(Side::Node, "mail");
        CPPUNIT_ASSERT_EQUAL(one, claim(1).at(0).id);
        CPPUNIT_ASSERT_EQUAL(0, finish(one, "token", true, 1));
        assertEqual("completed", nodeState(one));
        CPPUNIT_ASSERT_EQUAL(two, joined(list(key("active"))));
        assertEqual("next", text({"GET", key(two + ":lock")}));
        CPPUNIT_ASSERT_EQUAL(three, joined(list(key("wait"))));
    }

    void c092_theNextIterationExistsBeforeOurHandlerStarts() {
        std::atomic<std::int64_t> pending{-1};
        RedisClient probe(options(), "probe");
        const std::string delayed = key("delayed");
        behaviours_["tick"] = [&](RunningJob& job) {
            Command count;
            count.add("ZCARD").add(delayed);
            pending = probe.call(count).integer();
            job.setOutcome({JobOutcome::Kind::Completed, "{}", "", 0});
        };
        startWorker(Side::Ours);
        node("queue.upsertJobScheduler",
             R"("args": ["tick", {"every": 3600000}, {"name": "tick"}])");
        eventually("it ran", [&] { return pending >= 0; });
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, pending.load());
    }

    void c093_aDeferredFailureFailsUnrun() {
        const std::string reason = "child bull:other:1 failed";
        const std::string id = add(Side::Node, "mail", "{}", R"({"attempts":3})");
        redis({"HSET", key(id), "defa", reason});
        startWorker(Side::Ours);
        untilState(id, "failed");
        CPPUNIT_ASSERT_EQUAL(reason, field(id, "failedReason"));
        assertEqual("(none)", fieldOrNone(id, "defa"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, seenByOurs().size());
        assertEqual("1", field(id, "atm"));
        assertEqual(
            "added name=mail | waiting | active prev=waiting | "
            "failed failedReason=" +
                reason + " prev=active",
            eventsOf(id));
    }
};

namespace {

const Statements<FetchSection> kRegistered(
    {STATEMENT(FetchSection, c077_whatOurFetchLeaves),
     STATEMENT(FetchSection, c078_aPrioritizedJobsEventIsActiveFromWaiting),
     STATEMENT(FetchSection, c079_nodeCallsAJobThatWeHoldActive),
     STATEMENT(FetchSection, c080_dueJobsOfAPausedQueueArePromoted),
     STATEMENT(FetchSection, c081_manyDueJobsArePromotedStepByStep),
     STATEMENT(FetchSection, c082_theCounterGoesWithTheLastPrioritizedJob),
     STATEMENT(FetchSection, c083_weClaimNothingFromAPausedQueue),
     STATEMENT(FetchSection, c084_aLockThatWeRenewIsLeftAlone),
     STATEMENT(FetchSection, c085_aRenewalRemovesTheJobFromTheStalledSet),
     STATEMENT(FetchSection, c086_nodeCannotFinishAJobThatWeHold),
     STATEMENT(FetchSection, c087_aFinishThatIsNotOursHasItsCode),
     STATEMENT(FetchSection, c088_aLostLockEndsOurInterest),
     STATEMENT(FetchSection, c089_aJobThatWeLostIsFinishedOnce),
     STATEMENT(FetchSection, c090_idsWithoutAJobStopNothing),
     STATEMENT(FetchSection, c091_aChainedFetchShowsNoJobWithoutLock),
     STATEMENT(FetchSection, c092_theNextIterationExistsBeforeOurHandlerStarts),
     STATEMENT(FetchSection, c093_aDeferredFailureFailsUnrun)});

}  // namespace
