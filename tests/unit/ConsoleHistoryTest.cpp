#include <cppunit/extensions/HelperMacros.h>

#include "ConsoleData.h"
#include "History.h"
#include "support/Assert.h"

using drover::HistogramFigures;
using drover::Metrics;
using drover::Queue;
using drover::console::admissionText;
using drover::console::History;
using drover::console::Point;
using drover::console::quantile;
using drover::console::Totals;
using drover::console::totalsOf;
using drover::test::assertEqual;

namespace {

HistogramFigures figures(std::vector<std::uint64_t> counts) {
    return {{0.1, 1, 10}, std::move(counts), 0};
}

Totals at(std::int64_t ms, double completed) {
    Totals totals;
    totals.atMs = ms;
    totals.completed = completed;
    return totals;
}

}  // namespace

/// The last hour, as the page at / plots it.
class ConsoleHistoryTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ConsoleHistoryTest);
    CPPUNIT_TEST(aPointHasRatesOfEachSecond);
    CPPUNIT_TEST(anHourIsHeld);
    CPPUNIT_TEST(aCounterThatFallsIsNoNegativeRate);
    CPPUNIT_TEST(aQuantileLiesWithinItsBucket);
    CPPUNIT_TEST(totalsAreThoseOfAllQueues);
    CPPUNIT_TEST(boundsAreWords);
    CPPUNIT_TEST_SUITE_END();

public:
    void aPointHasRatesOfEachSecond() {
        History history;
        history.add(at(1000, 5));
        CPPUNIT_ASSERT(history.since(0).empty());
        Totals next = at(3000, 25);
        next.failed = 1;
        next.run = figures({0, 20, 0, 0});
        history.add(next);
        const std::vector<Point> points = history.since(0);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, points.size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3000}, points[0].atMs);
        CPPUNIT_ASSERT_EQUAL(10.0, points[0].completed);
        CPPUNIT_ASSERT_EQUAL(0.5, points[0].failed);
        CPPUNIT_ASSERT_DOUBLES_EQUAL(550.0, *points[0].runMedianMs, 1e-6);
        CPPUNIT_ASSERT(!points[0].waitHighMs);
        CPPUNIT_ASSERT(history.since(3000).empty());
    }

    void anHourIsHeld() {
        History history;
        for (std::size_t i = 0; i <= History::kPoints + 10; ++i) {
            history.add(at(static_cast<std::int64_t>(i) * 2000 + 1, static_cast<double>(i)));
        }
        const std::vector<Point> points = history.since(0);
        CPPUNIT_ASSERT_EQUAL(History::kPoints, points.size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{22001}, points.front().atMs);
    }

    void aCounterThatFallsIsNoNegativeRate() {
        History history;
        history.add(at(1, 100));
        history.add(at(2001, 10));  // A worker went with its plugin.
        CPPUNIT_ASSERT_EQUAL(0.0, history.since(0).at(0).completed);
    }

    void aQuantileLiesWithinItsBucket() {
        const HistogramFigures none;
        CPPUNIT_ASSERT(!quantile(none, none, 0.5));
        CPPUNIT_ASSERT(!quantile(figures({1, 2, 3, 4}), figures({1, 2, 3, 4}), 0.5));
        CPPUNIT_ASSERT_DOUBLES_EQUAL(0.05, *quantile(none, figures({10, 0, 0, 0}), 0.5), 1e-9);
        CPPUNIT_ASSERT_DOUBLES_EQUAL(1, *quantile(none, figures({5, 5, 0, 0}), 1), 1e-9);
        CPPUNIT_ASSERT_DOUBLES_EQUAL(
            5.5, *quantile(figures({9, 0, 0, 0}), figures({9, 0, 4, 0}), 0.5), 1e-9);
        CPPUNIT_ASSERT_DOUBLES_EQUAL(10, *quantile(none, figures({0, 0, 0, 7}), 0.5), 1e-9);
    }

    void totalsAreThoseOfAllQueues() {
        Metrics metrics;
        metrics.counter("drover_jobs_completed_total", "").add({{"queue", "a"}}, 3);
        metrics.counter("drover_jobs_completed_total", "").add({{"queue", "b"}}, 4);
        metrics.histogram("drover_job_run_seconds", "")
            .add({{"queue", "a"}}, figures({1, 0, 0, 0}));
        metrics.histogram("drover_job_run_seconds", "")
            .add({{"queue", "b"}}, figures({1, 2, 0, 0}));
        const Totals totals = totalsOf(metrics, 7);
        CPPUNIT_ASSERT_EQUAL(7.0, totals.completed);
        CPPUNIT_ASSERT_EQUAL(0.0, totals.failed);
        CPPUNIT_ASSERT(totals.run.counts == (std::vector<std::uint64_t>{2, 2, 0, 0}));
        CPPUNIT_ASSERT(totals.wait.counts.empty());
    }

    void boundsAreWords() {
        assertEqual("no bound", admissionText({}));
        assertEqual("at most 5 jobs, 100 ms, 80 % of Redis's memory",
                    admissionText({5, std::chrono::milliseconds(100), 80}));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ConsoleHistoryTest);
