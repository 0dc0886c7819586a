#include <algorithm>
#include <atomic>

#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;

constexpr const char* kKeepLast = R"({"deduplication":{"id":"once","keepLastIfActive":true}})";

}  // namespace

/// Section K: deduplication by adds of both sides, and what the end of a job does to it.
class DeduplicationSection : public Conformance {
public:
    using Conformance::Conformance;

    void c167_theSecondAddAnswersTheOwner() {
        const std::string opts = R"({"deduplication":{"id":"once"}})";
        for (const Side first : kBoth) {
            useQueue(queueName() + "-x");
            const std::string id = add(first, "mail", R"({"n":1})", opts);
            CPPUNIT_ASSERT_EQUAL(id, add(otherOf(first), "mail", R"({"n":2})", opts));
            CPPUNIT_ASSERT_EQUAL(
                std::int64_t{1},
                countOf("deduplicated 1 deduplicationId=once deduplicatedJobId=2"));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"2"}));
            assertEqual(R"({"n":1})", field("1", "data"));
            assertEqual("once", field("1", "deid"));
        }
    }

    void c168_theKeyGoesWithTheEndOfTheJob() {
        startWorker(Side::Ours);
        const std::string good =
            add(Side::Node, "hold", "{}", R"({"deduplication":{"id":"good"},"attempts":2})");
        untilState(good, "active");
        CPPUNIT_ASSERT_EQUAL(good, text({"GET", key("de:good")}));
        release(Side::Ours);
        untilState(good, "completed");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"de:good"}));

        const std::string bad = add(Side::Node,
                                    "fail",
                                    "{}",
                                    R"({"deduplication":{"id":"bad"},"attempts":2,"backoff":700})");
        untilState(bad, "delayed");
        CPPUNIT_ASSERT_EQUAL(bad, text({"GET", key("de:bad")}));
        untilState(bad, "failed");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"de:bad"}));
        // The id is free again.
        CPPUNIT_ASSERT(add(Side::Node, "mail", "{}", R"({"deduplication":{"id":"bad"}})") != bad);
    }

    void c169_withATtlTheKeyOutlivesTheJob() {
        const std::string opts = R"({"deduplication":{"id":"once","ttl":60000}})";
        startWorker(Side::Ours);
        const std::string first = add(Side::Node, "mail", "{}", opts);
        untilState(first, "completed");
        CPPUNIT_ASSERT_EQUAL(first, text({"GET", key("de:once")}));
        const std::int64_t ttl = number({"PTTL", key("de:once")});
        CPPUNIT_ASSERT_MESSAGE(std::to_string(ttl), ttl > 0 && ttl <= 60000);
        CPPUNIT_ASSERT_EQUAL(first, add(Side::Node, "mail", "{}", opts));
        redis({"PEXPIRE", key("de:once"), "1"});
        eventually("it expired", [&] { return existing({"de:once"}) == 0; });
        const std::string second = add(Side::Node, "mail", "{}", opts);
        CPPUNIT_ASSERT(second != first);
        untilState(second, "completed");
    }

    void c170_extendRenewsTheTtl() {
        const std::string opts = R"({"deduplication":{"id":"once","ttl":60000,"extend":true}})";
        const std::string first = add(Side::Node, "mail", "{}", opts);
        for (const Side second : kBoth) {
            redis({"PEXPIRE", key("de:once"), "20000"});
            CPPUNIT_ASSERT_EQUAL(first, add(second, "mail", "{}", opts));
            expectTtl(20001, 60000);
            CPPUNIT_ASSERT_EQUAL(first, text({"GET", key("de:once")}));
        }
    }

    void c171_replaceTakesThePlaceOfADelayedJob() {
        const std::string opts = R"({"delay":600000,"deduplication":{"id":"once","replace":true}})";
        for (const Side first : kBoth) {
            useQueue(queueName() + "-x");
            add(first, "mail", "{}", opts);
            assertEqual("2", add(otherOf(first), "mail", "{}", opts));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"1"}));
            assertEqual("2", joined(members("delayed")));
            assertEqual("2", text({"GET", key("de:once")}));
            std::vector<std::string> lines;
            for (const std::string& line : streamed()) {
                if (line.rfind("debounced", 0) != 0) {  // Of 5.x alone.
                    lines.push_back(line.substr(0, line.find(" delay=")));
                }
            }
            assertEqual(joined({"added 1 name=mail",
                                "delayed 1",
                                "removed 1 prev=delayed",
                                "deduplicated 2 deduplicationId=once deduplicatedJobId=1",
                                "added 2 name=mail",
                                "delayed 2"}),
                        joined(lines));
        }
    }

    void c172_replaceLeavesTheRestOfTheTtl() {
        const std::string opts =
            R"({"delay":600000,"deduplication":{"id":"once","ttl":60000,"replace":true}})";
        add(Side::Node, "mail", "{}", opts);
        redis({"PEXPIRE", key("de:once"), "20000"});
        for (const Side side : kBoth) {
            const std::string id = add(side, "mail", "{}", opts);
            CPPUNIT_ASSERT_EQUAL(id, text({"GET", key("de:once")}));
            expectTtl(1, 20000);
        }
    }

    void c173_replaceLeavesAJobThatIsNotDelayed() {
        const std::string opts = R"({"deduplication":{"id":"once","replace":true}})";
        const std::string first = add(Side::Node, "mail", "{}", opts);
        const std::vector<std::string> before = streamed();
        for (const Side side : kBoth) {
            CPPUNIT_ASSERT_EQUAL(first, add(side, "mail", "{}", opts));
        }
        CPPUNIT_ASSERT_EQUAL(joined(before), joined(streamed()));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"2", "3"}));
    }

    void c174_rescheduleMovesTheDueTime() {
        const std::int64_t now = clock_.wallMs();
        for (const Side first : kBoth) {
            useQueue(queueName() + "-x");
            add(first,
                "mail",
                R"({"n":1})",
                R"({"delay":600000,"deduplication":{"id":"once","reschedule":true}})");
            const std::string id = add(otherOf(first),
                                       "mail",
                                       R"({"n":2})",
                                       "{\"delay\":900000,\"timestamp\":" + std::to_string(now) +
                                           R"(,"deduplication":{"id":"once","reschedule":true}})");
            assertEqual("1", id);
            CPPUNIT_ASSERT_EQUAL(static_cast<double>((now + 900000) * 4096),
                                 scoreOf("delayed", id));
            assertEqual("900000", field(id, "delay"));
            assertEqual(R"({"n":1})", field(id, "data"));
            const std::vector<std::string> lines = streamed();
            assertEqual("deduplicated 1 deduplicationId=once deduplicatedJobId=2",
                        lines.at(lines.size() - 2));
            assertEqual("delayed 1 delay=" + std::to_string(now + 900000), lines.back());
        }
    }

    void c175_theLastAddFollowsTheActiveJob() {
        startWorker(Side::Ours);
        const std::string first = add(Side::Node, "hold", R"({"n":1})", kKeepLast);
        untilState(first, "active");
        add(Side::Node, "mail", R"({"n":2})", kKeepLast);
        add(Side::Ours, "mail", R"({"n":3})", kKeepLast);
        assertEqual(R"({"n":3})", text({"HGET", key("dn:once"), "data"}));
        untilBegun(first);
        worker_->quiet(true);
        release(Side::Ours);
        untilState(first, "completed");
        expectFollower(first, R"({"n":3})");
        worker_->quiet(false);
        eventually("it ran", [&] { return number({"ZCARD", key("completed")}) == 2; });
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, seenByOurs().size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"de:once", "dn:once"}));
    }

    void c176_theLastAddFollowsAcrossTheSides() {
        // Active in ours, added by Node: at the final failure this time.
        behaviours_["hold"] = [this](RunningJob& job) {
            while (!go_) {
                if (job.waitCancelled(std::chrono::milliseconds(2)) != CancelReason::None) {
                    return;
                }
            }
            job.setOutcome({JobOutcome::Kind::Failed, "told to fail", "", 0});
        };
        startWorker(Side::Ours);
        const std::string first = add(Side::Node, "hold", R"({"n":1})", kKeepLast);
        untilState(first, "active");
        add(Side::Node, "mail", R"({"n":2})", kKeepLast);
        untilBegun(first);
        worker_->quiet(true);
        go_ = true;
        untilState(first, "failed");
        expectFollower(first, R"({"n":2})");
        worker_->quiet(false);
        eventually("it ran", [&] { return number({"ZCARD", key("completed")}) == 1; });
        stopWorker(Side::Ours);

        // Active in Node, added by ours. Node's worker claims the follower with the end of the first job.
        useQueue(queueName() + "-node");
        startWorker(Side::Node);
        const std::string active = add(Side::Ours, "hold", R"({"n":1})", kKeepLast);
        untilState(active, "active");
        add(Side::Ours, "mail", R"({"n":2})", kKeepLast);
        add(Side::Ours, "mail", R"({"n":3})", kKeepLast);
        assertEqual(R"({"n":3})", text({"HGET", key("dn:once"), "data"}));
        release(Side::Node);
        eventually("both ran", [&] { return number({"ZCARD", key("completed")}) == 2; });
        const std::vector<std::string> done = members("completed");
        CPPUNIT_ASSERT_EQUAL(active, done[0]);
        assertEqual(R"({"n":3})", field(done[1], "data"));
        expectBefore("added " + done[1], "completed " + active);
        expectBefore("waiting " + done[1], "completed " + active);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"de:once", "dn:once"}));
    }

    void c177_aKeyWhoseJobIsGoneIsTakenOver() {
        for (const Side side : kBoth) {
            redis({"SET", key("de:once"), "gone"});
            redis({"HSET", key("dn:once"), "name", "x"});
            const std::string id = add(side, "mail", "{}", R"({"deduplication":{"id":"once"}})");
            CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, existing({id}));
            CPPUNIT_ASSERT_EQUAL(id, text({"GET", key("de:once")}));
            CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"dn:once"}));
        }
    }

    void c180_aDeduplicatedAddDrawsFromTheCounter() {
        for (const Side side : {Side::Ours, Side::Node, Side::Ours}) {
            add(side, "mail", "{}", R"({"deduplication":{"id":"once"}})");
        }
        assertEqual("3", text({"GET", key("id")}));
        assertEqual("4", add(Side::Node, "mail"));
    }

