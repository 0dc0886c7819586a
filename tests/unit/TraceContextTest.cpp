#include <optional>
#include <string>
#include <thread>

#include <cppunit/extensions/HelperMacros.h>

#include "drover/TraceContext.h"
#include "support/Assert.h"

using drover::TraceContext;
using drover::TraceScope;
using drover::test::assertEqual;

namespace {

const std::string kIds = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";

struct Case {
    const char* text;
    bool valid;
};

}  // namespace

/// The identity of a span, as W3C Trace Context has it.
class TraceContextTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(TraceContextTest);
    CPPUNIT_TEST(aTraceparentIsReadByTheRules);
    CPPUNIT_TEST(whatIsReadIsWrittenAgain);
    CPPUNIT_TEST(aTracestateThatBreaksTheRulesIsDropped);
    CPPUNIT_TEST(theOptionOfAJobHasBoth);
    CPPUNIT_TEST(anOptionOfAnotherFormHasNone);
    CPPUNIT_TEST(theCurrentContextIsThatOfTheInnermostScopeOfTheThread);
    CPPUNIT_TEST_SUITE_END();

public:
    void aTraceparentIsReadByTheRules() {
        const Case cases[] = {
            {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true},
            {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", true},
            {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff", true},
            {"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true},
            {"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes", true},
            {"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what", false},
            {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what", false},
            {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ", false},
            {"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false},
            {"00-00000000000000000000000000000000-00f067aa0ba902b7-01", false},
            {"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false},
            {"00-00000000000000000000000000000001-0000000000000001-01", true},
            {"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false},
            {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", false},
            {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x", false},
            {"0-4bf92f3577b34da6a3ce929d0e0e47360-00f067aa0ba902b7-01", false},
            {"00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01", false},
            {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-g1", false},
            {"", false}};
        for (const Case& one : cases) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                one.text, one.valid, TraceContext::parse(one.text).has_value());
        }
    }

    void whatIsReadIsWrittenAgain() {
        for (const char* flags : {"-01", "-00"}) {
            const std::string text = "00-" + kIds + flags;
            const auto context = TraceContext::parse(text);
            assertEqual(text, context->traceparent());
            CPPUNIT_ASSERT_EQUAL(flags[2] == '1', context->sampled);
        }
        // Flags and versions that are not known are not passed on.
        assertEqual("00-" + kIds + "-01",
                    TraceContext::parse("01-" + kIds + "-ff-x")->traceparent());
    }

    void aTracestateThatBreaksTheRulesIsDropped() {
        const auto stateOf = [](const std::string& state) {
            return TraceContext::parse("00-" + kIds + "-01", state)->state;
        };
        for (const char* right :
             {"a=1", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "a=1, ,b=2", "t@v=x=y"}) {
            assertEqual(right, stateOf(right));
        }
        for (const std::string& wrong : {std::string("a"),
                                         std::string("=1"),
                                         std::string("a=1\r\nX: y"),
                                         "a=" + std::string(511, 'x')}) {
            assertEqual("", stateOf(wrong));
        }
        std::string many = "k=0";
        for (int i = 1; i < 32; ++i) {
            many += ",k" + std::to_string(i) + "=0";
        }
        assertEqual(many, stateOf(many));
        assertEqual("", stateOf(many + ",k32=0"));
    }

    void theOptionOfAJobHasBoth() {
        const auto plain =
            TraceContext::parseMetadata(R"({"traceparent":"00-)" + kIds + R"(-01"})");
        assertEqual("00-" + kIds + "-01", plain->traceparent());
        assertEqual(R"({"traceparent":"00-)" + kIds + R"(-01"})", plain->metadata());
        const std::string whole =
            R"({"traceparent":"00-)" + kIds + R"(-00","tracestate":"a=\"1\""})";
        const auto both = TraceContext::parseMetadata(whole);
        assertEqual("a=\"1\"", both->state);
        assertEqual(whole, both->metadata());
        // As a composite propagator writes it.
        CPPUNIT_ASSERT(TraceContext::parseMetadata(R"({"baggage":"a=1", "traceparent":"00-)" +
                                                   kIds + R"(-01"})"));
    }

    void anOptionOfAnotherFormHasNone() {
        for (const char* text : {"",
                                 "{}",
                                 "[]",
                                 "null",
                                 "{\"traceparent\":1}",
                                 "no JSON",
                                 "{\"traceparent\":\"00-x\"}"}) {
            CPPUNIT_ASSERT_MESSAGE(text, !TraceContext::parseMetadata(text));
        }
    }

    void theCurrentContextIsThatOfTheInnermostScopeOfTheThread() {
        CPPUNIT_ASSERT(!TraceScope::current().isSet());
        const TraceContext outer{1, 2, 3, true, ""};
        const TraceContext inner{1, 2, 4, true, ""};
        {
            const TraceScope around(outer);
            {
                const TraceScope within(inner);
                CPPUNIT_ASSERT(TraceScope::current() == inner);
                std::thread other([] { CPPUNIT_ASSERT(!TraceScope::current().isSet()); });
                other.join();
            }
            CPPUNIT_ASSERT(TraceScope::current() == outer);
        }
        CPPUNIT_ASSERT(!TraceScope::current().isSet());
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(TraceContextTest);
