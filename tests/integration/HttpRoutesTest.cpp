#include <filesystem>
#include <fstream>
#include <locale>
#include <rapidjson/document.h>
#include <string>
#include <utility>
#include <vector>
#include <zlib.h>

#include "HttpFixture.h"
#include "drover/EntityTag.h"
#include "pages/HealthPages.h"
#include "support/Assert.h"
#include "support/ServerProcess.h"

using drover::test::assertContains;
using drover::test::assertEqual;

namespace api = drover::api;
using drover::entityTagOf;
using drover::Request;
using drover::Response;
using drover::Route;
using drover::test::HttpFixture;
using drover::test::makeTempFolder;
using drover::test::RawAnswer;
using drover::test::RawClient;
using drover::test::removeTree;
using drover::test::request;

/// From a request to a handler and back: paths, parameters, errors, pages.
class HttpRoutesTest : public HttpFixture {
    CPPUNIT_TEST_SUITE(HttpRoutesTest);
    CPPUNIT_TEST(answerCarriesTheHeadersOfEveryAnswer);
    CPPUNIT_TEST(nulDotSegmentsAndInvalidUtf8InPathsAre400);
    CPPUNIT_TEST(idsThatAreNoCanonicalIntegersAre400);
    CPPUNIT_TEST(largestIdIsServed);
    CPPUNIT_TEST(queryParametersAreCheckedAndNotDoubled);
    CPPUNIT_TEST(bodyMistakesAreListed);
    CPPUNIT_TEST(hostileBodiesAreRefusedAndTheNextRequestIsServed);
    CPPUNIT_TEST(targetsAreAcceptedAsByExpress);
    CPPUNIT_TEST(bodiesAreAcceptedAsByExpress);
    CPPUNIT_TEST(compressedBodiesAreInflatedWithinTheLimit);
    CPPUNIT_TEST(handlerThatThrowsAnythingAnswers500InJson);
    CPPUNIT_TEST(httpErrorCarriesItsStatusAndRetryAfter);
    CPPUNIT_TEST(aLocaleThatGroupsDigitsChangesNoAnswer);
    CPPUNIT_TEST(unknownPathIs404AndWrongMethodIs405WithAllow);
    CPPUNIT_TEST(headIsServedByGetWithoutBody);
    CPPUNIT_TEST(optionsNamesTheMethodsOfAPath);
    CPPUNIT_TEST(handlerSeesTheHeadersThatItsRouteDeclares);
    CPPUNIT_TEST(aRouteMayAcceptAnyJson);
    CPPUNIT_TEST(aFileThatAClientHasIsNotSentAgain);
    CPPUNIT_TEST(anAnswerThatAClientHasIsNotSentAgain);
    CPPUNIT_TEST(documentDescribesTheTable);
    CPPUNIT_TEST(swaggerFilesAreServedFromTheFolderAndNowhereElse);
    CPPUNIT_TEST(missingFolderNamesTheInstallation);
    CPPUNIT_TEST(pagesAreNotServedInProduction);
    CPPUNIT_TEST(healthReportsEveryCheck);
    CPPUNIT_TEST_SUITE_END();

public:
    void answerCarriesTheHeadersOfEveryAnswer() {
        const RawAnswer answer = exchange(request("GET /constant"));
        CPPUNIT_ASSERT_EQUAL(200, answer.status);
        assertEqual("{\"ok\":true}", answer.body);
        assertEqual("11", answer.header("content-length"));
        assertEqual("nosniff", answer.header("x-content-type-options"));
        assertEqual("application/json; charset=utf-8", answer.header("content-type"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{29}, answer.header("date").size());
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, answer.headers.count("server"));
    }

