#include <chrono>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <rapidjson/document.h>
#include <rapidjson/pointer.h>
#include <string>
#include <utility>
#include <vector>

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "drover/AccessToken.h"
#include "drover/Exceptions.h"
#include "drover/Json.h"
#include "http/HttpText.h"
#include "pages/OpenApi.h"
#include "routes/ConfiguredRoutes.h"
#include "support/Assert.h"
#include "support/BadOptions.h"
#include "support/CapturedAnswer.h"

using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::assertLacks;
using drover::test::CapturedAnswer;

using drover::AccessToken;
using drover::AddOnce;
using drover::AddResult;
using drover::ConfigException;
using drover::Exchange;
using drover::NewJob;
using drover::Queue;
using drover::QueueLoad;
using drover::Request;
using drover::Response;
using drover::Route;
using drover::Routes;
using drover::api::configuredRoutes;
using drover::api::Producer;

/// A route made of configuration adds a job; the error of a mistake has key, value and the cure.
class ApiConfiguredRoutesTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(ApiConfiguredRoutesTest);
    CPPUNIT_TEST(routeAddsTheJobAndAnswersWithIt);
    CPPUNIT_TEST(optionsReachTheQueue);
    CPPUNIT_TEST(parametersStandInOptionsAsWell);
    CPPUNIT_TEST(locationNamesTheJobForGood);
    CPPUNIT_TEST(rejectedIs400AndAnAbsentQueueIs503);
    CPPUNIT_TEST(aFullQueueIs429AndAFullRedis503);
    CPPUNIT_TEST(anEstimateIsShownIfTheRouteHasIt);
    CPPUNIT_TEST(anIdempotencyKeyNamesTheRequest);
    CPPUNIT_TEST(mistakesNameKeyValueAndCure);
    CPPUNIT_TEST(documentDescribesParametersBodyAndAnswers);
    CPPUNIT_TEST(aRouteWithAuthDemandsTheScopeOfItsQueue);
    CPPUNIT_TEST(shippedRoutesAcceptIdsFromOneAndHaveALocation);
    CPPUNIT_TEST(headersAndErrorsAreWellFormed);
    CPPUNIT_TEST_SUITE_END();

