#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Json.h"
#include "support/Assert.h"
#include "support/FakeHandler.h"
#include "support/LogCapture.h"
#include "support/ManualClock.h"
#include "support/RunMaker.h"
#include "worker/Intake.h"

namespace {

using namespace drover;
using namespace drover::test;

}  // namespace

/// Claimed jobs are sorted into jobs that run, jobs that end unrun, and jobs that go back.
class IntakeTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(IntakeTest);
    CPPUNIT_TEST(jobsOfServedNamesRunInTheirOrder);
    CPPUNIT_TEST(aJobWithoutHandlerGoesBack);
    CPPUNIT_TEST(aDeferredFailureGoesToTheHandlerIfThereIsOne);
    CPPUNIT_TEST(aJobStartedTooOftenEndsUnrun);
    CPPUNIT_TEST(aJobThatHasExpiredBeforeItBeganEndsUnrun);
    CPPUNIT_TEST(aSchedulerThatCannotGoOnPutsItsJobOff);
    CPPUNIT_TEST(aJobThatGoesBackMakesNoSuccessor);
    CPPUNIT_TEST(jobsWithTheSameOptionsShareThem);
    CPPUNIT_TEST(jobsThatDifferInTheirTraceShareTheirOptions);
    CPPUNIT_TEST(aRunIsInTheTraceOfItsJob);
    CPPUNIT_TEST(aTextThatIsNoContextBeginsATrace);
    CPPUNIT_TEST(withoutTracesARunHasNone);
    CPPUNIT_TEST(optionsThatCannotBeReadAreTheDefaults);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override { log_ = std::make_unique<LogCapture>("worker"); }
    void tearDown() override { log_.reset(); }

    void jobsOfServedNamesRunInTheirOrder() {
        const auto runs =
            intake_.runsOf({RunMaker::job("2"), RunMaker::job("1")}, clock_.monotonic());
        CPPUNIT_ASSERT(runs[0]->sequence() < runs[1]->sequence());
        CPPUNIT_ASSERT(runs[0]->claimedAt() == clock_.monotonic());
        CPPUNIT_ASSERT(runs[0]->state() == JobRun::State::Claimed);
        const auto sorted = intake_.sort(runs, router_, 0, clock_.wallMs());
        assertEqual("2 1 ", idsOf(sorted.run));
        CPPUNIT_ASSERT(sorted.settle.empty());
        CPPUNIT_ASSERT(sorted.putOff.empty());
    }

    void aJobWithoutHandlerGoesBack() {
        const auto sorted = sort({RunMaker::job("1", "other"), RunMaker::job("2")});
        assertEqual("1 ", idsOf(sorted.putOff));
        assertEqual("2 ", idsOf(sorted.run));
    }

    void aDeferredFailureGoesToTheHandlerIfThereIsOne() {
        ClaimedJob served = RunMaker::job("1");
        served.deferredFailure = "child failed";
        ClaimedJob unserved = RunMaker::job("2", "other");
        unserved.deferredFailure = "child failed";
        const auto sorted = sort({served, unserved});
        assertEqual("1 ", idsOf(sorted.run));
        CPPUNIT_ASSERT(sorted.run[0]->outcome().kind == JobOutcome::Kind::Unset);
        assertEqual("2 ", idsOf(sorted.settle));
        CPPUNIT_ASSERT(sorted.settle[0]->outcome().kind == JobOutcome::Kind::Unrecoverable);
        assertEqual("child failed", sorted.settle[0]->outcome().text);
    }

    void aJobStartedTooOftenEndsUnrun() {
        ClaimedJob often = RunMaker::job("1");
        often.attemptsStarted = 4;
        ClaimedJob last = RunMaker::job("2");
        last.attemptsStarted = 3;
        const auto sorted = sort({often, last}, 3);
        assertEqual("1 ", idsOf(sorted.settle));
        assertEqual("job started more than allowable limit", sorted.settle[0]->outcome().text);
        assertEqual("2 ", idsOf(sorted.run));
        assertEqual("1 2 ", idsOf(sort({often, last}).run));
    }

    void aJobThatHasExpiredBeforeItBeganEndsUnrun() {
        ClaimedJob late = RunMaker::job("1");
        late.opts = "{\"expiresAt\":" + std::to_string(clock_.wallMs() - 5) + "}";
        ClaimedJob inTime = RunMaker::job("2");
        inTime.opts = "{\"expiresAt\":" + std::to_string(clock_.wallMs()) + "}";
        ClaimedJob begun = late;
        begun.id = "3";
        begun.attemptsStarted = 2;
        const auto sorted = sort({late, inTime, begun});
        assertEqual("1 ", idsOf(sorted.settle));
        CPPUNIT_ASSERT(sorted.settle[0]->outcome().kind == JobOutcome::Kind::Unrecoverable);
        assertEqual("expired before it began: expiresAt is " + std::to_string(clock_.wallMs() - 5) +
                        ", 5 ms ago",
                    sorted.settle[0]->outcome().text);
        assertEqual("2 3 ", idsOf(sorted.run));
    }

    void aSchedulerThatCannotGoOnPutsItsJobOff() {
        ClaimedJob tick = RunMaker::job("1");
        tick.scheduler = "every minute";
        assertEqual("1 ", idsOf(sort({tick}).run));
        assertEqual("every minute;", iterated_);
        goesOn_ = false;
        assertEqual("1 ", idsOf(sort({tick}).putOff));
    }

    void aJobThatGoesBackMakesNoSuccessor() {
        ClaimedJob tick = RunMaker::job("1", "other");
        tick.scheduler = "every minute";
        assertEqual("1 ", idsOf(sort({tick}).putOff));
        CPPUNIT_ASSERT_EQUAL(std::string(), iterated_);
    }

    void jobsWithTheSameOptionsShareThem() {
        ClaimedJob one = RunMaker::job("1");
        one.opts = R"({"attempts":3})";
        ClaimedJob other = RunMaker::job("3");
        other.opts = R"({"attempts":4})";
        const auto runs = intake_.runsOf({one, one, other}, clock_.monotonic());
        CPPUNIT_ASSERT_EQUAL(&runs[0]->options(), &runs[1]->options());
        CPPUNIT_ASSERT_EQUAL(3, runs[1]->options().attempts);
        CPPUNIT_ASSERT_EQUAL(4, runs[2]->options().attempts);
    }

    void jobsThatDifferInTheirTraceShareTheirOptions() {
        const auto runs = intake_.runsOf({traced(kMetadata), traced(kOther)}, clock_.monotonic());
        CPPUNIT_ASSERT_EQUAL(&runs[0]->options(), &runs[1]->options());
        CPPUNIT_ASSERT_EQUAL(3, runs[1]->options().attempts);
        CPPUNIT_ASSERT(runs[1]->options().lifo);
        // Where the member does not differ, the texts around it do.
        ClaimedJob nested = RunMaker::job("1");
        nested.opts = R"({"own":{"tm":"a"}})";
        ClaimedJob further = nested;
        further.opts = R"({"own":{"tm":"b"}})";
        const auto others = intake_.runsOf({nested, further}, clock_.monotonic());
        CPPUNIT_ASSERT(&others[0]->options() != &others[1]->options());
    }

    void aRunIsInTheTraceOfItsJob() {
        Intake intake = tracing();
        for (const std::string& metadata :
             {kMetadata, R"({"baggage":"a=1","traceparent":")" + kParent + "\"}"}) {
            const auto runs = intake.runsOf({traced(metadata)}, clock_.monotonic());
            const SpanStart& start = runs[0]->trace()->start;
            CPPUNIT_ASSERT_EQUAL(std::uint64_t{0x00f067aa0ba902b7}, start.parentId);
            CPPUNIT_ASSERT_EQUAL(std::uint64_t{0xa3ce929d0e0e4736}, start.context.traceLow);
            CPPUNIT_ASSERT(start.context.sampled);
            CPPUNIT_ASSERT(start.context.spanId != start.parentId);
            std::string answer;
            CPPUNIT_ASSERT(runs[0]->call(HostCall::TraceContext, "", answer) == HostStatus::Ok);
            assertEqual(start.context.metadata(), answer);
        }
    }

    void aTextThatIsNoContextBeginsATrace() {
        Intake intake = tracing();
        for (const char* metadata : {"", "{}", "no JSON", "{\"traceparent\":\"00-0-0-0\"}"}) {
            const auto runs = intake.runsOf({traced(metadata)}, clock_.monotonic());
            CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, runs[0]->trace()->start.parentId);
            CPPUNIT_ASSERT(runs[0]->trace()->start.context.isSet());
        }
        const auto bare = intake.runsOf({RunMaker::job("1")}, clock_.monotonic());
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, bare[0]->trace()->start.parentId);
    }

    void withoutTracesARunHasNone() {
        const auto runs = intake_.runsOf({traced(kMetadata)}, clock_.monotonic());
        CPPUNIT_ASSERT(runs[0]->trace() == nullptr);
        std::string answer = "before";
        CPPUNIT_ASSERT(runs[0]->call(HostCall::TraceContext, "", answer) == HostStatus::Ok);
        assertEqual("", answer);
    }

    void optionsThatCannotBeReadAreTheDefaults() {
        ClaimedJob broken = RunMaker::job("1");
        broken.opts = "{";
        const auto runs = intake_.runsOf({broken}, clock_.monotonic());
        CPPUNIT_ASSERT_EQUAL(JobOptions().attempts, runs[0]->options().attempts);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, log_->count("the job's options cannot be read"));
    }

