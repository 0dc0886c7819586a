#include <string>

#include <cppunit/extensions/HelperMacros.h>

#include "ProcessFigures.h"
#include "QueueFamilies.h"
#include "TextFormat.h"
#include "support/Assert.h"
#include "support/Exposition.h"

using namespace drover;
using namespace drover::test;

namespace {

/// A text with this line in a family of gauges.
std::string gaugeWith(const std::string& line) {
    return "# HELP drover_a A.\n# TYPE drover_a gauge\n" + line + "\n";
}

}  // namespace

/// The text of a scrape, and the rules that the tests hold it against.
class MetricsTextTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(MetricsTextTest);
    CPPUNIT_TEST(eachKindIsWritten);
    CPPUNIT_TEST(anyTextMayBeALabelsValue);
    CPPUNIT_TEST(aFamilyWithoutSamplesIsLeftOut);
    CPPUNIT_TEST(aQueueHasTheFamiliesOfBullmq);
    CPPUNIT_TEST(theProcessHasTheUsualFigures);
    CPPUNIT_TEST(eachViolationIsFound);
    CPPUNIT_TEST_SUITE_END();

public:
    void eachKindIsWritten() {
        Metrics metrics;
        metrics.counter("drover_jobs_total", "Jobs.").add({{"queue", "mail"}}, 12345678901);
        metrics.gauge("drover_a", "A.").add({}, 0.25);
        metrics.histogram("drover_wait_seconds", "Wait.")
            .add({{"queue", "mail"}}, HistogramFigures{{0.001, 2.5}, {1, 2, 3}, 40.5});
        assertEqual(
            "# HELP drover_a A.\n"
            "# TYPE drover_a gauge\n"
            "drover_a 0.25\n"
            "# HELP drover_jobs_total Jobs.\n"
            "# TYPE drover_jobs_total counter\n"
            "drover_jobs_total{queue=\"mail\"} 12345678901\n"
            "# HELP drover_wait_seconds Wait.\n"
            "# TYPE drover_wait_seconds histogram\n"
            "drover_wait_seconds_count{queue=\"mail\"} 6\n"
            "drover_wait_seconds_sum{queue=\"mail\"} 40.5\n"
            "drover_wait_seconds_bucket{queue=\"mail\",le=\"0.001\"} 1\n"
            "drover_wait_seconds_bucket{queue=\"mail\",le=\"2.5\"} 3\n"
            "drover_wait_seconds_bucket{queue=\"mail\",le=\"+Inf\"} 6\n",
            metrics::textOf(metrics));
    }

    void anyTextMayBeALabelsValue() {
        const std::string value = "a\"b\\c\nd\xc3\xa4{},=";
        Metrics metrics;
        metrics.gauge("drover_a", "A.").add({{"name", value}}, 1);
        const Exposition found = Exposition::parse(metrics::textOf(metrics));
        assertEqual("", found.problemText());
        CPPUNIT_ASSERT_EQUAL(1.0, found.value("drover_a", {{"name", value}}));
    }

    void aFamilyWithoutSamplesIsLeftOut() {
        Metrics metrics;
        metrics.gauge("drover_a", "A.");
        assertEqual("", metrics::textOf(metrics));
    }

    void aQueueHasTheFamiliesOfBullmq() {
        QueueSummary queue;
        queue.name = "mail";
        queue.counts.waitingChildren = 7;
        queue.allFailed = 3;
        QueueSummary broken;
        broken.name = "broken";
        broken.problem = "WRONGTYPE";
        Metrics metrics;
        metrics::addQueues(metrics, {queue, broken});
        const Exposition found = Exposition::parse(metrics::textOf(metrics));
        assertEqual("", found.problemText());
        CPPUNIT_ASSERT_EQUAL(
            7.0,
            found.value("bullmq_job_count", {{"queue", "mail"}, {"state", "waiting-children"}}));
        CPPUNIT_ASSERT_EQUAL(3.0, found.value("bullmq_job_failed_total", {{"queue", "mail"}}));
        CPPUNIT_ASSERT(!found.has("drover_queue_drain_seconds"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                             found.families.at("drover_queue_paused").series.size());
    }

    void theProcessHasTheUsualFigures() {
        Metrics metrics;
        metrics::addProcess(metrics);
        const Exposition found = Exposition::parse(metrics::textOf(metrics));
        assertEqual("", found.problemText());
        for (const char* name : {"process_cpu_seconds_total",
                                 "process_resident_memory_bytes",
                                 "process_virtual_memory_bytes",
                                 "process_start_time_seconds",
                                 "process_threads",
                                 "process_open_fds",
                                 "process_max_fds"}) {
            CPPUNIT_ASSERT_MESSAGE(name, found.value(name) > 0 || name[8] == 'c');
        }
        // 2020 and 2100: seconds since the epoch, not since the boot.
        CPPUNIT_ASSERT(found.value("process_start_time_seconds") > 1577836800);
        CPPUNIT_ASSERT(found.value("process_start_time_seconds") < 4102444800);
    }

    void eachViolationIsFound() {
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, problems(gaugeWith("drover_a{x=\"1\"} 2")));
        for (const std::string& text : {
                 gaugeWith("drover_a{x=\"1\" 2"),
                 gaugeWith("drover_a{x=\"1\",x=\"2\"} 2"),
                 gaugeWith("drover_a{x=\"\xff\"} 2"),
                 gaugeWith("drover_a two"),
                 gaugeWith("drover_b 2"),
                 gaugeWith("drover_a 2\ndrover_a 2"),
                 gaugeWith("drover_a 2\n# HELP drover_a A."),
                 std::string("# HELP drover_a A.\n# TYPE drover_a gauge\ndrover_a 2"),
                 std::string("# HELP drover_a \n# TYPE drover_a gauge\ndrover_a 2\n"),
                 std::string("# HELP drover_a A.\n# TYPE drover_a counter\ndrover_a 2\n"),
                 std::string("# HELP drover_a_total A.\n# TYPE drover_a_total gauge\n"),
                 std::string("# HELP drover_a_ms A.\n# TYPE drover_a_ms gauge\n"),
                 std::string("# HELP drover_a_count A.\n# TYPE drover_a_count gauge\n"),
                 std::string("# HELP other_a A.\n# TYPE other_a gauge\n"),
                 std::string("# HELP drover_h A.\n# TYPE drover_h histogram\n"
                             "drover_h_bucket{le=\"1\"} 1\ndrover_h_sum 1\ndrover_h_count 1\n"),
                 std::string("# HELP drover_h A.\n# TYPE drover_h histogram\n"
                             "drover_h_bucket{le=\"1\"} 2\ndrover_h_bucket{le=\"+Inf\"} 1\n"
                             "drover_h_sum 1\ndrover_h_count 1\n"),
             }) {
            CPPUNIT_ASSERT_MESSAGE(text, problems(text) > 0);
        }
    }

private:
    static std::size_t problems(const std::string& text) {
        return Exposition::parse(text).problems.size();
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MetricsTextTest);
