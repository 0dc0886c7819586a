#include <chrono>
#include <string>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/Json.h"
#include "host/ProcessReport.h"
#include "support/Assert.h"

using namespace drover;
using drover::test::assertEqual;

namespace {

const std::string kHealth =
    R"({"ok":false,"state":"running","version":"1.2.3","pid":7,"uptimeMs":5000,"logLinesDropped":0,)"
    R"("checks":[{"name":"queue mail","ok":false,"detail":"away","counts":{"held":1}}]})";

ProcessReport::Moment at(int second) {
    return ProcessReport::Moment(std::chrono::seconds(second));
}

/// The figures of a worker that completed so many jobs of the queue mail, and of a producer of another one.
Metrics figures(double completed, double added) {
    Metrics metrics;
    metrics.gauge("drover_worker_jobs_in_flight", "").add({{"queue", "mail"}}, 3);
    metrics.gauge("drover_worker_concurrency", "").add({{"queue", "mail"}}, 256);
    metrics.counter("drover_jobs_completed_total", "").add({{"queue", "mail"}}, completed);
    MetricFamily& failed = metrics.counter("drover_jobs_failed_total", "");
    failed.add({{"queue", "mail"}, {"reason", "handler"}}, 1);
    failed.add({{"queue", "mail"}, {"reason", "stalled"}}, 2);
    MetricFamily& all = metrics.counter("drover_jobs_added_total", "");
    all.add({{"queue", "news"}, {"result", "added"}}, added);
    all.add({{"queue", "news"}, {"result", "rejected"}}, 100);
    return metrics;
}

}  // namespace

/// The report of a process.
class ProcessReportTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ProcessReportTest);
    CPPUNIT_TEST(aReportHasTheHealthOfTheProcess);
    CPPUNIT_TEST(ratesAreThoseSinceTheReportBefore);
    CPPUNIT_TEST(pluginsAndOpenBreakersAreNamed);
    CPPUNIT_TEST(listsAndTextsAreBounded);
    CPPUNIT_TEST_SUITE_END();

public:
    void aReportHasTheHealthOfTheProcess() {
        const JsonView report = write(Metrics(), 0);
        assertEqual("a", report["id"].string().value());
        assertEqual("host-1", report["host"].string().value());
        assertEqual(R"(["api","*"])", report["load"].text());
        CPPUNIT_ASSERT(!report["ok"].boolean().value());
        assertEqual("running", report["state"].string().value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, report["pid"].integer().value());
        assertEqual(R"([{"name":"queue mail","ok":false,"detail":"away"}])",
                    report["checks"].text());
        assertEqual("0", report["leftOut"].text());
    }

    void ratesAreThoseSinceTheReportBefore() {
        assertEqual(
            R"([{"name":"mail","held":3,"concurrency":256,"completed":10,"failed":3,"added":0},)"
            R"({"name":"news","completed":0,"failed":0,"added":7}])",
            write(figures(10, 7), 100)["queues"].text());
        const JsonView later = write(figures(20, 12), 105);
        const JsonView mail = later["queues"].elements()[0];
        assertEqual("2", mail["completedPerSecond"].text());
        assertEqual("0", mail["failedPerSecond"].text());
        assertEqual("1", later["queues"].elements()[1]["addedPerSecond"].text());
    }

    void pluginsAndOpenBreakersAreNamed() {
        Metrics metrics;
        metrics.gauge("drover_plugin_info", "").add({{"plugin", "echo"}, {"version", "1.0.0"}}, 1);
        metrics.counter("drover_plugin_generations_total", "").add({{"plugin", "echo"}}, 4);
        metrics.gauge("drover_plugin_generations_draining", "").add({{"plugin", "echo"}}, 1);
        metrics.gauge("drover_plugin_refused", "").add({{"plugin", "echo"}}, true);
        MetricFamily& breakers = metrics.gauge("drover_breaker_open", "");
        breakers.add({{"queue", "mail"}, {"handler", "echo/echo"}}, 0);
        breakers.add({{"queue", "news"}, {"handler", "echo/echo"}}, 1);
        const JsonView report = write(metrics, 0);
        assertEqual(
            R"([{"name":"echo","version":"1.0.0","generation":4,"draining":1,"refused":true}])",
            report["plugins"].text());
        assertEqual(R"([{"queue":"news","handler":"echo/echo"}])", report["breakers"].text());
    }

    void listsAndTextsAreBounded() {
        Metrics metrics;
        MetricFamily& held = metrics.gauge("drover_worker_jobs_in_flight", "");
        for (int i = 0; i < 60; ++i) {
            // Characters of two bytes: one stands across the bound.
            std::string name = "q" + std::to_string(100 + i);
            for (int n = 0; n < 200; ++n) {
                name += "\xC3\xA9";
            }
            held.add({{"queue", name}}, 0);
        }
        const JsonView report = write(metrics, 0);
        CPPUNIT_ASSERT_EQUAL(ProcessReport::kMostEntries, report["queues"].elements().size());
        assertEqual("10", report["leftOut"].text());
        const std::string name = report["queues"].elements()[0]["name"].string().value();
        CPPUNIT_ASSERT_EQUAL(ProcessReport::kMostText, name.size());
        assertEqual("\xC3\xA9", name.substr(name.size() - 2));
    }

private:
    JsonView write(const Metrics& metrics, int second) {
        written_ = report_.write(kHealth, metrics, at(second));
        return JsonView::parse(written_);
    }

    ProcessReport report_{"a", "host-1", {"api", "*"}};
    std::string written_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ProcessReportTest);