    void nulDotSegmentsAndInvalidUtf8InPathsAre400() {
        for (const char* path : {"/item/%00",        "/item/1%00",         "/../etc/passwd",
                                 "/item/..",         "/item/./1",          "/item/%2e%2e/constant",
                                 "/item/%2E",        "/item/%ff",          "/item/%c0%af",
                                 "/item/%ed%a0%80",  "/item/%f5%80%80%80", "/item/%e2%82",
                                 "/item/%2f1",       "/item/%5c1",         "/item/%0a",
                                 "/item//1",         "/item/%zz",          "/item/%4",
                                 "/search?name=%00", "/search?name=%ff",   "*",
                                 "constant"}) {
            const RawAnswer answer = exchange(request(std::string("GET ") + path));
            CPPUNIT_ASSERT_EQUAL_MESSAGE(path, 400, answer.status);
            assertContains(answer.body, "\"error\":\"Bad Request\"");
        }
        CPPUNIT_ASSERT_EQUAL(200, exchange(request("GET /%63onstant")).status);
        CPPUNIT_ASSERT_EQUAL(200, exchange(request("GET http://localhost/constant")).status);
    }

    void idsThatAreNoCanonicalIntegersAre400() {
        for (const char* id : {"9223372036854775808",
                               "-1",
                               "1e3",
                               "007",
                               "%EF%BC%97",
                               "%D9%A7",
                               "+1",
                               "1.0",
                               "0x1",
                               "1%20",
                               "-0",
                               "18446744073709551617",
                               "a",
                               "1_000"}) {
            const RawAnswer answer = exchange(request(std::string("GET /item/") + id));
            CPPUNIT_ASSERT_EQUAL_MESSAGE(id, 400, answer.status);
            assertEqual(R"x({"message":"Validation failed (numeric string is expected)",)x"
                        R"x("error":"Bad Request","statusCode":400})x",
                        answer.body);
        }
    }

    void largestIdIsServed() {
        assertEqual("{\"id\":9223372036854775807}",
                    exchange(request("GET /item/9223372036854775807")).body);
        assertEqual("{\"id\":0}", exchange(request("GET /item/0")).body);
    }

    void queryParametersAreCheckedAndNotDoubled() {
        assertEqual(R"({"name":"a b+c","limit":100})",
                    exchange(request("GET /search?limit=100&name=a+b%2Bc&other=1")).body);
        assertEqual(R"({"name":"","limit":null})", exchange(request("GET /search?name")).body);
        for (const char* query : {"",
                                  "?limit=1",
                                  "?name=a&name=b",
                                  "?name=a&limit=0",
                                  "?name=a&limit=101",
                                  "?name=a&limit="}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(
                query, 400, exchange(request(std::string("GET /search") + query)).status);
        }
    }

    void bodyMistakesAreListed() {
        assertBody(
            R"({"userId":"7","extra":1})",
            R"(["userId must be an integer number, got \"7\"","property extra should not exist"])");
        assertBody("{}", R"(["userId should not be empty"])");
        assertBody(R"({"userId":1,"userId":2})", R"(["property userId must be given once"])");
        assertBody(R"({"userId":-1})", R"(["userId must not be less than 0, got -1"])");
        assertBody(R"({"userId":1.5})", R"(["userId must be an integer number, got 1.5"])");
        assertBody(R"({"userId":9223372036854775808})",
                   R"(["userId is too large, got 9223372036854775808"])");
        assertBody(R"({"userId":1,"note":"a\u0000b"})",
                   R"(["note must not contain NUL characters"])");
        assertBody("[]", R"(["The body must be a JSON object"])");
        for (const char* body :
             {"{", "{\"userId\":1}x", "{\"userId\":01}", "{'userId':1}", "{\"note\":\"\xff\"}"}) {
            const RawAnswer answer = post(body);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(body, 400, answer.status);
            CPPUNIT_ASSERT_MESSAGE(
                answer.body, answer.body.rfind(R"({"message":["The body is not JSON)", 0) == 0);
        }
        CPPUNIT_ASSERT_EQUAL_MESSAGE("deep nesting", 400, post(std::string(60000, '[')).status);
        CPPUNIT_ASSERT_EQUAL(0, bodies_.load());
        assertEqual("{\"seen\":12}", post(R"({"userId":7})").body);
    }

