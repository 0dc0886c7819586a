#include <chrono>
#include <memory>
#include <string>

#include <cppunit/extensions/HelperMacros.h>

#include "core/JobFields.h"
#include "support/Assert.h"
#include "support/FakeHandler.h"
#include "support/LogCapture.h"
#include "support/ManualClock.h"
#include "support/RunMaker.h"
#include "worker/FailureLog.h"
#include "worker/HandlerPool.h"
#include "worker/ProblemLog.h"

namespace {

using namespace drover;
using namespace drover::test;

}  // namespace

/// Jobs that failed for good, and jobs that were set aside, get a few lines each window; the rest is counted.
class FailureLogTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(FailureLogTest);
    CPPUNIT_TEST(aLineHasJobNameAttemptsAndReason);
    CPPUNIT_TEST(aLongReasonIsCutBetweenCharacters);
    CPPUNIT_TEST(manyFailuresAreFewLinesAndACount);
    CPPUNIT_TEST(aRefusedOutcomeIsNotADecisionOfTheHandler);
    CPPUNIT_TEST(manyProblemsAreFewLinesAndACount);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override { lines_ = std::make_unique<LogCapture>("worker"); }
    void tearDown() override { lines_.reset(); }

    void aLineHasJobNameAttemptsAndReason() {
        ClaimedJob job = RunMaker::job("7");
        job.attemptsMade = 2;
        job.attemptsStarted = 3;
        job.opts = R"({"attempts":3})";
        log_.report(*failed(job, "no route\nto host"));
        CPPUNIT_ASSERT_EQUAL(
            std::size_t{1},
            lines_->count("the job failed for good after 3 of 3 attempts: no route to "
                          "host queue=mail job=7 jobName=send attempt=3"));
    }

    void aLongReasonIsCutBetweenCharacters() {
        const auto run = failed(RunMaker::job("7"), std::string(299, 'x') + "\xC3\xA4tail");
        const std::string line = FailureLog::describe(*run);
        assertContains(line, std::string(299, 'x') + "...");
        assertLacks(line, "\xC3");
        CPPUNIT_ASSERT_EQUAL(std::size_t{303},
                             fieldsOf(RunMaker::job("7", std::string(1000, 'n'))).jobName.size());
    }

    void manyFailuresAreFewLinesAndACount() {
        for (int i = 0; i < 500; ++i) {
            log_.report(*failed(RunMaker::job("7"), "broken"));
            log_.reportWithheld();
        }
        CPPUNIT_ASSERT_EQUAL(FailureLog::kRule.lines, lines_->count("broken"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, lines_->count("more jobs"));
        clock_.advance(FailureLog::kRule.window);
        log_.reportWithheld();
        log_.reportWithheld();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                             lines_->count("480 more jobs failed for good queue=mail"));
    }

    void aRefusedOutcomeIsNotADecisionOfTheHandler() {
        OutcomeInbox inbox;
        const HandlerPool pool(std::make_shared<FakeHandler>([](auto) {}), {}, inbox);
        const auto run =
            runs_.ended(RunMaker::job("7"), {JobOutcome::Kind::Unrecoverable, "sold out", "", 0});
        CPPUNIT_ASSERT(!FailureLog::isDecision(*run));  // No handler had it.
        run->assignTo(&pool);
        CPPUNIT_ASSERT(FailureLog::isDecision(*run));
        run->refuse({JobOutcome::Kind::Unrecoverable, "a child failed", "", 0});
        CPPUNIT_ASSERT(!FailureLog::isDecision(*run));
    }

    void manyProblemsAreFewLinesAndACount() {
        ProblemLog log(clock_);
        std::vector<JobProblem> problems(50, {"7", "its key is a list"});
        problems.push_back({"", "the metrics are a set"});
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{50}, log.report("mail", problems));
        CPPUNIT_ASSERT_EQUAL(
            ProblemLog::kRule.lines,
            lines_->count("its key is a list; the job is set aside queue=mail job=7"));
        clock_.advance(ProblemLog::kRule.window);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, log.report("mail", {{"8", "x"}}));
        CPPUNIT_ASSERT_EQUAL(
            std::size_t{1},
            lines_->count("31 more jobs were set aside in the minute before queue=mail"));
    }

private:
    std::shared_ptr<JobRun> failed(const ClaimedJob& job, const std::string& reason) {
        return runs_.ended(job, {JobOutcome::Kind::Failed, reason, "", 0});
    }

    std::unique_ptr<LogCapture> lines_;
    ManualClock clock_;
    RunMaker runs_;
    FailureLog log_{"mail", clock_};
};

CPPUNIT_TEST_SUITE_REGISTRATION(FailureLogTest);
