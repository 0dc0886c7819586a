#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "queue/ops/Advance.h"
#include "support/Assert.h"
#include "support/Patience.h"
#include "support/RedisFixture.h"
#include "worker/AdvanceCalls.h"
#include "worker/JobCalls.h"

namespace {

using namespace drover;
using namespace drover::test;
using std::chrono::milliseconds;

constexpr int kEnough = static_cast<int>(AdvanceCalls::kWorthACall);

}  // namespace

/// Calls of advance that overlap: their order, and their outcomes when no reply comes.
class AdvanceCallsTest : public RedisFixture {
    CPPUNIT_TEST_SUITE(AdvanceCallsTest);
    CPPUNIT_TEST(aSecondCallIsSentForManyOutcomesOnly);
    CPPUNIT_TEST(answersComeInTheOrderOfTheCalls);
    CPPUNIT_TEST(callsUnderWayCountAsHeldOrAsRoom);
    CPPUNIT_TEST(aScriptThatRedisForgotIsSentAgainForBoth);
    CPPUNIT_TEST(aDeadConnectionLeavesBothCallsOpen);
    CPPUNIT_TEST(aRefusalForNowLeavesOnlyTheLaterCallOpen);
    CPPUNIT_TEST(aReplyHasADeadline);
    CPPUNIT_TEST(aJobThatCannotEndDelaysNoOtherJob);
    CPPUNIT_TEST(aRefusalFollowsTheAnswerOfTheOtherCall);
    CPPUNIT_TEST(aCallThatOnlyClaimsGoesAlone);
    CPPUNIT_TEST(aCallCarriesOnlySoManyBytes);
    CPPUNIT_TEST(nothingElseIsCalledWhileAnAnswerIsAwaited);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        RedisFixture::setUp();
        make();
    }
    void tearDown() override {
        if (own_) {
            own_->thaw();
        }
        calls_.reset();
        lost_.reset();
        settlement_.reset();
        jobCalls_.reset();
        clients_.reset();
        redis_.reset();
        RedisFixture::tearDown();
    }

    void aSecondCallIsSentForManyOutcomesOnly() {
        const auto jobs = claimed(2 * kEnough + 1);
        CPPUNIT_ASSERT(calls_->maySend());
        end({jobs[0]});
        send(0);
        CPPUNIT_ASSERT(!calls_->maySend());
        CPPUNIT_ASSERT(!calls_->full());
        end({jobs.begin() + 1, jobs.begin() + kEnough});
        CPPUNIT_ASSERT(!calls_->maySend());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, calls_->missing());
        end({jobs[kEnough]});
        CPPUNIT_ASSERT(calls_->maySend());
        send(0);
        CPPUNIT_ASSERT(calls_->full());
        end({jobs.begin() + kEnough + 1, jobs.end()});
        CPPUNIT_ASSERT(!calls_->maySend());
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, answer().ended.size());
        CPPUNIT_ASSERT(calls_->maySend());
    }

    void answersComeInTheOrderOfTheCalls() {
        const auto jobs = claimed(2 * kEnough);
        addJobs(30);
        end({jobs.begin(), jobs.begin() + kEnough});
        send(10);
        end({jobs.begin() + kEnough, jobs.end()});
        send(10);
        std::set<std::string> taken;
        for (int call = 0; call < 2; ++call) {
            const AdvanceCalls::Answer answered = answer();
            CPPUNIT_ASSERT_EQUAL(AdvanceCalls::kWorthACall, answered.ended.size());
            for (int i = 0; i < kEnough; ++i) {
                const auto at = static_cast<std::size_t>(i);
                CPPUNIT_ASSERT_EQUAL(0, answered.ended[at].code);
                CPPUNIT_ASSERT(answered.ended[at].ending == Ending::Completed);
                CPPUNIT_ASSERT(!answered.ended[at].sentBefore);
                CPPUNIT_ASSERT_EQUAL(jobs[static_cast<std::size_t>(call * kEnough + i)].id,
                                     answered.ended[at].run->job().id);
            }
            CPPUNIT_ASSERT(answered.full());
            for (const ClaimedJob& job : answered.result.jobs()) {
                CPPUNIT_ASSERT_EQUAL("call " + std::to_string(call + 1), job.token);
                taken.insert(job.id);
            }
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{20}, taken.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{20}, list(keys().active).size());
        CPPUNIT_ASSERT(!calls_->underWay());
    }

    void callsUnderWayCountAsHeldOrAsRoom() {
        const auto jobs = claimed(2 * kEnough);
        end({jobs.begin(), jobs.begin() + kEnough});
        send(100);
        CPPUNIT_ASSERT_EQUAL(100 - kEnough, calls_->unanswered());
        end({jobs.begin() + kEnough, jobs.end()});
        CPPUNIT_ASSERT_EQUAL(kEnough, calls_->outcomes());
        send(7);
        CPPUNIT_ASSERT_EQUAL(107 - 2 * kEnough, calls_->unanswered());
        answer();
        CPPUNIT_ASSERT_EQUAL(7 - kEnough, calls_->unanswered());
        answer();
        CPPUNIT_ASSERT_EQUAL(0, calls_->unanswered());
    }

    void aScriptThatRedisForgotIsSentAgainForBoth() {
        const auto jobs = claimed(2 * kEnough);
        redis({"SCRIPT", "FLUSH"});
        end({jobs.begin(), jobs.begin() + kEnough});
        send(0);
        end({jobs.begin() + kEnough, jobs.end()});
        send(0);
        for (int call = 0; call < 2; ++call) {
            const AdvanceCalls::Answer answered = answer();
            CPPUNIT_ASSERT_EQUAL(AdvanceCalls::kWorthACall, answered.ended.size());
            for (std::size_t i = 0; i < answered.ended.size(); ++i) {
                CPPUNIT_ASSERT_EQUAL(0, answered.ended[i].code);
            }
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"LLEN", keys().active}));
        const auto seen = events();
        CPPUNIT_ASSERT_EQUAL(std::ptrdiff_t{2 * kEnough},
                             std::count_if(seen.begin(), seen.end(), [](const std::string& event) {
                                 return event.rfind("completed ", 0) == 0;
                             }));
    }

    void aDeadConnectionLeavesBothCallsOpen() {
        onOwnServer();
        const auto jobs = claimed(2 * kEnough);
        own_->freeze();
        end({jobs.begin(), jobs.begin() + kEnough});
        send(5);
        end({jobs.begin() + kEnough, jobs.end()});
        send(0);
        own_->stop(9);
        CPPUNIT_ASSERT_THROW(answer(), RedisIoException);
        CPPUNIT_ASSERT(!calls_->underWay());
        CPPUNIT_ASSERT_EQUAL(jobs.size(), settlement_->finish.size());
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            CPPUNIT_ASSERT_EQUAL(jobs[i].id, settlement_->finish[i].item.id);
            CPPUNIT_ASSERT_EQUAL(jobs[i].id, settlement_->finish[i].run->job().id);
            CPPUNIT_ASSERT(settlement_->finish[i].sentBefore);
        }
        // The second call requests no job.
        CPPUNIT_ASSERT(std::vector<std::string>{"call 1"} == openClaims());
    }

    void aRefusalForNowLeavesOnlyTheLaterCallOpen() {
        onOwnServer();
        const auto jobs = claimed(2 * kEnough);
        redis({"REPLICAOF", "127.0.0.1", "1"});
        end({jobs.begin(), jobs.begin() + kEnough});
        send(5);
        end({jobs.begin() + kEnough, jobs.end()});
        send(5);
        CPPUNIT_ASSERT_THROW(answer(), RedisBusyException);
        CPPUNIT_ASSERT(!calls_->underWay());
        CPPUNIT_ASSERT_EQUAL(jobs.size(), settlement_->finish.size());
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            CPPUNIT_ASSERT_EQUAL(jobs[i].id, settlement_->finish[i].item.id);
            CPPUNIT_ASSERT_EQUAL(i >= AdvanceCalls::kWorthACall, settlement_->finish[i].sentBefore);
        }
        CPPUNIT_ASSERT(std::vector<std::string>{"call 2"} == openClaims());
    }

    void aReplyHasADeadline() {
        onOwnServer();
        const auto jobs = claimed(1);
        own_->freeze();
        end(jobs);
        send(0);
        const auto start = clock_.monotonic();
        CPPUNIT_ASSERT_THROW(answer(), RedisTimeoutException);
        const auto took = clock_.monotonic() - start;
        CPPUNIT_ASSERT(took >= kTimeout - milliseconds(50) && took < kAtOnce);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, settlement_->finish.size());
        CPPUNIT_ASSERT(settlement_->finish.front().sentBefore);
    }

    void aJobThatCannotEndDelaysNoOtherJob() {
        const auto jobs = claimed(4);
        // A key of another type than a set: it has no answer.
        redis({"SET", keys().job(jobs[2].id) + ":dependencies", "x"});
        end(jobs);
        send(0);
        const auto answered = answer();
        CPPUNIT_ASSERT((std::vector<int>{0, 0, 0, 0} == answered.result.codes));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, answered.result.problems().size());
        CPPUNIT_ASSERT_EQUAL(jobs[2].id, answered.result.problems()[0].id);
        CPPUNIT_ASSERT(stateOf(jobs[2].id) == JobState::Failed);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().active}));
    }

    void aRefusalFollowsTheAnswerOfTheOtherCall() {
        constexpr int kMost = Settlement::kMostPerCall;
        const auto jobs = claimed(kMost + kEnough);
        redis({"SET", keys().completed, "x"});
        end({jobs.begin(), jobs.begin() + kMost});
        send(0);
        end({jobs.begin() + kMost, jobs.end()});
        send(0);
        CPPUNIT_ASSERT_THROW(answer(), ScriptException);
        CPPUNIT_ASSERT(!calls_->underWay());
        CPPUNIT_ASSERT_EQUAL(jobs.size(), settlement_->finish.size());
        // One at a time until that is mended.
        send(0);
        CPPUNIT_ASSERT(calls_->full());
        CPPUNIT_ASSERT_THROW(answer(), ScriptException);
        redis({"DEL", keys().completed});
        while (!settlement_->finish.empty()) {
            send(0);
            answer();
        }
        CPPUNIT_ASSERT(!calls_->full());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, number({"EXISTS", keys().active}));
    }

    void aCallThatOnlyClaimsGoesAlone() {
        const auto jobs = claimed(kEnough);
        send(1);
        end(jobs);
        CPPUNIT_ASSERT(!calls_->full());
        CPPUNIT_ASSERT(!calls_->maySend());
        answer();
        CPPUNIT_ASSERT(calls_->maySend());
    }

    void aCallCarriesOnlySoManyBytes() {
        const auto jobs = claimed(10);
        end(jobs, "\"" + std::string(Settlement::kEnoughBytes / 4, 'r') + "\"");
        CPPUNIT_ASSERT_EQUAL(4, calls_->outcomes());
        send(0);
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, answer().ended.size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{6}, settlement_->finish.size());
    }

    void nothingElseIsCalledWhileAnAnswerIsAwaited() {
        send(1);
        CPPUNIT_ASSERT_THROW(redis_->call(Command{"PING"}), Poco::IllegalStateException);
        answer();
        assertEqual("PONG", redis_->call(Command{"PING"}).text());
    }