public:
    void routeAddsTheJobAndAnswersWithIt() {
        const Route route = make(kReserve);
        assertEqual("POST", route.method);
        const Response response = call(route);
        CPPUNIT_ASSERT_EQUAL(201, response.status);
        assertEqual(
            R"({"name":"reserveEvent","data":{"userId":15001,"eventId":1},)"
            R"("opts":{"attempts":0,"removeOnComplete":true,"removeOnFail":true},"id":"42",)"
            R"("progress":0,"returnvalue":null,"stacktrace":null,"priority":0,)"
            R"("attemptsStarted":0,"attemptsMade":0,"timestamp":1700000000000,)"
            R"("queueQualifiedName":"bull:reservation-queue"})",
            response.body);
        assertEqual("reserveEvent", added_.name);
        assertEqual(R"({"userId":15001,"eventId":1})", added_.data);
    }

    void optionsReachTheQueue() {
        auto keys = kReserve;
        keys["reserve.options"] = R"({"attempts":3,"delay":500,"priority":7})";
        keys["reserve.view"] = "bullmq-6";
        keys["reserve.status"] = "202";
        const Response response = call(make(keys));
        CPPUNIT_ASSERT_EQUAL(202, response.status);
        CPPUNIT_ASSERT_EQUAL(3, added_.opts.attempts);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{500}, added_.opts.delayMs.value());
        rapidjson::Document job;
        job.Parse(response.body.c_str());
        CPPUNIT_ASSERT_EQUAL(7, job["priority"].GetInt());
        CPPUNIT_ASSERT_EQUAL(500, job["delay"].GetInt());
        CPPUNIT_ASSERT(job.HasMember("stalledCounter"));
    }

    void parametersStandInOptionsAsWell() {
        auto keys = kReserve;
        keys["reserve.options"] =
            R"({"delay":"{userId}","priority":"{eventId}","deduplication":{"id":"{userId}"}})";
        const Response response = call(make(keys));
        CPPUNIT_ASSERT_EQUAL(201, response.status);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{15001}, added_.opts.delayMs.value());
        CPPUNIT_ASSERT_EQUAL(1, added_.opts.priority);
        assertEqual("15001", added_.opts.deduplication->id);
        assertContains(response.body, R"("delay":15001,"priority":1,)");
        assertContains(response.body, R"("deduplicationId":"15001")");
    }

    void locationNamesTheJobForGood() {
        CPPUNIT_ASSERT(call(make(kReserve)).headers.empty());
        auto keys = kReserve;
        keys["reserve.location"] = "/request/{id}?timestamp={timestamp}&event={eventId}";
        result_.id = "a b/\xc3\xb6?";
        const Response response = call(make(keys));
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, response.headers.size());
        assertEqual("Location", response.headers[0].first);
        assertEqual("/request/a%20b%2F%C3%B6%3F?timestamp=1700000000000&event=1",
                    response.headers[0].second);
        Routes routes;
        routes.add(make(keys));
        rapidjson::Document document;
        document.Parse(drover::api::openApiDocument(*routes.snapshot(), "T", "1").c_str());
        assertEqual("string",
                    at(document,
                       "/paths/~1reservation~1{eventId}~1{userId}/post/responses/201/"
                       "headers/Location/schema/type"));
    }

    void aFullQueueIs429AndAFullRedis503() {
        const Route route = make(kReserve);
        result_ = {};
        result_.message = "9 jobs wait";
        result_.retryAfter = std::chrono::milliseconds(2001);
        for (const auto& [status, code] : {std::pair(AddResult::Status::QueueFull, 429),
                                           std::pair(AddResult::Status::MemoryFull, 503)}) {
            result_.status = status;
            const Response response = call(route);
            CPPUNIT_ASSERT_EQUAL(code, response.status);
            assertContains(response.body, "9 jobs wait");
            assertEqual("3", response.headers.at(0).second);
        }
    }

    void anEstimateIsShownIfTheRouteHasIt() {
        result_ = {AddResult::Status::Added, "7", 0, "", 1700000000000};
        load_ = QueueLoad{12, 3.0, std::chrono::milliseconds(4000)};
        assertLacks(call(make(kReserve)).body, "position");
        Keys keys = kReserve;
        keys["reserve.estimate"] = "true";
        assertContains(call(make(keys)).body, R"(","position":12,"estimatedWaitMs":4000})");
        load_->wait = std::nullopt;
        assertContains(call(make(keys)).body, R"("position":12,"estimatedWaitMs":null})");
        load_ = std::nullopt;
        const std::string unknown = call(make(keys)).body;
        assertContains(unknown, R"("position":null,"estimatedWaitMs":null})");
        CPPUNIT_ASSERT(drover::JsonView::parse(unknown).isObject());
        keys["reserve.estimate"] = "yes";
        assertContains(mistake(keys),
                       "api.route.reserve.estimate = yes: estimate is true or false");
    }

    void rejectedIs400AndAnAbsentQueueIs503() {
        const Route route = make(kReserve);
        result_ = {AddResult::Status::Rejected, "", 0, "the priority is out of range", 0};
        assertError(route, 400, "the priority is out of range", false);
        result_ = {AddResult::Status::Unavailable, "", 0, "", 0};
        assertError(route, 503, "The queue cannot be reached; nothing was added", true);
        result_ = {AddResult::Status::Unknown, "", 0, "", 0};
        assertError(route,
                    503,
                    "The queue did not answer in time; whether the job was added is unknown",
                    true);
    }

    void anIdempotencyKeyNamesTheRequest() {
        const Route route = make(kReserve);
        assertEqual("Idempotency-Key", route.headers.at(0));
        CPPUNIT_ASSERT_EQUAL(201, call(route).status);
        assertEqual("", once_.key);
        CPPUNIT_ASSERT_EQUAL(201, call(route, "order-7").status);
        const AddOnce first = once_;
        CPPUNIT_ASSERT_EQUAL(std::size_t{64}, first.key.size());
        CPPUNIT_ASSERT(first.ttl == std::chrono::hours(24));
        call(route, "\"order-7\"");
        assertEqual(first.key, once_.key);
        assertEqual(first.fingerprint, once_.fingerprint);
        for (const auto& change : std::vector<std::function<void(Request&)>>{
                 [](Request& request) { request.body = "{}"; },
                 [](Request& request) { request.path = "/reservation/2/15001"; },
                 [](Request& request) { request.values["eventId"] = std::int64_t{2}; }}) {
            call(route, "order-7", change);
            assertEqual(first.key, once_.key);
            CPPUNIT_ASSERT(first.fingerprint != once_.fingerprint);
        }
        call(route, "order-8");
        CPPUNIT_ASSERT(first.key != once_.key);
        call(route, "order-7", [](Request& request) {
            auto token = std::make_shared<AccessToken>();
            token->name = "shop";
            request.token = token;
        });
        CPPUNIT_ASSERT(first.key != once_.key);
        for (const std::string& key : {std::string("a b"),
                                       std::string("a,b"),
                                       std::string("\"a"),
                                       std::string("\"\""),
                                       std::string("\"a\\b\""),
                                       std::string("\"a\";p=1"),
                                       std::string(256, 'x')}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(key, 400, call(route, key).status);
        }
        result_.repeated = true;
        assertEqual("Idempotent-Replayed", call(route, "order-7").headers.at(0).first);
        result_ = {};
        result_.status = AddResult::Status::KeyTaken;
        const Response taken = call(route, "order-7");
        CPPUNIT_ASSERT_EQUAL(422, taken.status);
        assertContains(taken.body, "was sent with another request before");
    }

    void mistakesNameKeyValueAndCure() {
        const std::vector<std::pair<std::pair<std::string, std::string>, std::string>> cases = {
            {{"reserve.method", "FETCH"}, "a method that adds a job is POST"},
            {{"reserve.path.eventId", "int"}, "a type is integer"},
            {{"reserve.path.eventId", "integer 9..1"}, "nor a range"},
            {{"reserve.path.eventId", "integer optional"}, "cannot be optional"},
            {{"reserve.path.eventId", "boolean 1..2"}, "nor a range"},
            {{"reserve.path.other", "integer"}, "has no {other}"},
            {{"reserve.data", "{"}, "not JSON"},
            {{"reserve.data", R"({"a":"{nobody}"})"}, "{nobody} is not a parameter"},
            {{"reserve.options", R"({"attempts":"many"})"}, "not the options of a job"},
            {{"reserve.options", R"({"priority":2097152})"},
             "Priority should be between 0 and 2097151, got 2097152"},
            {{"reserve.options", R"({"delay":"{nobody}"})"}, "{nobody} is not a parameter"},
            {{"reserve.options", R"({"lifo":"{userId}"})"},
             "opts.lifo: true or false expected, got 1"},
            {{"reserve.options", R"({"jobId":"{userId}"})"}, "Custom Id cannot be integers"},
            {{"reserve.view", "bullmq-4"}, "bullmq-5.48"},
            {{"reserve.status", "404"}, "a status of success"},
            {{"reserve.location", "/request/{nobody}"}, "{nobody} is neither {id}"},
            {{"reserve.location", "request/{id}"}, "a location is a path"},
            {{"reserve.location", "/request/ {id}"}, "printable ASCII"},
            {{"reserve.location", "/request/{id"}, "a '{' is not followed"},
            {{"reserve.location", "/request/id}"}, "a '}' has no '{'"},
            {{"reserve.qeueu", "x"}, "no such setting"},
            {{"reserve.queue", "absent"}, "absent"},
            {{"loose", "x"}, "api.route.<name>.<setting>"},
        };
        for (const auto& [entry, expected] : cases) {
            auto keys = kReserve;
            keys[entry.first] = entry.second;
            const std::string message = mistake(keys);
            CPPUNIT_ASSERT_MESSAGE(message,
                                   message.find("api.route." + entry.first) != std::string::npos ||
                                       entry.second == "absent");
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                message, std::size_t{0}, message.find("place of " + entry.first + ": "));
            assertContains(message, entry.second);
            assertContains(message, expected);
        }
        for (const auto& rows : {drover::test::badOptions(),
                                 drover::test::unknownOptions(),
                                 drover::test::badParents()}) {
            for (const drover::test::BadOption& bad : rows) {
                auto keys = kReserve;
                keys["reserve.options"] = bad.opts;
                const std::string message = mistake(keys);
                assertContains(message, "api.route.reserve.options");
                assertEqual("", drover::test::missingIn(message, bad));
            }
        }
        for (const char* missing :
             {"reserve.path", "reserve.queue", "reserve.job", "reserve.path.userId"}) {
            auto keys = kReserve;
            keys.erase(missing);
            const std::string message = mistake(keys);
            assertContains(message, std::string("api.route.") + missing + " is missing");
        }
    }

    void documentDescribesParametersBodyAndAnswers() {
        auto keys = kReserve;
        keys["reserve.tag"] = "reservation";
        keys["reserve.summary"] = "Reserve a seat";
        keys["reserve.query.note"] = "string 1..64 optional";
        keys["reserve.body.seats"] = "integer 1..8";
        keys["reserve.body.name"] = "string optional";
        Routes routes;
        routes.add(make(keys));
        rapidjson::Document document;
        document.Parse(drover::api::openApiDocument(*routes.snapshot(), "T", "1").c_str());
        CPPUNIT_ASSERT(!document.HasParseError());
        assertEqual("3.1.0", at(document, "/openapi"));
        const std::string post = "/paths/~1reservation~1{eventId}~1{userId}/post";
        assertEqual("reservation", at(document, post + "/tags/0"));
        assertEqual("Reserve a seat", at(document, post + "/summary"));
        assertEqual("eventId", at(document, post + "/parameters/0/name"));
        assertEqual("path", at(document, post + "/parameters/0/in"));
        assertEqual("query", at(document, post + "/parameters/2/in"));
        const std::string schema = post + "/requestBody/content/application~1json/schema";
        assertEqual("integer", at(document, schema + "/properties/seats/type"));
        assertEqual("seats", at(document, schema + "/required/0"));
        assertEqual("object",
                    at(document, post + "/responses/201/content/application~1json/schema/type"));
        for (const char* status : {"400", "413", "415", "500", "503"}) {
            assertEqual(
                "#/components/schemas/Error",
                at(document,
                   post + "/responses/" + status + "/content/application~1json/schema/$ref"));
        }
    }

    void aRouteWithAuthDemandsTheScopeOfItsQueue() {
        auto keys = kReserve;
        CPPUNIT_ASSERT(!make(keys).scope);
        keys["reserve.auth"] = "none";
        CPPUNIT_ASSERT(!make(keys).scope);
        keys["reserve.auth"] = "token";
        Route route = make(keys);
        CPPUNIT_ASSERT_EQUAL(std::string("add:reservation-queue"), route.scope.value().text());
        keys["reserve.auth"] = "basic";
        assertContains(mistake(keys), "api.route.reserve.auth = basic: auth is none");

        route.headers = {"Idempotency-Key"};
        Routes routes;
        routes.add(route);
        rapidjson::Document document;
        document.Parse(drover::api::openApiDocument(*routes.snapshot(), "T", "1").c_str());
        const std::string post = "/paths/~1reservation~1{eventId}~1{userId}/post";
        CPPUNIT_ASSERT_EQUAL(std::string("Needs a token with the scope add:reservation-queue."),
                             at(document, post + "/description"));
        CPPUNIT_ASSERT_EQUAL(std::string("header"), at(document, post + "/parameters/2/in"));
        CPPUNIT_ASSERT_EQUAL(std::string("bearer"),
                             at(document, "/components/securitySchemes/bearer/scheme"));
        CPPUNIT_ASSERT(rapidjson::Pointer((post + "/responses/401").c_str()).Get(document));
        CPPUNIT_ASSERT_EQUAL(std::string("add:reservation-queue"),
                             at(document, post + "/security/0/bearer/0"));
    }

    void shippedRoutesAcceptIdsFromOneAndHaveALocation() {
        // eventId 0 was accepted, and no ledger could ever hold it.
        std::ifstream file(DROVER_SOURCE_DIR "/conf/producer.properties");
        const std::string prefix = "api.route.";
        Keys keys;
        for (std::string line; std::getline(file, line);) {
            if (const auto equals = line.find(" = ");
                line.compare(0, prefix.size(), prefix) == 0 && equals != std::string::npos) {
                keys[line.substr(prefix.size(), equals - prefix.size())] = line.substr(equals + 3);
            }
        }
        const std::vector<Route> routes = makeAll(keys);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, routes.size());
        for (const Route& route : routes) {
            CPPUNIT_ASSERT_EQUAL(std::size_t{2}, route.parameters.size());
            for (const auto& parameter : route.parameters) {
                CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, parameter.minimum);
            }
            assertEqual("/reservation/request/42?timestamp=1700000000000",
                        call(route).headers.at(0).second);
        }
    }

    void headersAndErrorsAreWellFormed() {
        using drover::api::isSendableHeader;
        CPPUNIT_ASSERT(isSendableHeader("Retry-After", "1"));
        for (const std::string value : {"a\rb", "a\nb", "a\x7f"}) {
            CPPUNIT_ASSERT(!isSendableHeader("X", value));
        }
        CPPUNIT_ASSERT(!isSendableHeader("X", std::string(1, '\0')));
        CPPUNIT_ASSERT(!isSendableHeader("", "a"));
        CPPUNIT_ASSERT(!isSendableHeader("X:", "a"));
        const Response error = drover::api::errorResponse(503, "a \"b\"\n", 3);
        assertEqual(R"({"message":"a \"b\"\n","error":"Service Unavailable","statusCode":503})",
                    error.body);
        const std::string answer = drover::api::answerBytes(error, {});
        assertContains(answer, "\r\nRetry-After: 3\r\n");
        assertContains(answer, "\r\nConnection: close\r\n");
    }

