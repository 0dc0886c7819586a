#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "HttpFixture.h"
#include "drover/Trace.h"
#include "support/Assert.h"

using namespace drover;
using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::HttpFixture;
using drover::test::request;

namespace {

const std::string kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string kCaller = "00-" + kTrace + "-00f067aa0ba902b7";

std::string attribute(const Span& span, const std::string& name) {
    for (const auto& [own, value] : span.attributes.all()) {
        if (own == name) {
            const auto* const text = std::get_if<std::string>(&value);
            return text != nullptr ? *text : std::to_string(std::get<std::int64_t>(value));
        }
    }
    return "none";
}

Route answering(const std::string& path) {
    Route route;
    route.method = "GET";
    route.path = path;
    route.source = "test";
    return route;
}

}  // namespace

/// The span of each request, and its context in the handlers.
class HttpTraceTest : public HttpFixture {
    CPPUNIT_TEST_SUITE(HttpTraceTest);
    CPPUNIT_TEST(aRequestIsASpanBelowItsCaller);
    CPPUNIT_TEST(aBrokenHeaderBeginsATrace);
    CPPUNIT_TEST(mistakesOfTheServerAloneFail);
    CPPUNIT_TEST(aBlockingHandlerHasTheContextOnItsThread);
    CPPUNIT_TEST(anAsynchronousHandlerHasTheContextInItsRequest);
    CPPUNIT_TEST(aRequestThatIsNotSampledHandsThatOn);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        Tracer::Settings settings;
        settings.wakeAt = 1;
        tracer_ = std::make_shared<Tracer>(settings);
        frontSettings_.tracer = tracer_;
        HttpFixture::setUp();
        Route blocking = answering("/blocking");
        blocking.handler = [](const Request& request) {
            Response response;
            response.body = TraceScope::current().metadata() + request.trace.metadata();
            return response;
        };
        routes_->add(std::move(blocking));
        Route asynchronous = answering("/asynchronous");
        asynchronous.asyncHandler = [](std::vector<Exchange> exchanges) {
            for (Exchange& exchange : exchanges) {
                Response response;
                response.body = exchange.request.trace.metadata();
                exchange.responder.respond(std::move(response));
            }
        };
        routes_->add(std::move(asynchronous));
    }

    void aRequestIsASpanBelowItsCaller() {
        CPPUNIT_ASSERT_EQUAL(
            200, exchange(request("GET /item/7", "traceparent: " + kCaller + "-01\r\n")).status);
        const Span span = popOne();
        assertEqual("GET /item/{id}", span.name);
        CPPUNIT_ASSERT(span.kind == Span::Kind::Server);
        assertContains(span.start.context.traceparent(), kTrace);
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0x00f067aa0ba902b7}, span.start.parentId);
        assertEqual("GET", attribute(span, "http.request.method"));
        assertEqual("/item/{id}", attribute(span, "http.route"));
        assertEqual("/item/7", attribute(span, "url.path"));
        assertEqual("200", attribute(span, "http.response.status_code"));
        assertEqual("127.0.0.1", attribute(span, "client.address"));
        CPPUNIT_ASSERT(!span.failed);
        CPPUNIT_ASSERT(span.start.beganNs > 0 && span.start.beganNs <= span.endedNs);
    }

    void aBrokenHeaderBeginsATrace() {
        (void)exchange(request("GET /constant", "traceparent: " + kCaller + "\r\n"));
        const Span span = popOne();
        CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, span.start.parentId);
        drover::test::assertLacks(span.start.context.traceparent(), kTrace);
    }

    void mistakesOfTheServerAloneFail() {
        CPPUNIT_ASSERT_EQUAL(500, exchange(request("GET /throw/standard")).status);
        const Span broken = popOne();
        CPPUNIT_ASSERT(broken.failed);
        assertEqual("500", attribute(broken, "error.type"));
        CPPUNIT_ASSERT_EQUAL(400, exchange(request("GET /item/x")).status);
        const Span mistaken = popOne();
        CPPUNIT_ASSERT(!mistaken.failed);
        assertEqual("400", attribute(mistaken, "http.response.status_code"));
        CPPUNIT_ASSERT_EQUAL(404, exchange(request("GET /nowhere")).status);
        const Span unknown = popOne();
        assertEqual("GET", unknown.name);
        assertEqual("none", attribute(unknown, "http.route"));
    }

    void aBlockingHandlerHasTheContextOnItsThread() {
        const std::string body = exchange(request("GET /blocking")).body;
        const std::string own = popOne().start.context.metadata();
        assertEqual(own + own, body);
    }

    void anAsynchronousHandlerHasTheContextInItsRequest() {
        const std::string body = exchange(request("GET /asynchronous")).body;
        assertEqual(popOne().start.context.metadata(), body);
    }

    void aRequestThatIsNotSampledHandsThatOn() {
        const std::string body =
            exchange(request("GET /asynchronous",
                             "traceparent: " + kCaller + "-00\r\ntracestate: a=1\r\n"))
                .body;
        const auto context = TraceContext::parseMetadata(body);
        CPPUNIT_ASSERT(context && !context->sampled);
        assertContains(body, kTrace);
        assertEqual("a=1", context->state);
        // Another request follows, and its span is the only one.
        (void)exchange(request("GET /constant"));
        assertEqual("GET /constant", popOne().name);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, tracer_->queued());
    }

private:
    Span popOne() {
        std::vector<Span> spans = tracer_->pop(1, std::chrono::minutes(1));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, spans.size());
        return std::move(spans.front());
    }

    std::shared_ptr<Tracer> tracer_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(HttpTraceTest);