private:
    static inline const std::string kParent =
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    static inline const std::string kMetadata = R"({"traceparent":")" + kParent + "\"}";
    static inline const std::string kOther =
        R"({"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b8-00","tracestate":"a=1"})";

    static ClaimedJob traced(const std::string& metadata) {
        ClaimedJob job = RunMaker::job("1");
        job.opts = R"({"attempts":3,"tm":)" + jsonString(metadata) + R"(,"lifo":true})";
        return job;
    }
    [[nodiscard]] Intake tracing() const {
        return Intake(
            runs_.calls,
            [](const ClaimedJob&) { return true; },
            std::make_shared<Tracer>(Tracer::Settings()));
    }

    Intake::Sorted sort(std::vector<ClaimedJob> jobs, int maxStartedAttempts = 0) {
        return intake_.sort(intake_.runsOf(std::move(jobs), clock_.monotonic()),
                            router_,
                            maxStartedAttempts,
                            clock_.wallMs());
    }

    std::unique_ptr<LogCapture> log_;
    ManualClock clock_;
    RunMaker runs_;
    OutcomeInbox inbox_;
    HandlerRouter router_{
        {std::make_shared<FakeHandler>([](auto) {}, std::vector<std::string>{"send"})}, {}, inbox_};
    std::string iterated_;
    bool goesOn_ = true;
    Intake intake_{runs_.calls, [this](const ClaimedJob& job) {
                       iterated_ += job.scheduler + ";";
                       return goesOn_;
                   }};
};

CPPUNIT_TEST_SUITE_REGISTRATION(IntakeTest);