private:
    using Keys = std::map<std::string, std::string>;

    std::vector<Route> makeAll(const Keys& keys) {
        return configuredRoutes(
            {keys.begin(), keys.end()},
            [this](const std::string& alias) {
                if (alias != "reservation") {
                    throw ConfigException("queue." + alias + " is not configured");
                }
                return Producer{[this](std::vector<NewJob> jobs, auto done) {
                                    added_ = jobs.back();
                                    done(std::vector<AddResult>(jobs.size(), result_));
                                },
                                [this](std::vector<NewJob> jobs, AddOnce once, auto done) {
                                    added_ = jobs.back();
                                    once_ = std::move(once);
                                    done(std::vector<AddResult>(jobs.size(), result_));
                                },
                                "bull:reservation-queue",
                                "reservation-queue",
                                std::chrono::hours(24),
                                [this] { return load_; }};
            },
            [](const std::string& key) { return "place of " + key; });
    }

    Route make(const Keys& keys) { return makeAll(keys).at(0); }

    static Response call(const Route& route,
                         const std::string& key = "",
                         const std::function<void(Request&)>& change = {}) {
        Request request;
        request.values = {{"eventId", std::int64_t{1}}, {"userId", std::int64_t{15001}}};
        if (!key.empty()) {
            request.headers["Idempotency-Key"] = key;
        }
        if (change) {
            change(request);
        }
        const CapturedAnswer answer;
        std::vector<Exchange> turn;
        turn.push_back({std::move(request), answer.responder()});
        route.asyncHandler(std::move(turn));
        return answer.response();
    }

    std::string mistake(const Keys& keys) {
        try {
            makeAll(keys);
        } catch (const ConfigException& error) {
            return error.message();
        }
        CPPUNIT_FAIL("the mistake was not found");
        return "";
    }

    void assertError(const Route& route, int status, const std::string& message, bool retry) {
        const Response response = call(route);
        CPPUNIT_ASSERT_EQUAL(status, response.status);
        rapidjson::Document error;
        error.Parse(response.body.c_str());
        CPPUNIT_ASSERT_EQUAL(message, at(error, "/message"));
        CPPUNIT_ASSERT_EQUAL(retry ? std::size_t{1} : std::size_t{0}, response.headers.size());
    }

    static std::string at(const rapidjson::Document& document, const std::string& pointer) {
        const rapidjson::Value* value = rapidjson::Pointer(pointer.c_str()).Get(document);
        CPPUNIT_ASSERT_MESSAGE(pointer, value != nullptr && value->IsString());
        return value->GetString();
    }

    inline static const Keys kReserve = {
        {"reserve.path", "/reservation/{eventId}/{userId}"},
        {"reserve.path.eventId", "integer 1.."},
        {"reserve.path.userId", "integer 1.."},
        {"reserve.queue", "reservation"},
        {"reserve.job", "reserveEvent"},
        {"reserve.data", R"({"userId":"{userId}","eventId":"{eventId}"})"},
        {"reserve.options", R"({"removeOnComplete":true,"removeOnFail":true})"},
        {"reserve.view", "bullmq-5.48"},
    };
    AddResult result_ = {AddResult::Status::Added, "42", 0, "", 1700000000000};
    std::optional<QueueLoad> load_;
    NewJob added_;
    AddOnce once_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(ApiConfiguredRoutesTest);
