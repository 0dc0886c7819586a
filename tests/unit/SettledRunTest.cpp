#include <string>
#include <utility>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Exceptions.h"
#include "support/Assert.h"
#include "support/RunMaker.h"
#include "worker/SettledRun.h"

namespace {

using namespace drover;
using namespace drover::test;
using Kind = Verdict::Kind;

}  // namespace

/// Every code that a script returns for a job has one consequence.
class SettledRunTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(SettledRunTest);
    CPPUNIT_TEST(zeroIsDone);
    CPPUNIT_TEST(oneRunsAgain);
    CPPUNIT_TEST(aLostLockDiscardsTheOutcome);
    CPPUNIT_TEST(aLostLockAfterALostReplyIsDoneBefore);
    CPPUNIT_TEST(pendingChildrenRefuseTheOutcome);
    CPPUNIT_TEST(failedChildrenEndTheJob);
    CPPUNIT_TEST(theMessageNamesTheOperation);
    CPPUNIT_TEST(anUnknownCodeThrows);
    CPPUNIT_TEST_SUITE_END();

public:
    void zeroIsDone() {
        const Verdict verdict = verdictOf(settled(0));
        CPPUNIT_ASSERT(verdict.kind == Kind::Done);
        CPPUNIT_ASSERT_EQUAL(std::string(), verdict.message);
    }

    void oneRunsAgain() {
        CPPUNIT_ASSERT(verdictOf(settled(1, Ending::WaitingChildren)).kind == Kind::RunAgain);
    }

    void aLostLockDiscardsTheOutcome() {
        for (const int code : {-1, -2, -3, -6}) {
            const Verdict verdict = verdictOf(settled(code));
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                std::to_string(code), static_cast<int>(Kind::Lost), static_cast<int>(verdict.kind));
            assertContains(verdict.message, "42");
        }
    }

    void aLostLockAfterALostReplyIsDoneBefore() {
        SettledRun run = settled(-2);
        run.sentBefore = true;
        CPPUNIT_ASSERT(verdictOf(run).kind == Kind::DoneBefore);
    }

    void pendingChildrenRefuseTheOutcome() {
        const Verdict verdict = verdictOf(settled(-4));
        CPPUNIT_ASSERT(verdict.kind == Kind::Refused);
        CPPUNIT_ASSERT(verdict.instead.kind == JobOutcome::Kind::Failed);
        CPPUNIT_ASSERT_EQUAL(verdict.message, verdict.instead.text);
    }

    void failedChildrenEndTheJob() {
        const Verdict verdict = verdictOf(settled(-9));
        CPPUNIT_ASSERT(verdict.kind == Kind::Refused);
        CPPUNIT_ASSERT(verdict.instead.kind == JobOutcome::Kind::Unrecoverable);
    }

    void theMessageNamesTheOperation() {
        const std::pair<Ending, const char*> all[] = {
            {Ending::Completed, "moveToFinished"},
            {Ending::Failed, "moveToFinished"},
            {Ending::Retried, "retryJob"},
            {Ending::HandedBack, "moveJobFromActiveToWait"},
            {Ending::WaitingChildren, "moveToWaitingChildren"}};
        for (const auto& [ending, operation] : all) {
            CPPUNIT_ASSERT_EQUAL("Missing lock for job 42. " + std::string(operation),
                                 verdictOf(settled(-2, ending)).message);
        }
    }

    void anUnknownCodeThrows() {
        CPPUNIT_ASSERT_THROW(static_cast<void>(verdictOf(settled(-99))), ScriptException);
    }

private:
    SettledRun settled(int code, Ending ending = Ending::Completed) {
        return {runs_.ended(RunMaker::job("42"), {JobOutcome::Kind::Completed, "1", "", 0}),
                ending,
                false,
                code};
    }

    RunMaker runs_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(SettledRunTest);
