#include <chrono>
#include <string>

#include <cppunit/extensions/HelperMacros.h>

#include "TextFormat.h"
#include "http/HttpFigures.h"
#include "support/Assert.h"
#include "support/Exposition.h"

using namespace drover;
using namespace drover::test;
using drover::api::AnswerNotes;
using drover::api::HttpFigures;
using std::chrono::milliseconds;

/// Answers are counted by route and status, and no client adds a name.
class ApiHttpFiguresTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiHttpFiguresTest);
    CPPUNIT_TEST(answersAreCountedByRouteAndStatus);
    CPPUNIT_TEST(requestsForNoRouteShareAName);
    CPPUNIT_TEST(aStreamHasNoTime);
    CPPUNIT_TEST_SUITE_END();

public:
    void answersAreCountedByRouteAndStatus() {
        count("POST", "/reservation/{eventId}", 201, 3);
        count("POST", "/reservation/{eventId}", 503, 1);
        count("GET", "/reservation/{eventId}", 200, 2);
        const Exposition found = scrape();
        const auto requests = [&found](const char* method, const char* status) {
            return found.value(
                "drover_http_requests_total",
                {{"method", method}, {"route", "/reservation/{eventId}"}, {"status", status}});
        };
        CPPUNIT_ASSERT_EQUAL(3.0, requests("POST", "201"));
        CPPUNIT_ASSERT_EQUAL(1.0, requests("POST", "503"));
        CPPUNIT_ASSERT_EQUAL(2.0, requests("GET", "200"));
        CPPUNIT_ASSERT_EQUAL(
            4.0,
            found.value("drover_http_request_seconds_count",
                        {{"method", "POST"}, {"route", "/reservation/{eventId}"}}));
    }

    void requestsForNoRouteShareAName() {
        count("GET", "", 404, 1);
        count("BREW", "", 404, 1);
        const Exposition found = scrape();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                             found.families.at("drover_http_requests_total").series.size());
        CPPUNIT_ASSERT_EQUAL(
            2.0,
            found.value("drover_http_requests_total",
                        {{"method", "other"}, {"route", "none"}, {"status", "404"}}));
    }

    void aStreamHasNoTime() {
        AnswerNotes notes;
        notes.method = "GET";
        notes.route = "/events";
        figures_.onAnswer(notes, 200, std::nullopt);
        const Exposition::Labels labels = {{"method", "GET"}, {"route", "/events"}};
        CPPUNIT_ASSERT_EQUAL(0.0, scrape().value("drover_http_request_seconds_count", labels));
    }

private:
    void count(const std::string& method, const std::string& route, int status, int times) {
        AnswerNotes notes;
        notes.method = method;
        notes.route = route;
        for (int i = 0; i < times; ++i) {
            figures_.onAnswer(notes, status, milliseconds(2));
        }
    }

    [[nodiscard]] Exposition scrape() const {
        Metrics metrics;
        figures_.measure(metrics);
        Exposition found = Exposition::parse(metrics::textOf(metrics));
        assertEqual("", found.problemText());
        return found;
    }

    HttpFigures figures_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiHttpFiguresTest);
