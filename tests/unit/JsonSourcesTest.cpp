#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <Poco/Exception.h>
#include <cppunit/extensions/HelperMacros.h>

#include "SeatRequestJson.h"
#include "core/ClaimedJob.h"
#include "core/JobHash.h"
#include "core/SchedulerSlots.h"
#include "core/Strtod.h"
#include "drover/Exceptions.h"
#include "drover/JobOptions.h"
#include "drover/Routes.h"
#include "pages/OpenApi.h"
#include "plugin/abi/AbiJob.h"
#include "plugin/abi/DefaultOptions.h"
#include "routes/Inputs.h"
#include "routes/JsonTemplate.h"
#include "worker/CallTexts.h"
#include "worker/HandlerJobs.h"

using namespace std::string_literals;

namespace {

struct Source {
    std::string name;
    std::function<void(const std::string& text)> read;
};

/// Everywhere JSON comes in, from outside or from Redis. A refusal is an exception of these types, and never another.
const std::vector<Source>& sources() {
    static const std::vector<Source> kAll = {
        {"body",
         [](const std::string& text) {
             drover::Parameter parameter;
             parameter.name = "x";
             parameter.in = drover::Parameter::In::Body;
             for (const auto type : {drover::ParameterType::Integer,
                                     drover::ParameterType::Number,
                                     drover::ParameterType::String,
                                     drover::ParameterType::Boolean,
                                     drover::ParameterType::DateTime}) {
                 parameter.type = type;
                 drover::api::Values values;
                 static_cast<void>(drover::api::readBody({&parameter}, text, values));
             }
         }},
        {"template",
         [](const std::string& text) {
             static_cast<void>(drover::api::JsonTemplate(text).render({}));
         }},
        {"response schema",
         [](const std::string& text) {
             drover::Routes routes;
             drover::Route route;
             route.method = "GET";
             route.path = "/x";
             route.responses = {{200, "x", text}};
             route.handler = [](const drover::Request&) { return drover::Response{}; };
             routes.add(route);
             const std::string document =
                 drover::api::openApiDocument(*routes.snapshot(), "T", "1");
             CPPUNIT_ASSERT(drover::isJson(document));
         }},
        {"options",
         [](const std::string& text) {
             const std::string stored = drover::JobOptions::parse(text).toStoredJson();
             CPPUNIT_ASSERT(drover::isJson(stored));
         }},
        {"job hash",
         [](const std::string& text) {
             static_cast<void>(drover::parseJobHash("1",
                                                    "bull:q",
                                                    {{"data", text},
                                                     {"progress", text},
                                                     {"returnvalue", text},
                                                     {"stacktrace", text},
                                                     {"parent", text}}));
         }},
        {"schedule",
         [](const std::string& text) { static_cast<void>(drover::parseSchedule(text)); }},
        {"attempts",
         [](const std::string& text) {
             drover::ClaimedJob job;
             job.opts = "{\"attempts\":" + text + "}";
             static_cast<void>(drover::abiJob(job));
         }},
        {"default options",
         [](const std::string& text) { static_cast<void>(drover::parseDefaultOptions(text)); }},
        {"children",
         [](const std::string& text) {
             drover::ClaimedJob parent;
             parent.queue = "bull:q";
             std::string problem;
             static_cast<void>(drover::parseChildren(text, parent, problem));
             static_cast<void>(drover::parseChildren(
                 "[{\"name\":\"a\",\"opts\":" + text + "}]", parent, problem));
             static_cast<void>(drover::parseHandlerJobs(text, parent, problem));
             drover::HandlerScheduler scheduler;
             static_cast<void>(drover::parseHandlerScheduler(text, parent, true, scheduler));
             drover::ChildPages pages;
             static_cast<void>(drover::readChildPages(text, pages));
         }},
        {"seat request", [](const std::string& text) {
             static_cast<void>(drover::reservation::reservationIdOf(text));
             static_cast<void>(drover::reservation::parseSeatRequest(text));
         }}};
    return kAll;
}

bool accepts(const Source& source, const std::string& text) {
    try {
        source.read(text);
        return true;
    } catch (const Poco::Exception&) {  // An exception of drover, or a wrong argument.
    } catch (const std::invalid_argument&) {
    }
    return false;
}

std::string nested(const std::string& open, std::size_t levels, const std::string& close) {
    std::string text;
    for (std::size_t i = 0; i < levels; ++i) {
        text += open;
    }
    text += "1";
    for (std::size_t i = 0; i < levels; ++i) {
        text += close;
    }
    return text;
}

}  // namespace

/// Hostile texts from every source: refused or read, and the process goes on.
class JsonSourcesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(JsonSourcesTest);
    CPPUNIT_TEST(noTextEndsTheProcess);
    CPPUNIT_TEST(bytesBehindTheDocumentAreNotIgnored);
    CPPUNIT_TEST(largeNumbersOfOptionsStayNumbers);
    CPPUNIT_TEST(jobDataOfAnyClientIsUnchanged);
    CPPUNIT_TEST_SUITE_END();

