#include <chrono>
#include <stdexcept>
#include <string>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Metrics.h"
#include "support/Assert.h"
#include "support/FakeHandler.h"
#include "support/RunMaker.h"
#include "worker/FailureReason.h"
#include "worker/HandlerPool.h"
#include "worker/Intake.h"
#include "worker/JobTimes.h"

using namespace drover;
using namespace drover::test;
using Kind = JobOutcome::Kind;

/// The counts of a worker, and how they are gathered.
class FiguresTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(FiguresTest);
    CPPUNIT_TEST(aValueCountsInTheFirstBucketThatHoldsIt);
    CPPUNIT_TEST(figuresAreInUnits);
    CPPUNIT_TEST(aNegativeTimeCountsAsNone);
    CPPUNIT_TEST(aFamilyIsSharedAndHasOneKind);
    CPPUNIT_TEST(namesOfJobsAreBounded);
    CPPUNIT_TEST(aNameThatNoScrapeMayHaveIsCountedAsOther);
    CPPUNIT_TEST(eachFailureHasItsReason);
    CPPUNIT_TEST_SUITE_END();

public:
    void aValueCountsInTheFirstBucketThatHoldsIt() {
        static constexpr std::uint64_t kBounds[] = {1, 10};
        Histogram histogram(kBounds);
        for (const std::uint64_t value : {0, 1, 2, 10, 11}) {
            histogram.observe(value);
        }
        histogram.observe(std::uint64_t{10}, 3);
        const HistogramFigures figures = histogram.figures();
        CPPUNIT_ASSERT((figures.counts == std::vector<std::uint64_t>{2, 5, 1}));
        CPPUNIT_ASSERT_EQUAL(54.0, figures.sum);
    }

    void figuresAreInUnits() {
        JobHistogram histogram;
        histogram.observe(std::chrono::milliseconds(2500));
        const HistogramFigures figures = histogram.figures();
        CPPUNIT_ASSERT_EQUAL(2.5, figures.sum);
        CPPUNIT_ASSERT_EQUAL(0.001, figures.bounds.front());
        CPPUNIT_ASSERT_EQUAL(3600.0, figures.bounds.back());
        CPPUNIT_ASSERT_EQUAL(figures.bounds.size() + 1, figures.counts.size());
    }

    void aNegativeTimeCountsAsNone() {
        JobHistogram histogram;
        histogram.observe(std::chrono::milliseconds(-5));
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, histogram.figures().counts.front());
        CPPUNIT_ASSERT_EQUAL(0.0, histogram.figures().sum);
    }

    void aFamilyIsSharedAndHasOneKind() {
        Metrics metrics;
        metrics.gauge("a", "the first help").add({{"queue", "x"}}, 1);
        metrics.gauge("a", "another help").add({{"queue", "y"}}, true);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, metrics.families().at("a").samples.size());
        assertEqual("the first help", metrics.families().at("a").help);
        CPPUNIT_ASSERT_THROW(metrics.counter("a", ""), std::logic_error);
    }

    void namesOfJobsAreBounded() {
        JobTimes times;
        for (std::size_t i = 0; i < JobTimes::kMostNames + 20; ++i) {
            times.onWait("job-" + std::to_string(i), std::chrono::milliseconds(1));
        }
        times.onRun("job-7", std::chrono::milliseconds(1), 3);
        times.onRun("job-69", std::chrono::milliseconds(1), 2);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{20}, countOf(times, "drover_job_wait_seconds", "other"));
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{3}, countOf(times, "drover_job_run_seconds", "job-7"));
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, countOf(times, "drover_job_run_seconds", "other"));
        Metrics metrics;
        times.measure(metrics, "mail");
        CPPUNIT_ASSERT_EQUAL(JobTimes::kMostNames + 1,
                             metrics.families().at("drover_job_wait_seconds").samples.size());
    }

    void aNameThatNoScrapeMayHaveIsCountedAsOther() {
        JobTimes times;
        times.onWait("\xff", std::chrono::milliseconds(1));
        times.onWait(std::string(JobTimes::kLongestName + 1, 'x'), std::chrono::milliseconds(1));
        times.onWait(std::string(JobTimes::kLongestName, 'x'), std::chrono::milliseconds(1));
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, countOf(times, "drover_job_wait_seconds", "other"));
    }

    void eachFailureHasItsReason() {
        assertReason("handler", *ranWith({Kind::Failed, "no", "", 0}));
        assertReason("unrecoverable", *ranWith({Kind::Unrecoverable, "sold out", "", 0}));

        const auto late = ranWith({Kind::Failed, "no", "", 0});
        late->cancel(CancelReason::Timeout);
        assertReason("timeout", *late);
        const auto cancelled = ranWith({Kind::Failed, "no", "", 0});
        cancelled->cancel(CancelReason::Remote, "wrong address");
        assertReason("cancelled", *cancelled);

        ClaimedJob job = RunMaker::job("1");
        job.deferredFailure = "job stalled more than allowable limit";
        assertReason("stalled", *runs_.ended(job, {Kind::Unrecoverable, "", "", 0}));
        job.deferredFailure = "child bull:mail:7 failed";
        assertReason("children", *runs_.ended(job, {Kind::Unrecoverable, "", "", 0}));
        const auto refused = ranWith({Kind::Completed, "", "", 0});
        refused->refuse({Kind::Failed, "has pending children", "", 0});
        assertReason("children", *refused);

        job = RunMaker::job("2");
        job.opts = R"({"expiresAt":1000})";
        assertReason("expired", *unrun(job, 0));
        job = RunMaker::job("3");
        job.attemptsStarted = 4;
        assertReason("starts", *unrun(job, 3));
    }

private:
    static std::uint64_t countOf(const JobTimes& times,
                                 const std::string& family,
                                 const std::string& name) {
        Metrics metrics;
        times.measure(metrics, "mail");
        std::uint64_t count = 0;
        for (const auto& sample : metrics.families().at(family).samples) {
            if (sample.labels == MetricLabels{{"queue", "mail"}, {"name", name}}) {
                for (const std::uint64_t bucket : sample.histogram.counts) {
                    count += bucket;
                }
            }
        }
        return count;
    }

    static void assertReason(const std::string& expected, const JobRun& run) {
        assertEqual(expected, nameOf(failureReasonOf(run)));
    }

    /// Returns the run of a job that the handler had.
    std::shared_ptr<JobRun> ranWith(JobOutcome outcome) {
        auto run = runs_.run(RunMaker::job("1"));
        run->assignTo(&pool_);
        run->markRunning();
        run->setOutcome(std::move(outcome));
        return run;
    }

    /// Returns the run of a job that Intake let fail before it ran.
    std::shared_ptr<JobRun> unrun(const ClaimedJob& job, int maxStartedAttempts) {
        Intake intake(runs_.calls, [](const ClaimedJob&) { return true; });
        const HandlerRouter router({handler_}, {}, inbox_);
        const Intake::Sorted sorted =
            intake.sort(intake.runsOf({job}, {}), router, maxStartedAttempts, 2000);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, sorted.settle.size());
        return sorted.settle.front();
    }

    RunMaker runs_;
    OutcomeInbox inbox_;
    std::shared_ptr<FakeHandler> handler_ =
        std::make_shared<FakeHandler>([](auto) {}, std::vector<std::string>{"send"});
    HandlerPool pool_{handler_, {}, inbox_};
};

CPPUNIT_TEST_SUITE_REGISTRATION(FiguresTest);