private:
    void expectTtl(std::int64_t least, std::int64_t most) {
        const std::int64_t ttl = number({"PTTL", key("de:once")});
        CPPUNIT_ASSERT_MESSAGE(std::to_string(ttl), ttl >= least && ttl <= most);
    }

    /// One job waits, with that data, owns the id, and was there before the event of the first one's end.
    void expectFollower(const std::string& first, const std::string& data) {
        const std::vector<std::string> waiting = list(key("wait"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, waiting.size());
        CPPUNIT_ASSERT_EQUAL(data, field(waiting[0], "data"));
        CPPUNIT_ASSERT_EQUAL(waiting[0], text({"GET", key("de:once")}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"dn:once"}));
        const std::string end = nodeState(first) + " " + first;
        expectBefore("added " + waiting[0], end);
        expectBefore("waiting " + waiting[0], end);
    }

    /// The first event of these words comes before that of those.
    void expectBefore(const std::string& one, const std::string& other) {
        const std::vector<std::string> lines = streamed();
        const auto at = [&](const std::string& start) {
            const auto found = std::find_if(lines.begin(), lines.end(), [&](const auto& line) {
                return line.rfind(start, 0) == 0;
            });
            CPPUNIT_ASSERT_MESSAGE("no event " + start, found != lines.end());
            return found - lines.begin();
        };
        CPPUNIT_ASSERT(at(one) < at(other));
    }

    std::atomic<bool> go_{false};
};

namespace {

const Statements<DeduplicationSection> kRegistered(
    {STATEMENT(DeduplicationSection, c167_theSecondAddAnswersTheOwner),
     STATEMENT(DeduplicationSection, c168_theKeyGoesWithTheEndOfTheJob),
     STATEMENT(DeduplicationSection, c169_withATtlTheKeyOutlivesTheJob),
     STATEMENT(DeduplicationSection, c170_extendRenewsTheTtl),
     STATEMENT(DeduplicationSection, c171_replaceTakesThePlaceOfADelayedJob),
     STATEMENT(DeduplicationSection, c172_replaceLeavesTheRestOfTheTtl),
     STATEMENT(DeduplicationSection, c173_replaceLeavesAJobThatIsNotDelayed),
     STATEMENT(DeduplicationSection, c174_rescheduleMovesTheDueTime),
     STATEMENT(DeduplicationSection, c175_theLastAddFollowsTheActiveJob),
     STATEMENT(DeduplicationSection, c176_theLastAddFollowsAcrossTheSides),
     STATEMENT(DeduplicationSection, c177_aKeyWhoseJobIsGoneIsTakenOver),
     STATEMENT(DeduplicationSection, c180_aDeduplicatedAddDrawsFromTheCounter)});

}  // namespace
