#include <atomic>

#include <cppunit/TestAssert.h>

#include "conformance/Conformance.h"
#include "support/Assert.h"

namespace {

using namespace drover;
using namespace drover::test;

constexpr const char* kKeepLast = R"({"deduplication":{"id":"once","keepLastIfActive":true}})";

}  // namespace

/// Section K: what the end of a job does to its deduplication.
class DeduplicationSection : public Conformance {
public:
    using Conformance::Conformance;

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

    void c175_theLastAddFollowsTheActiveJob() {
        startWorker(Side::Ours);
        const std::string first = add(Side::Node, "hold", R"({"n":1})", kKeepLast);
        untilState(first, "active");
        add(Side::Node, "mail", R"({"n":2})", kKeepLast);
        add(Side::Node, "mail", R"({"n":3})", kKeepLast);
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
    }

private:
    /// One job waits, with that data, owns the id, and was there before the event of the first one's end.
    void expectFollower(const std::string& first, const std::string& data) {
        const std::vector<std::string> waiting = list(key("wait"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, waiting.size());
        CPPUNIT_ASSERT_EQUAL(data, field(waiting[0], "data"));
        CPPUNIT_ASSERT_EQUAL(waiting[0], text({"GET", key("de:once")}));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, existing({"dn:once"}));
        const std::vector<std::string> lines = streamed();
        const auto at = [&](const std::string& start) {
            for (std::size_t i = 0; i < lines.size(); ++i) {
                if (lines[i].rfind(start, 0) == 0) {
                    return i;
                }
            }
            CPPUNIT_FAIL("no event " + start);
            return lines.size();
        };
        const std::string state = nodeState(first);
        CPPUNIT_ASSERT(at("added " + waiting[0]) < at(state + " " + first));
        CPPUNIT_ASSERT(at("waiting " + waiting[0]) < at(state + " " + first));
    }

    std::atomic<bool> go_{false};
};

namespace {

const Statements<DeduplicationSection> kRegistered(
    {STATEMENT(DeduplicationSection, c168_theKeyGoesWithTheEndOfTheJob),
     STATEMENT(DeduplicationSection, c169_withATtlTheKeyOutlivesTheJob),
     STATEMENT(DeduplicationSection, c175_theLastAddFollowsTheActiveJob),
     STATEMENT(DeduplicationSection, c176_theLastAddFollowsAcrossTheSides)});

}  // namespace
