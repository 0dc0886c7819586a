#include <map>
#include <string>

#include "HttpQueuesFixture.h"
#include "drover/Json.h"

using drover::JsonView;
using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::HttpQueuesFixture;
using drover::test::RawAnswer;
using drover::test::RawClient;
using drover::test::request;

/// The end of a job over HTTP, and the wait for it.
class HttpResultTest : public HttpQueuesFixture {
    CPPUNIT_TEST_SUITE(HttpResultTest);
    CPPUNIT_TEST(theEndOfAJobIsItsResult);
    CPPUNIT_TEST(aClientWaitsForTheEnd);
    CPPUNIT_TEST(aJobThatIsRemovedAtItsEndHasAResult);
    CPPUNIT_TEST(theWaitEndsWithItsClient);
    CPPUNIT_TEST(theWaitEndsWithTheServer);
    CPPUNIT_TEST(aResultNeedsReadAndASoundRequest);
    CPPUNIT_TEST(withoutRedisAResultIsUnknown);
    CPPUNIT_TEST_SUITE_END();

public:
    void theEndOfAJobIsItsResult() {
        const std::string good = addedId();
        const std::string bad = addedId();
        assertResult(202, R"({"state":"unfinished"})", good);
        assertResult(202, R"({"state":"unfinished"})", good, "?waitMs=20");
        complete(good, R"({"seat":"1"})");
        fail(bad, "no seats");
        assertResult(200, R"({"state":"completed","value":{"seat":"1"}})", good);
        assertResult(200, R"({"state":"failed","reason":"no seats"})", bad);
        assertResult(200, R"({"state":"failed","reason":"no seats"})", bad, "?waitMs=60000");
        const RawAnswer unknown = result("99");
        CPPUNIT_ASSERT_EQUAL(404, unknown.status);
        assertContains(unknown.body, "There is no such job");
    }

    void aClientWaitsForTheEnd() {
        const std::string id = addedId();
        RawClient client = connect();
        client.send(resultRequest(id, "?waitMs=60000"));
        assertResult(202, R"({"state":"unfinished"})", id);
        complete(id, "7");
        const RawAnswer answer = client.read();
        CPPUNIT_ASSERT_EQUAL(200, answer.status);
        assertEqual(R"({"state":"completed","value":7})", answer.body);
    }

    void aJobThatIsRemovedAtItsEndHasAResult() {
        const std::string id = addedId();
        complete(id, "\"done\"");
        store_.redis({"DEL", store_.keys().job(id)});
        store_.redis({"ZREM", store_.keys().completed, id});
        assertResult(200, R"({"state":"completed","value":"done"})", id);
    }

    void theWaitEndsWithItsClient() {
        serve({"q*"}, 1);
        store_.redis({"HSET", store_.keys().job("7"), "name", "a"});
        RawClient client = connect();
        client.send(resultRequest("7", "?waitMs=60000"));
        // A wait is in use: no other queue takes its place.
        Store::eventually("waiting", [&] {
            const auto other = queues_->results("q-other");
            return other == nullptr;
        });
        client.reset();
        Store::eventually("ended", [&] {
            const auto other = queues_->results("q-other");
            return other != nullptr;
        });
    }

    void theWaitEndsWithTheServer() {
        const std::string id = addedId();
        RawClient client = connect();
        client.send(resultRequest(id, "?waitMs=60000"));
        assertResult(202, R"({"state":"unfinished"})", id);
        queues_->endWaits();
        CPPUNIT_ASSERT_EQUAL(202, client.read().status);
        const RawAnswer late = result(id, "?waitMs=60000");
        CPPUNIT_ASSERT_EQUAL(503, late.status);
        assertEqual("1", late.header("retry-after"));
    }

    void aResultNeedsReadAndASoundRequest() {
        for (const std::string wrong : {"waitMs=60001", "waitMs=-1", "waitMs=soon"}) {
            const RawAnswer answer = result("1", "?" + wrong);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(wrong + answer.body, 400, answer.status);
            assertContains(answer.body, wrong + ": expected an integer in [0, 60000]");
        }
        CPPUNIT_ASSERT_EQUAL(403, result("1", "", kShop).status);
        CPPUNIT_ASSERT_EQUAL(401, result("1", "", "").status);
        const RawAnswer unlisted =
            exchange(request("GET /queues/mail-out/jobs/1/result", bearer(kReader)));
        CPPUNIT_ASSERT_EQUAL(404, unlisted.status);
        assertContains(unlisted.body, "api.queues does not list the queue mail-out");
        CPPUNIT_ASSERT_EQUAL(
            400, exchange(request("GET /queues/q%3Ax/jobs/1/result", bearer(kReader))).status);
    }

    void withoutRedisAResultIsUnknown() {
        store_.useOwnServer();
        serve({"q*"}, 8);
        store_.server_->stop();
        const RawAnswer answer = result("1");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 503, answer.status);
        assertContains(answer.body, "the state of the job is unknown");
    }

private:
    std::string addedId() {
        return JsonView::parse(post(R"({"name":"a"})").body)["id"].string().value();
    }
    [[nodiscard]] std::string resultRequest(const std::string& id,
                                            const std::string& query,
                                            const std::string& token = kReader) const {
        return request("GET /queues/" + queue() + "/jobs/" + id + "/result" + query, bearer(token));
    }
    RawAnswer result(const std::string& id,
                     const std::string& query = "",
                     const std::string& token = kReader) {
        return exchange(resultRequest(id, query, token));
    }
    void assertResult(int status,
                      const std::string& body,
                      const std::string& id,
                      const std::string& query = "") {
        const RawAnswer answer = result(id, query);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, status, answer.status);
        assertEqual(body, answer.body);
    }
    /// Ends a waiting job as a worker does.
    void end(const std::string& id,
             const std::string& set,
             const std::string& field,
             const std::string& event,
             const std::string& text) {
        store_.redis({"LREM", store_.keys().wait, "1", id});
        store_.redis({"HSET", store_.keys().job(id), field, text, "finishedOn", "1"});
        store_.redis({"ZADD", set, "1", id});
        store_.redis({"XADD", store_.keys().events, "*", "event", event, "jobId", id, field, text});
    }
    void complete(const std::string& id, const std::string& value) {
        end(id, store_.keys().completed, "returnvalue", "completed", value);
    }
    void fail(const std::string& id, const std::string& reason) {
        end(id, store_.keys().failed, "failedReason", "failed", reason);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(HttpResultTest);