    void hostileBodiesAreRefusedAndTheNextRequestIsServed() {
        for (const std::string& body :
             {std::string(R"({"x":1.234567890123456789e-331})"),
              std::string(R"({"userId":1.234567890123456789e-331})"),
              std::string(R"({"userId":1e400})"),
              std::string(R"({"userId":18446744073709551617})"),
              std::string(R"({"userId":1,"note":"\ud800"})"),
              std::string("{\"userId\":7}\0{}", 15),
              std::string("{\"userId\":7}\0", 13),
              std::string(R"({"userId":7} x)"),
              "{\"userId\":" + std::string(30'000, '[') + std::string(30'000, ']') + "}"}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(body.substr(0, 80), 400, post(body).status);
        }
        CPPUNIT_ASSERT_EQUAL(0, bodies_.load());
        CPPUNIT_ASSERT_EQUAL(200, post(R"({"userId":7.0})").status);
    }

    void targetsAreAcceptedAsByExpress() {
        CPPUNIT_ASSERT_EQUAL(200, exchange(request("GET /constant/")).status);
        assertEqual("{\"id\":7}", exchange(request("GET /item/7/")).body);
        CPPUNIT_ASSERT_EQUAL(200, exchange(request("GET /api-json/")).status);
        CPPUNIT_ASSERT_EQUAL(400, exchange(request("GET /item/7//")).status);
        assertEqual(R"({"text":"a/b\\c","also":null})",
                    exchange(request("GET /text/a%2Fb%5Cc")).body);
        assertEqual(R"({"text":"x","also":"two\nlines"})",
                    exchange(request("GET /text/x?also=two%0Alines")).body);
        CPPUNIT_ASSERT_EQUAL(200, exchange("\r\n\r\n" + request("GET /constant")).status);
        const RawAnswer nul = exchange(request("GET /text/x?also=%00"));
        CPPUNIT_ASSERT_EQUAL(400, nul.status);
        assertContains(nul.body, "NUL");
    }

    void bodiesAreAcceptedAsByExpress() {
        const std::string body = R"({"userId":7.0,"note":null})";
        for (const char* type : {"application/json",
                                 "Application/JSON ; odata=verbose",
                                 "application/json;odata=verbose;charset=UTF-8",
                                 "application/json; q=\"a;charset=latin1\"; charset=\"utf-8\"",
                                 "application/json;"}) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(type, 200, postAs(type, body).status);
        }
        for (const auto& [type, named] : std::vector<std::pair<std::string, std::string>>{
                 {"application/json;odata=verbose;charset=latin1", "utf-8, not \\\"latin1\\\""},
                 {"application/json; charset=utf-16", "utf-8, not \\\"utf-16\\\""},
                 {"text/plain", "application/json, not \\\"text/plain\\\""},
                 {"application/jsonx", "application/json, not \\\"application/jsonx\\\""}}) {
            const RawAnswer answer = postAs(type, body);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(type, 415, answer.status);
            assertContains(answer.body, named);
        }
        CPPUNIT_ASSERT_EQUAL(415, exchange(request("POST /body", "", body)).status);
    }

