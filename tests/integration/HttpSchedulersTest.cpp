#include <map>
#include <string>

#include "HttpQueuesFixture.h"
#include "drover/Json.h"

using drover::JsonView;
using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::HttpQueuesFixture;
using drover::test::RawAnswer;
using drover::test::request;

/// Job schedulers over HTTP.
class HttpSchedulersTest : public HttpQueuesFixture {
    CPPUNIT_TEST_SUITE(HttpSchedulersTest);
    CPPUNIT_TEST(aSchedulerIsMadeAndChanged);
    CPPUNIT_TEST(mistakesInASchedulerNameTheOption);
    CPPUNIT_TEST(aTakenRunOfASchedulerIsAConflict);
    CPPUNIT_TEST(schedulersNeedTheirScopes);
    CPPUNIT_TEST(withoutRedisSchedulersAreUnavailable);
    CPPUNIT_TEST_SUITE_END();

public:
    void aSchedulerIsMadeAndChanged() {
        const RawAnswer made = scheduler(
            "PUT",
            "/nightly",
            kShop,
            R"({"repeat":{"pattern":"0 3 * * *","tz":"UTC"},"template":{"name":"clean","data":{"n":1e2},"opts":{"attempts":3}}})");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(made.body, 200, made.status);
        const std::string id = JsonView::parse(made.body)["jobId"].string().value();
        assertEqual("clean", store_.hash(id).at("name"));
        assertEqual("nightly", JsonView::parse(made.body)["key"].string().value());
        const std::string record = store_.keys().job("repeat:nightly");
        assertEqual("0 3 * * *", store_.text({"HGET", record, "pattern"}));
        assertEqual(R"({"n":1e2})", store_.text({"HGET", record, "data"}));
        // Changed by the same request with another rule.
        CPPUNIT_ASSERT_EQUAL(
            200, scheduler("PUT", "/nightly", kShop, R"({"repeat":{"every":60000}})").status);
        assertEqual("60000", store_.text({"HGET", record, "every"}));
    }

    void mistakesInASchedulerNameTheOption() {
        const std::map<std::string, std::string> cases = {
            {"7", "the body must be an object such as"},
            {"{}", "repeat should not be empty"},
            {R"({"repeat":{"every":1},"repeat":{"every":1}})",
             "property repeat must be given once"},
            {R"({"repeat":{"every":1},"templ":{}})",
             "property templ should not exist; a scheduler has repeat and template"},
            {R"({"repeat":{"pattern":"bad"}})", "bad"},
            {R"({"repeat":{"every":1000},"template":{"nme":"a"}})", "nme"},
            {R"({"repeat":{"every":1000},"template":{"opts":{"jobId":"a"}}})", "jobId"},
            {R"({"repeat":{"every":1000},"template":{"opts":{"attemps":1}}})",
             "the option \\\"attemps\\\" should not exist"},
            {R"({"repeat":{"pattern":"0 0 1 1 *","endDate":4102444800000,"startDate":4102444800000}})",
             "endDate"}};
        for (const auto& [body, mistake] : cases) {
            const RawAnswer answer = scheduler("PUT", "/s", kShop, body);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(body + " " + answer.body, 400, answer.status);
            assertContains(answer.body, mistake);
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, store_.number({"EXISTS", store_.keys().repeat}));
    }

    void aTakenRunOfASchedulerIsAConflict() {
        const std::string body = R"({"repeat":{"pattern":"0 0 1 1 *","tz":"UTC"}})";
        const RawAnswer first = scheduler("PUT", "/yearly", kShop, body);
        const std::string id = JsonView::parse(first.body)["jobId"].string().value();
        // The run has a job that no upsert may replace, since it is not pending.
        store_.redis({"ZREM", store_.keys().delayed, id});
        const RawAnswer taken = scheduler("PUT", "/yearly", kShop, body);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(taken.body, 409, taken.status);
        assertContains(taken.body, "remove that job, or choose another time");
    }

    void schedulersNeedTheirScopes() {
        const std::string body = R"({"repeat":{"every":60000}})";
        CPPUNIT_ASSERT_EQUAL(403, scheduler("PUT", "/s", kReader, body).status);
        CPPUNIT_ASSERT_EQUAL(401, scheduler("PUT", "/s", "", body).status);
        const auto put = [&body](const std::string& queue) {
            return request("PUT /queues/" + queue + "/schedulers/s",
                           bearer(kShop) + "\r\nContent-Type: application/json",
                           body);
        };
        const RawAnswer unlisted = exchange(put("mail-out"));
        CPPUNIT_ASSERT_EQUAL(404, unlisted.status);
        assertContains(unlisted.body, "api.queues does not list the queue mail-out");
        CPPUNIT_ASSERT_EQUAL(400, exchange(put("q%3Ax")).status);
    }

    void withoutRedisSchedulersAreUnavailable() {
        store_.useOwnServer();
        serve({"q*"}, 8);
        store_.server_->stop();
        const RawAnswer answer = scheduler("PUT", "/s", kShop, R"({"repeat":{"every":60000}})");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 503, answer.status);
        assertEqual("1", answer.header("retry-after"));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(HttpSchedulersTest);
