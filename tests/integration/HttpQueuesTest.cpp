#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "HttpQueuesFixture.h"
#include "drover/Exceptions.h"
#include "drover/Json.h"
#include "drover/Metrics.h"
#include "pages/OpenApi.h"
#include "support/BadOptions.h"

namespace api = drover::api;
using drover::ConfigException;
using drover::JsonView;
using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::BadOption;
using drover::test::badOptions;
using drover::test::badParents;
using drover::test::badRepeats;
using drover::test::HttpQueuesFixture;
using drover::test::missingIn;
using drover::test::RawAnswer;
using drover::test::RawClient;
using drover::test::request;
using drover::test::unknownOptions;

/// Jobs and trees are added to the queues that `api.queues` lists.
class HttpQueuesTest : public HttpQueuesFixture {
    CPPUNIT_TEST_SUITE(HttpQueuesTest);
    CPPUNIT_TEST(aJobIsAddedAndAnsweredAsNodeShowsIt);
    CPPUNIT_TEST(everyOptionReachesTheJob);
    CPPUNIT_TEST(anArrayHasAResultForEachJob);
    CPPUNIT_TEST(linesAreAnsweredWithLines);
    CPPUNIT_TEST(manyJobsAreAddedInOrder);
    CPPUNIT_TEST(mistakesNameTheMemberAndAddNothing);
    CPPUNIT_TEST(noBadOptionIsStored);
    CPPUNIT_TEST(aRequestWithAKeyIsServedOnce);
    CPPUNIT_TEST(aQueueWithShardsIsAddedToByItsName);
    CPPUNIT_TEST(aKeyHoldsForManyJobs);
    CPPUNIT_TEST(requestsAtOnceWithOneKeyAddOnce);
    CPPUNIT_TEST(aTreeIsAddedWhole);
    CPPUNIT_TEST(aTreeWithAKeyIsServedOnce);
    CPPUNIT_TEST(aQueueThatARequestOpensHoldsItsBounds);
    CPPUNIT_TEST(aTreeBeyondABoundIsRefused);
    CPPUNIT_TEST(eachQueueOfATreeNeedsItsScope);
    CPPUNIT_TEST(aQueueNeedsItsScopeAndAGlob);
    CPPUNIT_TEST(withoutRedisNothingIsAdded);
    CPPUNIT_TEST(moreQueuesThanMayBeOpenTakeTurns);
    CPPUNIT_TEST(aGlobIsChecked);
    CPPUNIT_TEST(theDocumentDescribesBodiesAndAnswers);
    CPPUNIT_TEST_SUITE_END();

public:
    void aJobIsAddedAndAnsweredAsNodeShowsIt() {
        const RawAnswer answer =
            post(R"({"name":"mail","data":{"to":"a@b","n":1e2},"opts":{"attempts":3}})");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 201, answer.status);
        const JsonView job = JsonView::parse(answer.body);
        assertEqual("mail", job["name"].string().value());
        assertEqual(R"({"to":"a@b","n":1e2})", std::string(job["data"].text()));
        assertEqual(R"({"attempts":3})", std::string(job["opts"].text()));
        assertEqual("bull:" + queue(), job["queueQualifiedName"].string().value());
        const std::string id = job["id"].string().value();
        const auto stored = store_.hash(id);
        assertEqual(R"({"to":"a@b","n":1e2})", stored.at("data"));
        assertEqual(stored.at("timestamp"), std::string(job["timestamp"].text()));
        CPPUNIT_ASSERT(std::vector<std::string>{id} == store_.list(store_.keys().wait));
    }

    void everyOptionReachesTheJob() {
        const RawAnswer answer = post(
            R"({"name":"x","opts":{"attempts":2,"backoff":{"type":"exponential","delay":5},"delay":60000,)"
            R"("priority":7,"jobId":"order-7","removeOnComplete":true,"removeOnFail":{"count":5},)"
            R"("keepLogs":3,"stackTraceLimit":2,"sizeLimit":100,"timestamp":1700000000000}})");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 201, answer.status);
        const auto stored = store_.hash("order-7");
        assertEqual("{}", stored.at("data"));
        assertEqual("1700000000000", stored.at("timestamp"));
        assertEqual("60000", stored.at("delay"));
        assertEqual("7", stored.at("priority"));
        const JsonView options = JsonView::parse(stored.at("opts"));
        for (const char* name :
             {"backoff", "removeOnComplete", "removeOnFail", "kl", "stackTraceLimit"}) {
            CPPUNIT_ASSERT_MESSAGE(name, !options[name].isNull());
        }
        CPPUNIT_ASSERT(store_.stateOf("order-7") == drover::JobState::Delayed);
    }

    void anArrayHasAResultForEachJob() {
        const RawAnswer good = post(R"([{"name":"a"},{"name":"b","data":[1]}])");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(good.body, 201, good.status);
        auto results = JsonView::parse(good.body).elements();
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, results.size());
        assertEqual("[1]", std::string(results[1]["job"]["data"].text()));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{201}, results[1]["status"].integer().value());

        const RawAnswer mixed = post(
            R"([{"name":"c","dta":1},{"name":"d"},{"name":"e","opts":{"priority":9999999}},7])");
        CPPUNIT_ASSERT_EQUAL(207, mixed.status);
        results = JsonView::parse(mixed.body).elements();
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, results.size());
        assertContains(results[0]["error"]["message"].string().value(), "property dta");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{201}, results[1]["status"].integer().value());
        assertContains(results[2]["error"]["message"].string().value(), "Priority");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{400}, results[3]["status"].integer().value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, store_.number({"LLEN", store_.keys().wait}));

        CPPUNIT_ASSERT_EQUAL(400, post(R"([{"nam":"c"},7])").status);
    }

    void linesAreAnsweredWithLines() {
        const RawAnswer answer = postLines("{\"name\":\"a\"}\r\n\n{\"name\":\n{\"name\":\"b\"}");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 207, answer.status);
        assertEqual("application/x-ndjson; charset=utf-8", answer.header("content-type"));
        const std::vector<std::string> lines = linesOf(answer.body);
        CPPUNIT_ASSERT_EQUAL(std::size_t{3}, lines.size());
        assertEqual("a", JsonView::parse(lines[0])["job"]["name"].string().value());
        assertContains(lines[1], "the job is not JSON");
        assertEqual("b", JsonView::parse(lines[2])["job"]["name"].string().value());
        CPPUNIT_ASSERT_EQUAL(400, postLines("\n \n").status);
    }

    void manyJobsAreAddedInOrder() {
        std::string lines;
        constexpr std::size_t kJobs = 2000;
        for (std::size_t i = 0; i < kJobs; ++i) {
            lines += R"({"name":"n)" + std::to_string(i) + R"(","opts":{"priority":)" +
                     (i % 700 == 699 ? "-1" : "0") + "}}\n";
        }
        const RawAnswer answer = postLines(lines);
        CPPUNIT_ASSERT_EQUAL(207, answer.status);
        const std::vector<std::string> results = linesOf(answer.body);
        CPPUNIT_ASSERT_EQUAL(kJobs, results.size());
        std::int64_t before = 0;
        for (std::size_t i = 0; i < kJobs; ++i) {
            const JsonView result = JsonView::parse(results[i]);
            if (i % 700 == 699) {
                CPPUNIT_ASSERT_EQUAL(std::int64_t{400}, result["status"].integer().value());
                continue;
            }
            assertEqual("n" + std::to_string(i), result["job"]["name"].string().value());
            const std::int64_t id = std::stoll(result["job"]["id"].string().value());
            CPPUNIT_ASSERT(id > before);
            before = id;
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{kJobs - 2}, store_.number({"LLEN", store_.keys().wait}));
    }

    void mistakesNameTheMemberAndAddNothing() {
        const std::map<std::string, std::string> cases = {
            {"7", "a job must be an object such as"},
            {"[]", "must have a job"},
            {"{\"data\":1}", "name should not be empty"},
            {R"({"name":7})", "name must be a string"},
            {R"({"name":"\ud800"})", "half of a surrogate pair"},
            {R"({"name":"a","name":"b"})", "property name must be given once"},
            {R"({"name":"a","dta":1})",
             "property dta should not exist; a job has name, data and opts"},
            {R"({"name":"a","opts":[]})", "opts must be an object"},
            {R"({"name":"a","opts":{"attemps":1}})", "the option \\\"attemps\\\" should not exist"},
            {R"({"name":"a","opts":{"attempts":"3"}})", "attempts"},
            {R"({"name":"a","opts":{"priority":-1}})", "Priority"},
            {R"({"name":"a","opts":{"jobId":"7"}})", "7"},
            {R"({"name":"a","data":"12345","opts":{"sizeLimit":3}})", "sizeLimit allows 3"},
            {"{\"name\":", "not JSON"}};
        for (const auto& [body, mistake] : cases) {
            const RawAnswer answer = post(body);
            CPPUNIT_ASSERT_EQUAL_MESSAGE(body + " " + answer.body, 400, answer.status);
            assertContains(answer.body, mistake);
        }
        CPPUNIT_ASSERT_EQUAL(415,
                             exchange(request("POST /queues/" + queue() + "/jobs",
                                              bearer(kShop) + "\r\nContent-Type: text/plain",
                                              "{}"))
                                 .status);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, store_.number({"EXISTS", store_.keys().wait}));
    }

    void noBadOptionIsStored() {
        post(R"({"name":"before"})");
        scheduler("PUT", "/s", kShop, R"({"repeat":{"every":3600000}})");
        const std::string before = dump();
        const auto refusal = [](const RawAnswer& answer) {
            CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 400, answer.status);
            return JsonView::parse(answer.body)["message"].string().value();
        };
        const auto wrong = [&](const BadOption& bad, bool isParent) {
            const std::string job = R"({"name":"a","opts":)" + bad.opts + "}";
            assertEqual("", missingIn(refusal(post(job)), bad));
            const RawAnswer lines = postLines(job + "\n" + job);
            assertEqual(
                "",
                missingIn(
                    JsonView::parse(linesOf(lines.body).at(1))["error"]["message"].string().value(),
                    bad));
            const std::string root = R"({"name":"r","queueName":")" + queue() + '"';
            const std::string one = root + R"(,"opts":)" + bad.opts + "}";
            assertEqual("", missingIn(refusal(postFlow(one)), bad));
            const std::string message = refusal(postFlow(root + R"(,"children":[)" + one + "]}"));
            // Neither goes into a child, whatever its value.
            const bool barred = isParent || bad.option.rfind("deduplication", 0) == 0;
            assertEqual("", barred ? "" : missingIn(message, bad));
            // Some options are not those of a template, whatever their value.
            (void)refusal(scheduler(
                "PUT", "/s", kShop, R"({"repeat":{"every":1000},"template":)" + job + "}"));
        };
        for (const BadOption& bad : badOptions()) {
            wrong(bad, false);
        }
        for (const BadOption& bad : unknownOptions()) {
            wrong(bad, false);
        }
        for (const BadOption& bad : badParents()) {
            wrong(bad, true);
        }
        for (const BadOption& bad : badRepeats()) {
            const std::string rule = R"({"repeat":)" + bad.opts + "}";
            assertEqual("", missingIn(refusal(scheduler("PUT", "/s", kShop, rule)), bad));
        }
        assertEqual(before, dump());
    }

    void aRequestWithAKeyIsServedOnce() {
        const std::string body = R"([{"name":"a"},{"nam":"b"},{"name":"c"}])";
        const RawAnswer first = postOnce("order-7", body);
        CPPUNIT_ASSERT_EQUAL(207, first.status);
        assertEqual("", first.header("idempotent-replayed"));
        serve({"q*"}, 8);  // As another process.
        const RawAnswer again = postOnce("order-7", body);
        CPPUNIT_ASSERT_EQUAL(207, again.status);
        assertEqual(first.body, again.body);
        assertEqual("true", again.header("idempotent-replayed"));
        const RawAnswer other = postOnce("order-7", R"({"name":"z"})");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(other.body, 422, other.status);
        assertContains(other.body, "each request needs a key of its own");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, store_.number({"LLEN", store_.keys().wait}));
        CPPUNIT_ASSERT_EQUAL(201, postOnce("order-8", R"({"name":"z"})").status);
        CPPUNIT_ASSERT_EQUAL(400, postOnce("order 9", R"({"name":"z"})").status);
    }

    void aQueueWithShardsIsAddedToByItsName() {
        shards_.count = 4;
        serve({"q*"}, 8);
        std::set<std::string> queues;
        // Turns go past a shard that has no connection yet.
        const auto until = std::chrono::steady_clock::now() + drover::test::kPatience;
        while (queues.size() < 4 && std::chrono::steady_clock::now() < until) {
            const RawAnswer many = post(R"([{"name":"a"},{"name":"b"},{"name":"c"},{"name":"d"}])");
            CPPUNIT_ASSERT_EQUAL_MESSAGE(many.body, 201, many.status);
            const JsonView answers = JsonView::parse(many.body);
            for (const JsonView& one : answers.elements()) {
                const std::string name = one["job"]["queueQualifiedName"].string().value();
                CPPUNIT_ASSERT(store_.number({"LLEN", name + ":wait"}) > 0);
                queues.insert(name);
            }
        }
        CPPUNIT_ASSERT_EQUAL(std::size_t{4}, queues.size());
        const RawAnswer once = postOnce("order-9", R"({"name":"z"})");
        assertEqual(once.body, postOnce("order-9", R"({"name":"z"})").body);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(
            "stored", 200, scheduler("PUT", "/s", kShop, R"({"repeat":{"every":3600000}})").status);
        const std::string at = "bull:" + shards_.nameFor(queue(), "s");
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, store_.number({"EXISTS", at + ":repeat"}));
        const RawAnswer flow =
            postFlow(R"({"name":"r","queueName":")" + queue() +
                     R"(","children":[{"name":"c","queueName":")" + queue() + R"("}]})");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(flow.body, 201, flow.status);
        const JsonView tree = JsonView::parse(flow.body);
        const JsonView child = tree["children"].elements()[0]["job"];
        assertEqual(tree["job"]["queueQualifiedName"].string().value(),
                    child["queueQualifiedName"].string().value());
        const RawAnswer result =
            exchange(request("GET /queues/" + queue() + "/jobs/1/result", bearer(kReader)));
        CPPUNIT_ASSERT_EQUAL(400, result.status);
        assertContains(result.body, "has shards: name the one that is meant");
    }

    void aKeyHoldsForManyJobs() {
        std::string many = "[{\"name\":\"n\"}";
        for (int i = 1; i < 1100; ++i) {
            many += ",{\"name\":\"n\"}";
        }
        many += ']';
        const RawAnswer first = postOnce("many", many);
        CPPUNIT_ASSERT_EQUAL(201, first.status);
        assertEqual(first.body, postOnce("many", many).body);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1100}, store_.number({"LLEN", store_.keys().wait}));
        // Fewer chunks, or more, with a key that is taken add nothing.
        CPPUNIT_ASSERT_EQUAL(422, postOnce("many", R"({"name":"z"})").status);
        CPPUNIT_ASSERT_EQUAL(201, postOnce("one", R"({"name":"z"})").status);
        CPPUNIT_ASSERT_EQUAL(422, postOnce("one", many).status);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1101}, store_.number({"LLEN", store_.keys().wait}));
    }

    void requestsAtOnceWithOneKeyAddOnce() {
        constexpr int kClients = 16;
        std::vector<RawClient> clients;
        for (int i = 0; i < kClients; ++i) {
            clients.push_back(connect());
        }
        for (RawClient& client : clients) {
            client.send(keyed("order-7", R"({"name":"a"})"));
        }
        std::string id;
        for (RawClient& client : clients) {
            const RawAnswer answer = client.read();
            CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 201, answer.status);
            const std::string its = JsonView::parse(answer.body)["id"].string().value();
            assertEqual(id.empty() ? its : id, its);
            id = its;
        }
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, store_.number({"LLEN", store_.keys().wait}));
    }

    void aTreeIsAddedWhole() {
        const RawAnswer answer = postFlow(
            R"({"name":"cake","queueName":")" + queue() +
            R"(","data":{"n":1},"children":[{"name":"eggs","queueName":"q-kitchen","opts":{"jobId":"eggs-1"}}]})");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 201, answer.status);
        const JsonView tree = JsonView::parse(answer.body);
        const std::string id = tree["job"]["id"].string().value();
        assertEqual("cake", store_.hash(id).at("name"));
        CPPUNIT_ASSERT(store_.stateOf(id) == drover::JobState::WaitingChildren);
        const auto children = tree["children"].elements();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, children.size());
        assertEqual("eggs-1", children[0]["job"]["id"].string().value());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, store_.number({"EXISTS", "bull:q-kitchen:eggs-1"}));
        store_.redis({"DEL", "bull:q-kitchen:eggs-1", "bull:q-kitchen:wait"});
    }

    void aTreeWithAKeyIsServedOnce() {
        const std::string key = "\r\nIdempotency-Key: cake-7";
        const std::string child = R"({"name":"eggs","queueName":")" + queue() + R"("})";
        const std::string tree =
            R"({"name":"cake","queueName":")" + queue() + R"(","children":[)" + child + "]}";
        const RawAnswer first = postFlow(tree, kShop, key);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(first.body, 201, first.status);
        assertEqual("", first.header("idempotent-replayed"));
        serve({"q*"}, 8);  // As another process.
        const RawAnswer again = postFlow(tree, kShop, key);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(again.body, 201, again.status);
        assertEqual(first.body, again.body);
        assertEqual("true", again.header("idempotent-replayed"));
        const RawAnswer other = postFlow(child, kShop, key);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(other.body, 422, other.status);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, store_.number({"LLEN", store_.keys().wait}));
        CPPUNIT_ASSERT_EQUAL(400, postFlow(tree, kShop, key + " 8").status);
    }

    void aQueueThatARequestOpensHoldsItsBounds() {
        admission_.maxDepth = 3;
        serve({"q*"}, 8);
        const RawAnswer refused = post(R"([{"name":"a"},{"name":"a"},{"name":"a"},{"name":"a"}])");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(refused.body, 429, refused.status);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, store_.number({"LLEN", store_.keys().wait}));
        CPPUNIT_ASSERT_EQUAL(4.0, jobsAdded("queue_full"));
        CPPUNIT_ASSERT_EQUAL(201, post(R"({"name":"a"})").status);
        CPPUNIT_ASSERT_EQUAL(1.0, jobsAdded("added"));
    }

    void aTreeBeyondABoundIsRefused() {
        admission_.maxDepth = 2;
        serve({"q*"}, 8);
        const std::string key = "\r\nIdempotency-Key: cake-8";
        const std::string child = R"({"name":"eggs","queueName":")" + queue() + R"("})";
        const auto tree = [&](const std::string& children) {
            return R"({"name":"cake","queueName":")" + queue() + R"(","children":[)" + children +
                   "]}";
        };
        const std::string two = tree(child + "," + child);
        const RawAnswer refused = postFlow(tree(child + "," + child + "," + child), kShop, key);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(refused.body, 429, refused.status);
        assertContains(refused.body, "0 jobs wait in the queue");
        CPPUNIT_ASSERT(!refused.header("retry-after").empty());
        CPPUNIT_ASSERT_EQUAL(4.0, jobsAdded("queue_full"));
        // The refusal left no record.
        const RawAnswer first = postFlow(two, kShop, key);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(first.body, 201, first.status);
        CPPUNIT_ASSERT_EQUAL(3.0, jobsAdded("added"));
        CPPUNIT_ASSERT_EQUAL(429, postFlow(child).status);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, store_.number({"LLEN", store_.keys().wait}));
        const RawAnswer again = postFlow(two, kShop, key);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(again.body, 201, again.status);
        assertEqual(first.body, again.body);
        CPPUNIT_ASSERT_EQUAL(422, postFlow(child, kShop, key).status);
    }

    void eachQueueOfATreeNeedsItsScope() {
        const auto tree = [this](const std::string& child) {
            return R"({"name":"a","queueName":")" + queue() + R"(","children":[)" + child + "]}";
        };
        const std::map<std::string, std::pair<int, std::string>> cases = {
            {R"({"name":"b","queueName":"secret"})",
             {404, "children[0]: api.queues does not list the queue secret"}},
            {R"({"name":"b","queueName":"q-x","children":[{"name":"c","queueName":"q-x"},7]})",
             {400, "children[0].children[1]: a job of a flow must be an object"}},
            {R"({"name":"b","queueName":"q-x","opts":{"delay":true}})",
             {400, "children[0]: opts: opts.delay: a number expected"}},
            {R"({"name":"b","queueName":"q-x","opts":{"parent":{"id":"1","queue":"bull:secret"}}})",
             {403, "does not have the scope add:secret"}},
            {R"({"name":"b"})", {400, "queueName should not be empty"}},
            {R"({"name":"b","queueName":7})", {400, "queueName must be a string"}},
            {R"({"name":"b","queueName":"q-x","children":{}})", {400, "children must be an array"}},
            {R"({"name":"b","queueName":"q-x","prefix":"x"})",
             {400, "property prefix should not exist"}},
            {"7", {400, "a job of a flow must be an object"}}};
        for (const auto& [child, answer] : cases) {
            const RawAnswer refused = postFlow(tree(child));
            CPPUNIT_ASSERT_EQUAL_MESSAGE(child + refused.body, answer.first, refused.status);
            assertContains(refused.body, answer.second);
        }
        serve({"*"}, 8);
        const RawAnswer other = postFlow(tree(R"({"name":"b","queueName":"secret"})"));
        CPPUNIT_ASSERT_EQUAL_MESSAGE(other.body, 403, other.status);
        CPPUNIT_ASSERT_EQUAL(401, postFlow(tree(""), "").status);
        CPPUNIT_ASSERT_EQUAL(403, postFlow(tree(""), kReader).status);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, store_.number({"EXISTS", store_.keys().idCounter}));
    }

    void aQueueNeedsItsScopeAndAGlob() {
        const std::string body = R"({"name":"a"})";
        CPPUNIT_ASSERT_EQUAL(401, post(body, queue(), "").status);
        const RawAnswer reader = post(body, queue(), kReader);
        CPPUNIT_ASSERT_EQUAL(403, reader.status);
        assertContains(reader.body, "does not have the scope add:" + queue());
        CPPUNIT_ASSERT_EQUAL(403, post(body, "other").status);
        const RawAnswer child =
            post(R"({"name":"a","opts":{"parent":{"id":"1","queue":"bull:secret"}}})");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(child.body, 403, child.status);
        assertContains(child.body, "does not have the scope add:secret");
        const RawAnswer unlisted = post(body, "mail-out");
        CPPUNIT_ASSERT_EQUAL(404, unlisted.status);
        assertContains(unlisted.body, "api.queues does not list the queue mail-out");
        const RawAnswer bad = post(body, "q%3Ax");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(bad.body, 400, bad.status);
    }

    void withoutRedisNothingIsAdded() {
        store_.useOwnServer();
        serve({"q*"}, 8);
        CPPUNIT_ASSERT_EQUAL(201, post(R"({"name":"a"})").status);
        store_.server_->stop();
        const RawAnswer answer = post(R"([{"name":"a"},{"name":"b"}])");
        CPPUNIT_ASSERT_EQUAL_MESSAGE(answer.body, 503, answer.status);
        assertEqual("1", answer.header("retry-after"));
        CPPUNIT_ASSERT_EQUAL(503, post(R"({"name":"a"})").status);
    }

    void moreQueuesThanMayBeOpenTakeTurns() {
        serve({"q*"}, 2);
        for (int round = 0; round < 3; ++round) {
            for (const char* name : {"q-a", "q-b", "q-c"}) {
                CPPUNIT_ASSERT_EQUAL(201, post(R"({"name":"a"})", name).status);
            }
        }
        for (const char* name : {"q-a", "q-b", "q-c"}) {
            const std::string key = std::string("bull:") + name + ":wait";
            CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, store_.number({"LLEN", key}));
            store_.redis({"DEL", key});
        }
        const auto first = queues_->open("q-a");
        const auto second = queues_->open("q-b");
        CPPUNIT_ASSERT_EQUAL(503, post(R"({"name":"a"})", "q-c").status);
    }

    void aGlobIsChecked() {
        try {
            static_cast<void>(api::queueRoutes({"a:b"}, *queues_, routeSettings()));
            CPPUNIT_FAIL("accepted");
        } catch (const ConfigException& error) {
            assertContains(error.message(), "has one of :[]{}\\ in it");
        }
        CPPUNIT_ASSERT(api::queueRoutes({}, *queues_, routeSettings()).empty());
    }

    void theDocumentDescribesBodiesAndAnswers() {
        const std::string text = api::openApiDocument(*routes_->snapshot(), "T", "1");
        const JsonView document = JsonView::parse(text);
        const JsonView post = document["paths"]["/queues/{queue}/jobs"]["post"];
        assertContains(std::string(post["description"].text()), "the scope add:{queue}");
        const JsonView content = post["requestBody"]["content"];
        CPPUNIT_ASSERT(content["application/json"]["schema"]["oneOf"].isArray());
        CPPUNIT_ASSERT(content["application/x-ndjson"].isObject());
        for (const char* status : {"201", "207", "400", "401", "403", "404", "413", "415", "503"}) {
            CPPUNIT_ASSERT_MESSAGE(status, post["responses"][status].isObject());
        }
    }