    void compressedBodiesAreInflatedWithinTheLimit() {
        settings_.gate.limits.maxBodyBytes = frontSettings_.maxBodyBytes = 5000;
        front_ = std::make_unique<api::HttpFront>(*routes_, frontSettings_);
        const std::string body = R"({"userId":7,"note":")" + std::string(3000, 'x') + "\"}";
        const std::string seen = "{\"seen\":" + std::to_string(body.size()) + "}";
        const auto post = [this](const std::string& encoding, const std::string& bytes) {
            return exchange(
                request("POST /body",
                        "Content-Type: application/json\r\nContent-Encoding: " + encoding,
                        bytes));
        };
        const std::string gzip = deflated(body, true);
        const std::string zlib = deflated(body, false);
        CPPUNIT_ASSERT(gzip.size() < 200);
        CPPUNIT_ASSERT_EQUAL(seen, post("gzip", gzip).body);
        CPPUNIT_ASSERT_EQUAL(seen, post("X-GZIP", gzip).body);
        CPPUNIT_ASSERT_EQUAL(seen, post("deflate", zlib).body);
        CPPUNIT_ASSERT_EQUAL(seen, post("identity", body).body);
        const auto refused =
            [&](int status, const std::string& encoding, const std::string& bytes) {
                const RawAnswer answer = post(encoding, bytes);
                CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, status, answer.status);
                return answer.body;
            };
        // A bomb: 10 MB in 10 kB would be refused by its size, so it comes in less.
        const std::string large = R"({"userId":7,"note":")" + std::string(1'000'000, 'x') + "\"}";
        CPPUNIT_ASSERT(deflated(large, true).size() < 5000);
        assertContains(refused(413, "gzip", deflated(large, true)), "larger than 5000 bytes");
        assertContains(refused(415, "br", body), "gzip, deflate or none");
        refused(415, "gzip, gzip", gzip);
        for (const std::string& bad : {gzip.substr(0, gzip.size() - 1),
                                       gzip.substr(0, 5),
                                       gzip + "x",
                                       gzip + gzip,
                                       zlib,
                                       body,
                                       std::string(1, '\0')}) {
            assertContains(refused(400, "gzip", bad), "not one gzip stream");
        }
        refused(400, "deflate", gzip);
        CPPUNIT_ASSERT_EQUAL(4, bodies_.load());
    }

    void handlerThatThrowsAnythingAnswers500InJson() {
        RawClient client = connect();
        for (const char* what : {"standard", "poco", "message", "number", "header"}) {
            const RawAnswer answer = client.exchange(request(std::string("GET /throw/") + what));
            CPPUNIT_ASSERT_EQUAL_MESSAGE(what, 500, answer.status);
            assertEqual(
                R"({"message":"Internal server error","error":"Internal Server Error","statusCode":500})",
                answer.body);
            CPPUNIT_ASSERT_EQUAL(std::size_t{0}, answer.headers.count("x-injected"));
        }
        CPPUNIT_ASSERT_EQUAL(200, client.exchange(request("GET /constant")).status);
    }

    void aLocaleThatGroupsDigitsChangesNoAnswer() {
        class Grouping : public std::numpunct<char> {
            std::string do_grouping() const override { return "\1"; }
        };
        Route meddling;
        meddling.method = "GET";
        meddling.path = "/meddling";
        meddling.source = "test";
        meddling.handler = [](const drover::Request&) {
            std::locale::global(std::locale(std::locale::classic(), new Grouping));
            drover::Response response;
            response.body = std::string(1234, 'x');
            return response;
        };
        routes_->add(meddling);
        const RawAnswer answer = exchange(request("GET /meddling"));
        std::locale::global(std::locale::classic());
        CPPUNIT_ASSERT_EQUAL(200, answer.status);
        assertEqual("1234", answer.header("content-length"));
    }

    void httpErrorCarriesItsStatusAndRetryAfter() {
        const RawAnswer answer = exchange(request("GET /throw/teapot"));
        CPPUNIT_ASSERT_EQUAL(429, answer.status);
        assertEqual("7", answer.header("retry-after"));
        assertEqual(R"({"message":"slow down","error":"Too Many Requests","statusCode":429})",
                    answer.body);
    }

    void unknownPathIs404AndWrongMethodIs405WithAllow() {
        assertEqual(R"({"message":"Cannot GET /nowhere","error":"Not Found","statusCode":404})",
                    exchange(request("GET /nowhere")).body);
        CPPUNIT_ASSERT_EQUAL(404, exchange(request("GET /constant/x")).status);
        CPPUNIT_ASSERT_EQUAL(404, exchange(request("GET /item/")).status);
        const RawAnswer answer = exchange(request("DELETE /constant"));
        CPPUNIT_ASSERT_EQUAL(405, answer.status);
        assertEqual("GET, HEAD, OPTIONS", answer.header("allow"));
        CPPUNIT_ASSERT_EQUAL(405, exchange(request("get /constant")).status);
    }

    void headIsServedByGetWithoutBody() {
        RawClient client = connect();
        client.send(request("HEAD /constant"));
        const RawAnswer answer = client.read(true);
        CPPUNIT_ASSERT_EQUAL(200, answer.status);
        assertEqual("11", answer.header("content-length"));
        CPPUNIT_ASSERT_EQUAL(200, client.exchange(request("GET /constant")).status);
    }

    void optionsNamesTheMethodsOfAPath() {
        const RawAnswer answer = exchange(request("OPTIONS /constant", "Connection: close"));
        CPPUNIT_ASSERT_EQUAL(204, answer.status);
        assertEqual("GET, HEAD, OPTIONS", answer.header("allow"));
        CPPUNIT_ASSERT_EQUAL(404, exchange(request("OPTIONS /nowhere")).status);
    }

    void handlerSeesTheHeadersThatItsRouteDeclares() {
        Route route;
        route.method = "GET";
        route.path = "/headers";
        route.source = "test";
        route.headers = {"Idempotency-Key", "X-Absent"};
        route.handler = [](const Request& r) {
            Response response;
            response.body = std::to_string(r.headers.size()) + r.headers.at("Idempotency-Key");
            return response;
        };
        routes_->add(route);
        assertEqual("1a7",
                    exchange(request("GET /headers", "idempotency-key: a7\r\nX-Other: no")).body);
    }

    void aRouteMayAcceptAnyJson() {
        Route route;
        route.method = "POST";
        route.path = "/any";
        route.source = "test";
        route.anyJson = true;
        route.handler = [](const Request& r) {
            Response response;
            response.body = r.body;
            return response;
        };
        routes_->add(route);
        const std::string json = "Content-Type: application/json";
        assertEqual("[1,{}]", exchange(request("POST /any", json, "[1,{}]")).body);
        CPPUNIT_ASSERT_EQUAL(400, exchange(request("POST /any", json, "[1,")).status);
        CPPUNIT_ASSERT_EQUAL(415, exchange(request("POST /any", "", "[1]")).status);
    }

    void aFileThatAClientHasIsNotSentAgain() {
        const std::string folder = makeTempFolder("drover-docs");
        write(folder + "/swagger-ui.css", "body {}");
        useDocs(folder);
        const std::string etag = exchange(request("GET /api/swagger-ui.css")).header("etag");
        CPPUNIT_ASSERT(!etag.empty());
        RawClient client = connect();
        client.send(request("GET /api/swagger-ui.css", "If-None-Match: \"other\", W/" + etag));
        const RawAnswer known = client.read(true);
        CPPUNIT_ASSERT_EQUAL(304, known.status);
        CPPUNIT_ASSERT_EQUAL(etag, known.header("etag"));
        const RawAnswer changed =
            client.exchange(request("GET /api/swagger-ui.css", "If-None-Match: \"other\""));
        assertEqual("body {}", changed.body);
        removeTree(folder);
    }

    void anAnswerThatAClientHasIsNotSentAgain() {
        for (const char* method : {"GET", "POST"}) {
            Route route;
            route.source = "test";
            route.method = method;
            route.path = "/tagged";
            route.handler = [](const Request& r) {
                Response response;
                response.body = r.method;
                response.headers.emplace_back("ETag", entityTagOf(response.body));
                return response;
            };
            routes_->add(route);
        }
        const std::string etag = exchange(request("GET /tagged")).header("etag");
        assertEqual(entityTagOf("GET"), etag);
        RawClient client = connect();
        client.send(request("GET /tagged", "If-None-Match: " + etag));
        const RawAnswer known = client.read(true);
        CPPUNIT_ASSERT_EQUAL(304, known.status);
        assertEqual(etag, known.header("etag"));
        assertEqual("GET",
                    client.exchange(request("GET /tagged", "If-None-Match: \"other\"")).body);
        assertEqual("POST", client.exchange(request("POST /tagged", "If-None-Match: *")).body);
    }

    void documentDescribesTheTable() {
        const RawAnswer answer = exchange(request("GET /api-json"));
        CPPUNIT_ASSERT_EQUAL(200, answer.status);
        rapidjson::Document document;
        document.Parse(answer.body.c_str());
        CPPUNIT_ASSERT(!document.HasParseError());
        CPPUNIT_ASSERT(document["paths"]["/item/{id}"]["get"].IsObject());
        // The table is what is served: a new route is in the next document.
        Route added;
        added.method = "GET";
        added.path = "/added";
        added.handler = [](const Request&) { return Response{}; };
        routes_->add(added);
        assertContains(exchange(request("GET /api-json")).body, "\"/added\"");
        CPPUNIT_ASSERT_EQUAL(200, exchange(request("GET /added")).status);
    }

    void swaggerFilesAreServedFromTheFolderAndNowhereElse() {
        const std::string parent = makeTempFolder("drover-docs");
        const std::string folder = parent + "/dist";
        std::filesystem::create_directory(folder);
        write(parent + "/secret.js", "secret");
        write(folder + "/swagger-ui-bundle.js", "var bundle;");
        write(folder + "/swagger-ui-standalone-preset.js", "var preset;");
        write(folder + "/swagger-ui.css", "body {}");
        write(folder + "/favicon-32x32.png", "icon");
        write(folder + "/package.json", "{}");
        write(folder + "/.hidden.js", "hidden");
        useDocs(folder);
        const RawAnswer page = exchange(request("GET /api"));
        CPPUNIT_ASSERT_EQUAL(200, page.status);
        assertEqual("text/html; charset=utf-8", page.header("content-type"));
        assertContains(page.body, "/api/swagger-ui-bundle.js");
        CPPUNIT_ASSERT(page.header("content-security-policy").find("default-src 'self'") == 0);
        const RawAnswer script = exchange(request("GET /api/swagger-ui-bundle.js"));
        assertEqual("var bundle;", script.body);
        assertEqual("text/javascript; charset=utf-8", script.header("content-type"));
        assertEqual("public, max-age=86400", script.header("cache-control"));
        assertEqual("text/css; charset=utf-8",
                    exchange(request("GET /api/swagger-ui.css")).header("content-type"));
        assertContains(exchange(request("GET /api/start.js")).body, "/api-json");
        assertBrowserFindsWhatItAsksFor(page.body);
        for (const char* path : {"/api/../secret.js",
                                 "/api/%2e%2e/secret.js",
                                 "/api/..%2fsecret.js",
                                 "/api//secret.js",
                                 "/api/package.json",
                                 "/api/.hidden.js",
                                 "/api/missing.js",
                                 "/api/dist/swagger-ui.css"}) {
            const RawAnswer answer = exchange(request(std::string("GET ") + path));
            CPPUNIT_ASSERT_MESSAGE(path, answer.status == 404 || answer.status == 400);
        }
        removeTree(parent);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(
            "files are read once", 200, exchange(request("GET /api/swagger-ui-bundle.js")).status);
    }

    void missingFolderNamesTheInstallation() {
        useDocs("/nonexistent");
        const RawAnswer page = exchange(request("GET /api"));
        CPPUNIT_ASSERT_EQUAL(200, page.status);
        assertContains(page.body, "npm ci --ignore-scripts --prefix api/web");
        assertBrowserFindsWhatItAsksFor(page.body);
    }

    void pagesAreNotServedInProduction() {
        frontSettings_.docsPages = false;
        front_ = std::make_unique<api::HttpFront>(*routes_, frontSettings_);
        CPPUNIT_ASSERT_EQUAL(404, exchange(request("GET /api")).status);
        CPPUNIT_ASSERT_EQUAL(404, exchange(request("GET /api/start.js")).status);
        CPPUNIT_ASSERT_EQUAL(200, exchange(request("GET /api-json")).status);
    }

    void healthReportsEveryCheck() {
        bool ok = true;
        bool still = false;
        api::HealthPages pages([&ok, &still] {
            return api::HealthChecks{{"redis", {ok, ok ? "connected" : "away for 3 s", {}, still}},
                                     {"disk", {true, "", {{"free", 7}}}}};
        });
        api::HttpServer health(api::HealthPages::serverSettings("127.0.0.1", 0), pages);
        health.start();
        RawClient client(health.port());
        CPPUNIT_ASSERT_EQUAL(200, client.exchange(request("GET /readyz")).status);
        ok = false;
        const RawAnswer answer = client.exchange(request("GET /readyz"));
        CPPUNIT_ASSERT_EQUAL(503, answer.status);
        assertEqual(
            R"({"status":"unavailable","checks":{"redis":{"ok":false,"detail":"away for 3 s"},)"
            R"("disk":{"ok":true,"detail":"","counts":{"free":7}}}})",
            answer.body);
        CPPUNIT_ASSERT_EQUAL(200, client.exchange(request("GET /livez")).status);
        still = true;
        const RawAnswer stuck = client.exchange(request("GET /livez"));
        CPPUNIT_ASSERT_EQUAL(503, stuck.status);
        assertEqual(R"({"status":"stands still","check":"redis","detail":"away for 3 s"})",
                    stuck.body);
        CPPUNIT_ASSERT_EQUAL(404, client.exchange(request("GET /constant")).status);
        CPPUNIT_ASSERT_EQUAL(405, client.exchange(request("DELETE /livez")).status);
    }