public:
    void noTextEndsTheProcess() {
        const std::vector<std::string> values = {"1.234567890123456789e-331",
                                                 "-1.234567890123456789e-331",
                                                 "1e400",
                                                 "-1e400",
                                                 "1e-400",
                                                 "1e99999999999999999999",
                                                 "-0",
                                                 "18446744073709551617",
                                                 std::string(100'000, '9'),
                                                 "0." + std::string(100'000, '0') + "1",
                                                 R"("\ud800")",
                                                 R"("\udc00\ud800")",
                                                 R"("\u0000")",
                                                 nested("[", 1'000'000, "]"),
                                                 nested("{\"x\":", 300'000, "}"),
                                                 std::string(1'000'000, '['),
                                                 "\"\xED\xA0\x80\"",
                                                 "\0"s,
                                                 ""};
        for (const Source& source : sources()) {
            for (const std::string& value : values) {
                accepts(source, value);
                if (value.size() > 200'000) {
                    accepts(source, "{\"x\":" + value + "}");
                    continue;
                }
                for (const char* member : {"x",
                                           "attempts",
                                           "backoff",
                                           "delay",
                                           "priority",
                                           "every",
                                           "pattern",
                                           "startDate",
                                           "userId",
                                           "eventId",
                                           "reservationId",
                                           "\\ud800"}) {
                    accepts(source, "{\"" + std::string(member) + "\":" + value + "}");
                }
                accepts(source, "[" + value + "]");
            }
        }
    }

    void bytesBehindTheDocumentAreNotIgnored() {
        for (const Source& source : sources()) {
            for (const std::string& after : {"\0"s, "\0{}"s, " x"s, "{}"s, "]"s, ","s}) {
                const bool lenient = source.name == "body" || source.name == "response schema" ||
                                     source.name == "schedule" || source.name == "children" ||
                                     source.name == "attempts";
                // The lenient ones report it in another way than by an exception; see below.
                CPPUNIT_ASSERT_MESSAGE(source.name, lenient || !accepts(source, "{}" + after));
            }
        }
        drover::api::Values values;
        CPPUNIT_ASSERT_EQUAL("The body is not JSON: nothing may follow the value (at byte 2)"s,
                             drover::api::readBody({}, "{}\0{}"s, values).at(0));
        CPPUNIT_ASSERT(drover::parseSchedule("{\"every\":5}"));
        CPPUNIT_ASSERT(!drover::parseSchedule("{\"every\":5}\0"s));
        drover::ClaimedJob parent;
        parent.queue = "bull:q";
        std::string problem;
        CPPUNIT_ASSERT(drover::parseChildren("[]", parent, problem));
        CPPUNIT_ASSERT(!drover::parseChildren("[]\0"s, parent, problem));
        parent.opts = "{\"attempts\":3}";
        CPPUNIT_ASSERT_EQUAL(3, drover::abiJob(parent).attempts);
        parent.opts += '\0';
        CPPUNIT_ASSERT_EQUAL(0, drover::abiJob(parent).attempts);
    }

    void largeNumbersOfOptionsStayNumbers() {
        for (const std::string& number : {"1e300"s, "1.234567890123456789e-331"s}) {
            for (const char* member :
                 {"attempts", "delay", "timestamp", "keepLogs", "stackTraceLimit", "backoff"}) {
                accepts(sources()[3], "{\"" + std::string(member) + "\":" + number + "}");
            }
            const auto opts =
                drover::JobOptions::parse(R"({"backoff":{"type":"fixed","delay":)" + number + "}}");
            CPPUNIT_ASSERT_MESSAGE(opts.toStoredJson(), drover::isJson(opts.toStoredJson()));
            CPPUNIT_ASSERT_MESSAGE(opts.toPublicJson(), drover::isJson(opts.toPublicJson()));
        }
        for (const std::string& number : {"1e400"s, "-1e400"s, std::string(500, '9')}) {
            CPPUNIT_ASSERT_THROW(drover::JobOptions::parse("{\"delay\":" + number + "}"),
                                 Poco::InvalidArgumentException);
        }
        CPPUNIT_ASSERT_EQUAL(std::numeric_limits<std::int64_t>::max(),
                             drover::JobOptions::parse(R"({"delay":1e300})").delayMs.value());
        CPPUNIT_ASSERT_EQUAL(std::numeric_limits<std::int64_t>::min(),
                             drover::saturatedInteger(-1e300));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, drover::saturatedInteger(std::nan("")));
    }

    void jobDataOfAnyClientIsUnchanged() {
        // JSON.stringify writes half an emoji so, Python's json a large integer; clients store any depth.
        for (const std::string& data : {R"({"cut":"\ud83d"})"s,
                                        "1" + std::string(400, '0'),
                                        "{\"x\":1e400}"s,
                                        "{\"x\":1.234567890123456789e-331}"s,
                                        nested("[", 1'000'000, "]")}) {
            const drover::Job job =
                drover::parseJobHash("1", "bull:q", {{"data", data}, {"returnvalue", data}});
            CPPUNIT_ASSERT(job.data == data);
            CPPUNIT_ASSERT(job.returnValue == data);
        }
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(JsonSourcesTest);