private:
    static constexpr milliseconds kTimeout{300};

    std::vector<std::string> openClaims() {
        std::vector<std::string> tokens;
        for (const auto& claim : lost_->claims()) {
            tokens.push_back(claim.token);
        }
        return tokens;
    }

    void make() {
        RedisOptions through = options();
        if (own_) {
            through.commandTimeout = kTimeout;
        }
        sent_ = 0;
        redis_ = std::make_unique<RedisClient>(through, "claim");
        clients_ = std::make_unique<ClientPool>(
            [this] { return std::make_unique<RedisClient>(options(), "host"); }, 1);
        settlement_ = std::make_unique<Settlement>(settings_);
        jobCalls_ = std::make_unique<JobCalls>(context(), *clients_, "");
        lost_ = std::make_unique<LostClaims>(context(), clock_);
        calls_ = std::make_unique<AdvanceCalls>(context(), *redis_, *settlement_, *lost_, clock_);
    }
    void onOwnServer() {
        useOwnServer();
        make();
        redis_->call(Command{"PING"});  // Connected before anything happens to the server.
    }

    void addJobs(int count) {
        for (int i = 0; i < count; ++i) {
            addJob("test", "{}", R"({"attempts":0,"removeOnComplete":true})");
        }
    }
    std::vector<ClaimedJob> claimed(int count) {
        addJobs(count);
        return claim(count);
    }
    /// As if their handlers had completed them.
    void end(const std::vector<ClaimedJob>& jobs, const std::string& result = "1") {
        for (const ClaimedJob& job : jobs) {
            auto run = std::make_shared<JobRun>(
                job,
                std::make_shared<const JobOptions>(JobOptions::parse(job.opts)),
                *jobCalls_,
                ++ended_,
                clock_.monotonic());
            run->setOutcome({JobOutcome::Kind::Completed, result, "", 0});
            settlement_->add(run, "test 1", clock_.wallMs());
        }
    }
    void send(int claim) {
        AdvanceRequest request;
        request.claim = claim;
        request.token = "call " + std::to_string(++sent_);
        request.lockDuration = std::chrono::seconds(10);
        calls_->send(std::move(request));
    }
    AdvanceCalls::Answer answer() {
        std::optional<AdvanceCalls::Answer> answered;
        eventually("an answer", [&] {
            answered = calls_->receive();
            return answered.has_value();
        });
        return std::move(*answered);
    }

    QueueSettings settings_;
    int sent_ = 0;
    std::uint64_t ended_ = 0;
    std::unique_ptr<RedisClient> redis_;
    std::unique_ptr<ClientPool> clients_;
    std::unique_ptr<JobCalls> jobCalls_;
    std::unique_ptr<Settlement> settlement_;
    std::unique_ptr<LostClaims> lost_;
    std::unique_ptr<AdvanceCalls> calls_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(AdvanceCallsTest);