private:
    RawAnswer postAs(const std::string& contentType, const std::string& body) {
        return exchange(request("POST /body", "Content-Type: " + contentType, body));
    }

    static std::string deflated(const std::string& text, bool gzip) {
        z_stream stream{};
        deflateInit2(&stream,
                     Z_BEST_COMPRESSION,
                     Z_DEFLATED,
                     MAX_WBITS + (gzip ? 16 : 0),
                     8,
                     Z_DEFAULT_STRATEGY);
        std::string out(deflateBound(&stream, text.size()), '\0');
        stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
        stream.avail_in = static_cast<uInt>(text.size());
        stream.next_out = reinterpret_cast<Bytef*>(out.data());
        stream.avail_out = static_cast<uInt>(out.size());
        CPPUNIT_ASSERT_EQUAL(Z_STREAM_END, deflate(&stream, Z_FINISH));
        out.resize(stream.total_out);
        deflateEnd(&stream);
        return out;
    }

    RawAnswer post(const std::string& body) {
        return exchange(request("POST /body", "Content-Type: application/json", body));
    }

    void assertBody(const std::string& body, const std::string& messages) {
        const RawAnswer answer = post(body);
        CPPUNIT_ASSERT_EQUAL(400, answer.status);
        CPPUNIT_ASSERT_EQUAL(
            "{\"message\":" + messages + R"(,"error":"Bad Request","statusCode":400})",
            answer.body);
    }

    /// The page names an icon, since a browser requests /favicon.ico otherwise, and all that it names is served.
    void assertBrowserFindsWhatItAsksFor(const std::string& page) {
        assertContains(page, "<link rel=\"icon\"");
        for (const std::string attribute : {"href=\"", "src=\""}) {
            for (auto at = page.find(attribute); at != std::string::npos;
                 at = page.find(attribute, at + 1)) {
                const auto begin = at + attribute.size();
                const std::string link = page.substr(begin, page.find('"', begin) - begin);
                if (link.front() == '/') {
                    CPPUNIT_ASSERT_EQUAL_MESSAGE(
                        link, 200, exchange(request("GET " + link)).status);
                }
            }
        }
    }

    void useDocs(const std::string& folder) {
        frontSettings_.docsFolder = folder;
        front_ = std::make_unique<api::HttpFront>(*routes_, frontSettings_);
    }

    static void write(const std::string& path, const std::string& text) {
        std::ofstream(path) << text;
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(HttpRoutesTest);