private:
    [[nodiscard]] std::string keyed(const std::string& key, const std::string& body) const {
        return request(
            "POST /queues/" + queue() + "/jobs",
            bearer(kShop) + "\r\nContent-Type: application/json\r\nIdempotency-Key: " + key,
            body);
    }
    RawAnswer postOnce(const std::string& key, const std::string& body) {
        return exchange(keyed(key, body));
    }

    /// Returns every key of the queue with its value.
    std::string dump() {
        std::vector<std::string> found;
        const drover::Reply keys = store_.redis({"KEYS", store_.keys().qualifiedName() + ":*"});
        for (std::size_t i = 0; i < keys.size(); ++i) {
            found.emplace_back(keys.at(i).text());
        }
        std::sort(found.begin(), found.end());
        std::string all;
        for (const std::string& key : found) {
            all += key + " " + store_.text({"DUMP", key}) + "\n";
        }
        return all;
    }

    double jobsAdded(const std::string& result) {
        drover::Metrics metrics;
        queues_->open(queue())->measure(metrics);
        for (const drover::MetricFamily::Sample& sample :
             metrics.samples("drover_jobs_added_total")) {
            if (sample.label("result") == result) {
                return sample.value;
            }
        }
        return -1;
    }

    RawAnswer postFlow(const std::string& body,
                       const std::string& token = kShop,
                       const std::string& headers = "") {
        return exchange(request(
            "POST /flows", bearer(token) + "\r\nContent-Type: application/json" + headers, body));
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(HttpQueuesTest);
