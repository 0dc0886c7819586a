#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "chaos/Fleet.h"

using drover::test::Answer;
using drover::test::Ask;
using drover::test::eventually;
using drover::test::Fleet;

/// A consumer ends at the worst moments: in each phase of the life of a job, in turn.
class FailpointTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(FailpointTest);
    CPPUNIT_TEST(killedWithJobsClaimedAndUnread);
    CPPUNIT_TEST(killedBeforeTheHandlerBegins);
    CPPUNIT_TEST(killedBeforeTheStatement);
    CPPUNIT_TEST(killedWhenTheStatementIsSent);
    CPPUNIT_TEST(killedBetweenCommitAndFinish);
    CPPUNIT_TEST(killedWithTheFinishUnread);
    CPPUNIT_TEST(stoppedAfterTheCommitItsLateFinishIsDiscarded);
    CPPUNIT_TEST(asleepWithClaimedJobsItsLateFinishIsDiscarded);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        random_ = drover::test::seededRandom("failpoints");
        fleet_ = std::make_unique<Fleet>(Fleet::Settings{});
        answers_.clear();
        nextUser_ = 1;
    }
    void tearDown() override { fleet_.reset(); }

    void killedWithJobsClaimedAndUnread() { dieAt("claimed-unread"); }
    void killedBeforeTheHandlerBegins() { dieAt("handler-not-begun"); }
    void killedBeforeTheStatement() { dieAt("before-statement"); }
    void killedWhenTheStatementIsSent() { dieAt("statement-sent"); }
    void killedBetweenCommitAndFinish() { dieAt("committed"); }
    void killedWithTheFinishUnread() { dieAt("finish-unread"); }

    void stoppedAfterTheCommitItsLateFinishIsDiscarded() {
        restartWith("committed,stop");
        postUntil("stopped", [this] { return isStopped(); });
        // Its jobs are its own until their locks expire; then other consumers run them, and find them done.
        fleet_->waitUntilSettled(fleet_->recoveryLimit());
        fleet_->consumer(0).signal(SIGCONT);
        eventually("the late finish is discarded", [this] { return discards() > 0; });
        assertExactAndWorking();
    }

    void asleepWithClaimedJobsItsLateFinishIsDiscarded() {
        // Alone, so that it is the one that claims.
        fleet_->killConsumer(1);
        fleet_->killConsumer(2);
        restartWith("claimed-unread,sleep");
        post(40);
        eventually("claimed", [this] { return fleet_->queue().active() > 0; });
        fleet_->startConsumer(1);
        fleet_->startConsumer(2);
        fleet_->waitUntilSettled(fleet_->recoveryLimit());
        // Other consumers ran it while this one slept; this one does not run it when it wakes.
        eventually("the late finish is discarded", [this] { return discards() > 0; });
        assertExactAndWorking();
    }

private:
    using Clock = std::chrono::steady_clock;

    static constexpr int kBurst = 24;

    void dieAt(const std::string& phase) {
        const int rounds = drover::test::countFrom("DROVER_CHAOS_FAILPOINTS", 1);
        std::chrono::milliseconds longest{0};
        for (int round = 0; round < rounds; ++round) {
            const int passage = std::uniform_int_distribution<int>(1, 3)(random_);
            restartWith(phase + ":" + std::to_string(passage));
            postUntil("dead at " + phase, [this] { return !fleet_->consumer(0).running(); });
            const auto death = Clock::now();
            fleet_->startConsumer(0);
            post(kBurst);
            fleet_->waitUntilSettled(fleet_->recoveryLimit());
            longest = std::max(
                longest,
                std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - death));
            CPPUNIT_ASSERT(longest <= fleet_->recoveryLimit());
        }
        std::cerr << "  " << phase << ": " << rounds << " deaths, " << answers_.size()
                  << " requests; all done at most " << longest.count() << " ms after a death\n";
        assertExactAndWorking();
    }

    void restartWith(const std::string& failpoint) {
        fleet_->killConsumer(0);
        fleet_->startConsumer(0, failpoint);
        fleet_->waitUntilReady(0);
    }

    /// New users request in turns a seat that is there and one that soon is not.
    void post(int count) {
        std::vector<Ask> asks;
        for (int i = 0; i < count; ++i, ++nextUser_) {
            asks.push_back({nextUser_ % 2 == 0 ? Fleet::kSmallEvent : Fleet::kBigEvent, nextUser_});
        }
        const std::vector<Answer> answers = fleet_->postReservations(asks);
        for (const Answer& answer : answers) {
            CPPUNIT_ASSERT_EQUAL(201, answer.status);
        }
        answers_.insert(answers_.end(), answers.begin(), answers.end());
    }

    void postUntil(const std::string& what, const std::function<bool()>& holds) {
        eventually(what, [this, &holds] {
            post(kBurst);
            return holds();
        });
    }

    [[nodiscard]] bool isStopped() {
        std::ifstream status("/proc/" + std::to_string(fleet_->consumer(0).pid()) + "/stat");
        const std::string text{std::istreambuf_iterator<char>(status),
                               std::istreambuf_iterator<char>()};
        return text.find(") T ") != std::string::npos;
    }

    /// Lines in the first consumer's log about outcomes that it had too late.
    [[nodiscard]] std::size_t discards() {
        const std::string log = fleet_->logOf(0);
        std::size_t count = 0;
        for (const char* words : {"the outcome is discarded", "the job's lock is lost"}) {
            for (std::size_t at = log.find(words); at != std::string::npos;
                 at = log.find(words, at + 1)) {
                ++count;
            }
        }
        return count;
    }

    void assertExactAndWorking() {
        post(kBurst);
        fleet_->waitUntilSettled(fleet_->recoveryLimit());
        fleet_->assertExact(answers_);
    }

    std::mt19937 random_;
    std::unique_ptr<Fleet> fleet_;
    std::vector<Answer> answers_;
    std::int64_t nextUser_ = 1;
};

CPPUNIT_TEST_SUITE_REGISTRATION(FailpointTest);
