#include <string>
#include <utility>

#include <cppunit/extensions/HelperMacros.h>

#include "support/RunMaker.h"
#include "worker/HeldJobs.h"

namespace {

using namespace drover;
using namespace drover::test;

}  // namespace

/// The jobs whose locks the process has, with their bytes and their cancel tokens.
class HeldJobsTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(HeldJobsTest);
    CPPUNIT_TEST(bytesFollowTheJobs);
    CPPUNIT_TEST(aLostLockIsNotRenewed);
    CPPUNIT_TEST(aCancellationNeedsTheRightToken);
    CPPUNIT_TEST(aSettledJobIsNotCancelled);
    CPPUNIT_TEST_SUITE_END();

public:
    void bytesFollowTheJobs() {
        ClaimedJob job = RunMaker::job("1");
        job.data = std::string(1000, 'x');
        const auto run = runs_.run(job);
        held_.add({run, run});
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, held_.size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1002}, held_.bytes());  // The options are {}.
        held_.remove(*run);
        held_.remove(*run);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, held_.bytes());
    }

    void aLostLockIsNotRenewed() {
        const auto run = runs_.run(RunMaker::job("1"));
        held_.add({run});
        CPPUNIT_ASSERT(held_.locks().at(0) == std::pair(std::string("1"), std::string("token 1")));
        CPPUNIT_ASSERT(held_.cancel("1", "token 1", CancelReason::Lost));
        CPPUNIT_ASSERT(held_.locks().empty());
    }

    void aCancellationNeedsTheRightToken() {
        const auto run = runs_.run(RunMaker::job("1"));
        held_.add({run});
        CPPUNIT_ASSERT(!held_.cancel("1", "token 2", CancelReason::Remote));
        CPPUNIT_ASSERT(held_.cancel("1", "token 1", CancelReason::Remote, "why"));
        CPPUNIT_ASSERT(!held_.cancel("1", "token 1", CancelReason::Remote, "why"));
        CPPUNIT_ASSERT(run->cancelled() == CancelReason::Remote);
    }

    void aSettledJobIsNotCancelled() {
        const auto run = runs_.run(RunMaker::job("1"));
        held_.add({run});
        run->markSettling();
        CPPUNIT_ASSERT(!held_.cancel("1", "token 1", CancelReason::Lost));
        run->refuse({JobOutcome::Kind::Failed, "x", "", 0});
        run->markSettling();
        CPPUNIT_ASSERT(run->state() == JobRun::State::Refused);
        CPPUNIT_ASSERT(!held_.cancel("1", "token 1", CancelReason::Lost));
    }

private:
    RunMaker runs_;
    HeldJobs held_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(HeldJobsTest);
