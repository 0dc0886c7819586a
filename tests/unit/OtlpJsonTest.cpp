#include <string>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "core/Version.h"
#include "drover/Json.h"
#include "support/Assert.h"
#include "trace/OtlpJson.h"

using namespace drover;
using drover::test::assertEqual;

/// The body of an export, against one that was written by hand from the specification.
class OtlpJsonTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(OtlpJsonTest);
    CPPUNIT_TEST(aWholeSpan);
    CPPUNIT_TEST(aRootHasNoParent);
    CPPUNIT_TEST(textThatIsNotUtf8IsRepaired);
    CPPUNIT_TEST(whatACollectorRefusedIsShown);
    CPPUNIT_TEST_SUITE_END();

public:
    void aWholeSpan() {
        Span span;
        span.name = "process \"mail\"";
        span.kind = Span::Kind::Consumer;
        span.start = {{0x4bf92f3577b34da6, 0xa3ce929d0e0e4736, 0x00f067aa0ba902b7, true, "a=1"},
                      0x1,
                      1544712660000000001};
        span.endedNs = 1544712661000000002;
        span.attributes.set("text", std::string("x"));
        span.attributes.set("number", std::int64_t{9007199254740993});
        span.attributes.set("flag", true);
        span.attributes.set("texts", std::vector<std::string>{"a", "b"});
        span.events.push_back({"job failed", 1544712660500000003});
        span.events.back().attributes.set("reason", std::string("no seat"));
        span.fail("no seat");
        assertEqual(
            R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},)"
            R"("scopeSpans":[{"scope":{"name":"drover","version":")" +
                std::string(version()) +
                R"("},"spans":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7",)"
                R"("traceState":"a=1","parentSpanId":"0000000000000001","flags":1,"name":"process \"mail\"","kind":5,)"
                R"("startTimeUnixNano":"1544712660000000001","endTimeUnixNano":"1544712661000000002",)"
                R"("attributes":[{"key":"text","value":{"stringValue":"x"}},)"
                R"({"key":"number","value":{"intValue":"9007199254740993"}},)"
                R"({"key":"flag","value":{"boolValue":true}},)"
                R"({"key":"texts","value":{"arrayValue":{"values":[{"stringValue":"a"},{"stringValue":"b"}]}}}],)"
                R"("events":[{"timeUnixNano":"1544712660500000003","name":"job failed",)"
                R"("attributes":[{"key":"reason","value":{"stringValue":"no seat"}}]}],)"
                R"("status":{"code":2,"message":"no seat"}}]}]}]})",
            otlpJson({span}, {{"service.name", "shop"}}));
    }

    void aRootHasNoParent() {
        Span span;
        span.start.context = {1, 2, 3, true, ""};
        const std::string json = otlpJson({span, span}, {});
        test::assertLacks(json, "parentSpanId");
        test::assertLacks(json, "traceState");
        test::assertContains(json, R"("status":{}},{"traceId")");
        CPPUNIT_ASSERT(isJson(json));
    }

    void textThatIsNotUtf8IsRepaired() {
        Span span;
        span.name = "add \xff";
        span.attributes.set("bullmq.job.id", std::string("\xc3"));
        CPPUNIT_ASSERT(isJson(otlpJson({span}, {{"service.name", "\xf0"}})));
    }

    void whatACollectorRefusedIsShown() {
        assertEqual("", partialSuccess("{}"));
        assertEqual("", partialSuccess(""));
        assertEqual("", partialSuccess(R"({"partialSuccess":{}})"));
        assertEqual("", partialSuccess(R"({"partialSuccess":{"rejectedSpans":"0"}})"));
        assertEqual(
            "it refused 3 spans: too old",
            partialSuccess(R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}})"));
        assertEqual("it refused 3 spans",
                    partialSuccess(R"({"partialSuccess":{"rejectedSpans":3}})"));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(OtlpJsonTest);
