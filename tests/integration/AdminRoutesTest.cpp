#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "AdminFixture.h"
#include "drover/Exceptions.h"
#include "drover/FlowProducer.h"
#include "drover/JobControl.h"
#include "drover/JobSchedulers.h"
#include "drover/QueueReader.h"
#include "drover/operate/OperateJson.h"
#include "pages/OpenApi.h"
#include "support/WholeQueue.h"

namespace api = drover::api;
using drover::JobControl;
using drover::JobOptions;
using drover::JobSchedulers;
using drover::JobState;
using drover::JsonView;
using drover::JsonWriter;
using drover::Queue;
using drover::QueueReader;
using drover::Route;
using drover::Scope;
using drover::test::AdminFixture;
using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::RawAnswer;

namespace {

std::string replaced(std::string text, const std::string& what, const std::string& by) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
        text.replace(at, what.size(), by);
        at += by.size();
    }
    return text;
}

std::string string(const JsonView& view) {
    return view.string().value_or("not a string: " + std::string(view.text()));
}

std::int64_t integer(const JsonView& view) {
    return view.integer().value_or(-1);
}

}  // namespace

/// The routes of operators, each before a real Redis.
class AdminRoutesTest : public AdminFixture {
    CPPUNIT_TEST_SUITE(AdminRoutesTest);
    CPPUNIT_TEST(everyRouteNeedsItsScope);
    CPPUNIT_TEST(theDocumentDescribesEveryRoute);
    CPPUNIT_TEST(everyRouteIsListedForUsers);
    CPPUNIT_TEST(queuesAreListedByPage);
    CPPUNIT_TEST(aQueueIsShownPausedAndResumed);
    CPPUNIT_TEST(jobsAreListedByState);
    CPPUNIT_TEST(aJobIsShownAsTheCommandShowsIt);
    CPPUNIT_TEST(aJobIsChanged);
    CPPUNIT_TEST(aFinishedJobIsRetried);
    CPPUNIT_TEST(onlyAHeldJobIsCancelled);
    CPPUNIT_TEST(aJobIsRemovedUnlessAWorkerHoldsIt);
    CPPUNIT_TEST(logsAndTreesAreRead);
    CPPUNIT_TEST(limitsAreSetAndRemoved);
    CPPUNIT_TEST(schedulersAreReadAndRemoved);
    CPPUNIT_TEST(aDeduplicationIsLifted);
    CPPUNIT_TEST(workersAndMetricsAreRead);
    CPPUNIT_TEST(longWorkIsDoneByRequestsThatGoOn);
    CPPUNIT_TEST(jobsOfAStateAreRetriedPromotedAndCleaned);
    CPPUNIT_TEST(aQueueIsObliterated);
    CPPUNIT_TEST(theDoctorFindsAndRepairs);
    CPPUNIT_TEST(theProcessIsQuieted);
    CPPUNIT_TEST(aQueueWithShardsIsOne);
    CPPUNIT_TEST(mistakesNameWhatWouldBeRight);
    CPPUNIT_TEST(queuesOutsideOfTheGlobsAreHidden);
    CPPUNIT_TEST(withoutRedisEveryRouteIsUnavailable);
    CPPUNIT_TEST(stoppedWorkRefusesLongRequests);
    CPPUNIT_TEST_SUITE_END();

public:
    void everyRouteNeedsItsScope() {
        int seen = 0;
        for (const Route& route : drover::admin::adminRoutes(queues_, shared_)) {
            const std::string target = route.method + " " + filled(route.path);
            CPPUNIT_ASSERT_MESSAGE(target, route.scope.has_value());
            CPPUNIT_ASSERT_EQUAL_MESSAGE(target, 401, call("", target).status);
            for (const char* scope : {"read", "operate", "destroy"}) {
                if (route.scope->text() != scope) {
                    CPPUNIT_ASSERT_EQUAL_MESSAGE(target, 403, call(scope, target).status);
                }
            }
            ++seen;
        }
        CPPUNIT_ASSERT(seen >= 35);
    }

    void theDocumentDescribesEveryRoute() {
        const std::string text = api::openApiDocument(*routes_->snapshot(), "T", "1");
        const JsonView document = JsonView::parse(text);
        assertEqual("3.1.0", string(document["openapi"]));
        CPPUNIT_ASSERT_MESSAGE("3.1 has no nullable", text.find("nullable") == std::string::npos);
        std::set<std::string> ids;
        for (const Route& route : drover::admin::adminRoutes(queues_, shared_)) {
            std::string method = route.method;
            std::transform(method.begin(), method.end(), method.begin(), ::tolower);
            const JsonView operation = document["paths"][route.path][method];
            const std::string what = route.method + " " + route.path;
            CPPUNIT_ASSERT_MESSAGE(what, ids.insert(string(operation["operationId"])).second);
            CPPUNIT_ASSERT_MESSAGE(what, !string(operation["summary"]).empty());
            assertEqual(route.scope->text(),
                        string(operation["security"].elements().at(0)["bearer"].elements().at(0)));
            std::set<std::string> declared;
            for (const JsonView& parameter : operation["parameters"].elements()) {
                declared.insert(string(parameter["name"]));
                CPPUNIT_ASSERT_MESSAGE(what, parameter["schema"].isObject());
            }
            for (const char* name : {"queue", "id"}) {
                const bool inPath = route.path.find(std::string("{") + name) != std::string::npos;
                CPPUNIT_ASSERT_EQUAL_MESSAGE(what, inPath, declared.count(name) == 1);
            }
            for (const char* status : {"401", "403", "503"}) {
                CPPUNIT_ASSERT_MESSAGE(what, operation["responses"][status].isObject());
            }
            bool succeeds = false;
            for (const auto& [status, response] : operation["responses"].members()) {
                CPPUNIT_ASSERT_MESSAGE(what, !string(response["description"]).empty());
                succeeds = succeeds || status.front() == '2';
            }
            CPPUNIT_ASSERT_MESSAGE(what, succeeds);
        }
        const JsonView events = document["paths"]["/queues/{queue}/events"]["get"];
        CPPUNIT_ASSERT(
            events["responses"]["200"]["content"]["text/event-stream"]["schema"].isObject());
    }

    void everyRouteIsListedForUsers() {
        std::ifstream file(DROVER_SOURCE_DIR "/docs/admin.md");
        const std::string document{std::istreambuf_iterator<char>(file), {}};
        for (const Route& route : drover::admin::adminRoutes(queues_, shared_)) {
            const std::string named =
                replaced(replaced(route.path, "{queue}", "QUEUE"), "{id}", "ID");
            assertContains(document, "`" + route.method + " " + named + "`");
        }
    }

    void queuesAreListedByPage() {
        store_.useOwnServer();
        serve("mail-*");
        for (const char* name : {"mail-a", "mail-b", "other"}) {
            store_.redis({"HSET", std::string("bull:") + name + ":meta", "paused", "1"});
        }
        for (int i = 0; i < 3000; ++i) {
            store_.redis({"SET", "else:" + std::to_string(i), "1"});
        }
        std::vector<std::string> names;
        std::string cursor = "0";
        int pages = 0;
        while (!cursor.empty() && ++pages < 100) {
            const std::string page = read("/queues?cursor=" + cursor);
            const JsonView view = JsonView::parse(page);
            for (const JsonView& queue : view["queues"].elements()) {
                names.push_back(string(queue["name"]));
                CPPUNIT_ASSERT(queue["paused"].boolean().value());
            }
            cursor = view["cursor"].string().value_or("");
        }
        std::sort(names.begin(), names.end());
        names.erase(std::unique(names.begin(), names.end()), names.end());
        CPPUNIT_ASSERT((std::vector<std::string>{"mail-a", "mail-b"} == names));
        assertMistake(400, "read", "GET /queues?cursor=x", "cursor \\\"x\\\" must be");
    }

    void aQueueIsShownPausedAndResumed() {
        store_.addJob();
        store_.addJob();
        const std::string shown = read(path(""));
        assertEqual(queue(), string(JsonView::parse(shown)["name"]));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, integer(JsonView::parse(shown)["counts"]["waiting"]));
        assertContains(shown, R"("oldestId":"1")");
        assertEqual(R"({"queue":")" + queue() + R"(","paused":true})",
                    body(200, "operate", "POST " + path("/pause")));
        assertContains(read(path("")), R"("paused":true)");
        assertEqual("1", store_.text({"HGET", store_.keys().meta, "paused"}));
        assertEqual(R"({"queue":")" + queue() + R"(","paused":false})",
                    body(200, "operate", "POST " + path("/resume")));
        assertContains(read(path("")), R"("paused":false)");
    }

    void jobsAreListedByState() {
        for (int i = 0; i < 25; ++i) {
            store_.addJob("n" + std::to_string(i));
        }
        const std::string page = read(path("/jobs"));
        CPPUNIT_ASSERT_EQUAL(std::size_t{20}, JsonView::parse(page)["jobs"].elements().size());
        CPPUNIT_ASSERT_EQUAL(std::int64_t{25}, integer(JsonView::parse(page)["count"]));
        assertEqual("25", string(JsonView::parse(page)["jobs"].elements()[0]["id"]));
        const std::string first = read(path("/jobs?state=waiting&start=1&end=2&order=ascending"));
        const auto jobs = JsonView::parse(first)["jobs"].elements();
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, jobs.size());
        assertEqual("2", string(jobs[0]["id"]));
        assertEqual("waiting", string(jobs[0]["state"]));
        const std::string none = read(path("/jobs?state=failed"));
        assertEqual(R"({"jobs":[],"unreadable":[],"count":0})", none);
    }

    void aJobIsShownAsTheCommandShowsIt() {
        const std::string id = store_.addJob("mail", R"({"n":1e2})");
        const QueueReader reader(handle(), {"bull", queue()});
        JsonWriter expected;
        drover::operate::write(expected, *reader.job(id), JobState::Waiting);
        assertEqual(expected.str(), read(path("/jobs/" + id)));
        assertMistake(404, "read", "GET " + path("/jobs/none"), "There is no job none in");
        store_.redis({"HSET", store_.keys().job(id), "opts", "{"});
        assertMistake(409, "read", "GET " + path("/jobs/" + id), "opts");
    }

    void aJobIsChanged() {
        const std::string id = store_.addJob();
        body(204, "operate", "PUT " + path("/jobs/" + id + "/data"), R"({"to": "a@b"})");
        assertEqual(R"({"to": "a@b"})", store_.hash(id).at("data"));
        body(204, "operate", "PUT " + path("/jobs/" + id + "/priority"), R"({"priority":7})");
        CPPUNIT_ASSERT(store_.stateOf(id) == JobState::Prioritized);
        assertMistake(409,
                      "operate",
                      "PUT " + path("/jobs/" + id + "/delay"),
                      "delayed",
                      R"({"delayMs":60000})");
        assertMistake(409,
                      "operate",
                      "POST " + path("/jobs/" + id + "/promote"),
                      "Job " + id + " is not in the delayed state\",");
        assertMistake(
            404, "operate", "POST " + path("/jobs/none/retry"), "Missing key for job none\",");

        const std::string late = addDelayed();
        body(204, "operate", "PUT " + path("/jobs/" + late + "/delay"), R"({"delayMs":7200000})");
        assertEqual("7200000", store_.hash(late).at("delay"));
        body(204, "operate", "POST " + path("/jobs/" + late + "/promote"));
        CPPUNIT_ASSERT(store_.stateOf(late) == JobState::Waiting);
        for (const char* change : {"/retry", "/promote", "/cancel"}) {
            body(404, "operate", "POST " + path(std::string("/jobs/none") + change));
        }
        body(404, "operate", "PUT " + path("/jobs/none/data"), "7");
        body(404, "operate", "PUT " + path("/jobs/none/delay"), R"({"delayMs":1})");
        body(404, "operate", "PUT " + path("/jobs/none/priority"), R"({"priority":1})");
    }

    void aFinishedJobIsRetried() {
        const std::string id = finished(store_.keys().failed);
        body(409, "operate", "POST " + path("/jobs/" + id + "/retry?state=completed"));
        body(204, "operate", "POST " + path("/jobs/" + id + "/retry?resetAttempts=true"));
        CPPUNIT_ASSERT(store_.stateOf(id) == JobState::Waiting);
        const std::string done = finished(store_.keys().completed);
        body(204, "operate", "POST " + path("/jobs/" + done + "/retry?state=completed"));
        CPPUNIT_ASSERT(store_.stateOf(done) == JobState::Waiting);
    }

    void onlyAHeldJobIsCancelled() {
        const std::string id = store_.addJob();
        assertMistake(
            409, "operate", "POST " + path("/jobs/" + id + "/cancel"), "no worker holds it");
        store_.claim(1);
        body(204, "operate", "POST " + path("/jobs/" + id + "/cancel?reason=by%20hand"));
    }

    void aJobIsRemovedUnlessAWorkerHoldsIt() {
        const std::string id = store_.addJob();
        body(204, "destroy", "DELETE " + path("/jobs/" + id));
        CPPUNIT_ASSERT(store_.stateOf(id) == JobState::Unknown);
        body(404, "destroy", "DELETE " + path("/jobs/" + id));
        const std::string held = store_.addJob();
        store_.claim(1);
        assertMistake(409, "destroy", "DELETE " + path("/jobs/" + held), "A worker holds job");
        CPPUNIT_ASSERT(store_.stateOf(held) == JobState::Active);
    }

    void logsAndTreesAreRead() {
        drover::FlowProducer flows(handle(), {});
        drover::FlowJob tree;
        tree.queue = queue();
        tree.job.name = "parent";
        for (const char* name : {"a", "b"}) {
            drover::FlowJob child;
            child.queue = queue();
            child.job.name = name;
            tree.children.push_back(child);
        }
        const drover::FlowResult added = flows.add(tree);
        const std::string id = added.tree.job->id;
        const std::string shown = read(path("/flows/" + id));
        JsonWriter expected;
        drover::operate::write(expected, *flows.flow(queue(), id));
        assertEqual(expected.str(), shown);
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, JsonView::parse(shown)["children"].elements().size());
        CPPUNIT_ASSERT(
            JsonView::parse(read(path("/flows/" + id + "?depth=1")))["children"].isNull());
        body(404, "read", "GET " + path("/flows/none"));

        const std::string children = read(path("/jobs/" + id + "/children"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2},
                             integer(JsonView::parse(children)["counts"]["unprocessed"]));
        CPPUNIT_ASSERT_EQUAL(
            std::size_t{2}, JsonView::parse(children)["children"]["unprocessed"].elements().size());
        body(404, "read", "GET " + path("/jobs/none/children"));

        JobControl jobs(handle(), {"bull", queue()});
        jobs.addLog(id, "first");
        jobs.addLog(id, "second");
        assertEqual(R"({"rows":["first","second"],"count":2})",
                    read(path("/jobs/" + id + "/logs")));
        assertEqual(R"({"rows":["second"],"count":2})",
                    read(path("/jobs/" + id + "/logs?end=0&order=descending")));
        body(404, "read", "GET " + path("/jobs/none/logs"));
    }

    void limitsAreSetAndRemoved() {
        assertEqual(R"({"jobs":null})", read(path("/concurrency")));
        body(204, "operate", "PUT " + path("/concurrency"), R"({"jobs":3})");
        assertEqual(R"({"jobs":3})", read(path("/concurrency")));
        body(204, "operate", "DELETE " + path("/concurrency"));
        assertEqual(R"({"jobs":null})", read(path("/concurrency")));
        assertEqual(R"({"max":null,"durationMs":null,"closedMs":0})", read(path("/rate-limit")));
        body(204, "operate", "PUT " + path("/rate-limit"), R"({"max":5,"durationMs":1000})");
        assertEqual(R"({"max":5,"durationMs":1000,"closedMs":0})", read(path("/rate-limit")));
        body(204, "operate", "DELETE " + path("/rate-limit"));
        assertContains(read(path("/rate-limit")), R"("max":null)");
        assertMistake(400, "operate", "PUT " + path("/concurrency"), "jobs", R"({"jobs":0})");
    }

    void schedulersAreReadAndRemoved() {
        JobSchedulers schedulers(handle(), {"bull", queue()});
        drover::RepeatOptions daily =
            drover::RepeatOptions::parse(R"({"pattern":"0 3 * * *","tz":"UTC"})");
        schedulers.upsert("nightly", daily);
        schedulers.upsert("other", drover::RepeatOptions::parse(R"({"every":3600000000})"));
        const std::string shown = read(path("/schedulers/nightly"));
        assertEqual("0 3 * * *", string(JsonView::parse(shown)["pattern"]));
        assertEqual(schedulers.get("nightly")->toJson(), shown);
        const std::string list = read(path("/schedulers"));
        const auto all = JsonView::parse(list).elements();
        CPPUNIT_ASSERT_EQUAL(std::size_t{2}, all.size());
        const std::string page = read(path("/schedulers?start=1&limit=1"));
        const auto rest = JsonView::parse(page).elements();
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, rest.size());
        assertEqual(string(all[1]["key"]), string(rest[0]["key"]));
        body(400, "read", "GET " + path("/schedulers?limit=1001"));
        body(204, "operate", "DELETE " + path("/schedulers/nightly"));
        for (const char* method : {"GET ", "DELETE "}) {
            assertMistake(404,
                          method == std::string("GET ") ? "read" : "operate",
                          method + path("/schedulers/nightly"),
                          "There is no scheduler nightly");
        }
    }

    void aDeduplicationIsLifted() {
        store_.redis({"SET", store_.keys().job("de:order-7"), "12"});
        assertEqual(R"({"id":"order-7","jobId":"12"})", read(path("/deduplication/order-7")));
        body(204, "operate", "DELETE " + path("/deduplication/order-7"));
        assertMistake(404, "read", "GET " + path("/deduplication/order-7"), "No job owns");
        body(404, "operate", "DELETE " + path("/deduplication/order-7"));
    }

    void workersAndMetricsAreRead() {
        assertEqual("[]", read(path("/workers")));
        assertEqual(R"({"count":0,"previousCount":0,"endsPerMinute":[],"points":0})",
                    read(path("/metrics?state=failed")));
        assertMistake(400, "read", "GET " + path("/metrics?state=active"), "completed and failed");
    }

    void longWorkIsDoneByRequestsThatGoOn() {
        constexpr int kJobs = 2000;
        drover::test::WholeQueue queue(handle(), settings());
        queue.addBulk(std::vector<drover::NewJob>(kJobs, {"n", "{}", {}}),
                      Queue::Clock::now() + std::chrono::seconds(60));
        std::int64_t done = 0;
        bool more = true;
        for (int requests = 0; more && requests < 20; ++requests) {
            // Each removes 500 jobs at least, however short its time is.
            const std::string answer = body(200, "destroy", "POST " + path("/drain?timeoutMs=1"));
            const JsonView view = JsonView::parse(answer);
            done += integer(view["done"]);
            more = view["more"].boolean().value();
        }
        CPPUNIT_ASSERT(!more);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{kJobs}, done);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, store_.number({"EXISTS", store_.keys().wait}));
    }

    void jobsOfAStateAreRetriedPromotedAndCleaned() {
        const std::string failed = finished(store_.keys().failed);
        assertEqual(answerOf(1), body(200, "operate", "POST " + path("/retry")));
        CPPUNIT_ASSERT(store_.stateOf(failed) == JobState::Waiting);
        const std::string late = addDelayed();
        assertEqual(answerOf(1), body(200, "operate", "POST " + path("/promote")));
        CPPUNIT_ASSERT(store_.stateOf(late) == JobState::Waiting);
        finished(store_.keys().completed);
        finished(store_.keys().completed);
        assertEqual(answerOf(0),
                    body(200, "destroy", "POST " + path("/clean?graceMs=1000000000000")));
        assertEqual(answerOf(1), body(200, "destroy", "POST " + path("/clean?limit=1")));
        assertEqual(answerOf(1), body(200, "destroy", "POST " + path("/clean?state=completed")));
        addDelayed();
        assertEqual(answerOf(2), body(200, "destroy", "POST " + path("/drain")));
        assertEqual(answerOf(1), body(200, "destroy", "POST " + path("/drain?delayed=true")));
    }

    void aQueueIsObliterated() {
        store_.addJob();
        store_.claim(1);
        assertMistake(409, "destroy", "POST " + path("/obliterate"), "active");
        body(200, "destroy", "POST " + path("/obliterate?force=true"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, store_.number({"EXISTS", store_.keys().meta}));
    }

    void theDoctorFindsAndRepairs() {
        const std::string sound = read(path("/doctor"));
        assertEqual(R"({"queue":")" + queue() + R"(","complete":true,"findings":[],"repaired":[]})",
                    sound);
        const std::string id = store_.addJob();
        store_.redis({"LREM", store_.keys().wait, "1", id});
        const std::string sick = read(path("/doctor"));
        const auto findings = JsonView::parse(sick)["findings"].elements();
        CPPUNIT_ASSERT_EQUAL_MESSAGE(sick, std::size_t{1}, findings.size());
        assertEqual("lost-job", string(findings[0]["kind"]));
        const std::string fixed = body(200, "destroy", "POST " + path("/doctor/fix"));
        CPPUNIT_ASSERT_EQUAL_MESSAGE(
            fixed, std::size_t{1}, JsonView::parse(fixed)["repaired"].elements().size());
        CPPUNIT_ASSERT(store_.stateOf(id) == JobState::Waiting);
        assertEqual(sound, read(path("/doctor")));
        CPPUNIT_ASSERT(JsonView::parse(read("/server/doctor")).isArray());
    }

    void theProcessIsQuieted() {
        assertEqual(R"({"quiet":true})", body(202, "operate", "POST /worker/quiet"));
        CPPUNIT_ASSERT_EQUAL(1, quiet_.load());
        assertEqual(R"({"quiet":false})", body(202, "operate", "POST /worker/resume"));
        CPPUNIT_ASSERT_EQUAL(0, quiet_.load());
    }

    void aQueueWithShardsIsOne() {
        store_.useOwnServer();
        sharded_ = {{queue(), {2, ""}}};
        serve("*");
        Queue::Settings settings;
        settings.name = queue();
        settings.shards.count = 2;
        Queue producer(handle(), settings);
        for (int i = 0; i < 4; ++i) {
            producer.add({"some"});
        }
        const std::string list = read("/queues");
        const JsonView queues = JsonView::parse(list)["queues"];
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, queues.elements().size());
        assertEqual(queue(), string(queues.elements()[0]["name"]));
        const std::string shown = read(path(""));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, integer(JsonView::parse(shown)["counts"]["waiting"]));
        const std::string shard = "/queues/" + queue() + "-%7B1%7D";
        const std::string one = read(shard);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, integer(JsonView::parse(one)["counts"]["waiting"]));
        read(shard + "/jobs");
        body(200, "operate", "POST " + path("/pause"));
        const std::string paused = read(path(""));
        CPPUNIT_ASSERT(JsonView::parse(paused)["paused"].boolean().value());
        body(200, "operate", "POST " + path("/resume"));
        assertEqual("[]", read(path("/workers")));
        assertMistake(
            400, "read", "GET " + path("/jobs"), "has shards: name the one that is meant");
        const std::string drained = body(200, "destroy", "POST " + path("/drain"));
        CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, integer(JsonView::parse(drained)["done"]));
    }

    void mistakesNameWhatWouldBeRight() {
        assertMistake(400, "read", "GET " + path("/jobs?state=pending"), "waiting-children");
        assertMistake(
            400, "read", "GET " + path("/jobs?order=up"), "order must be ascending or descending");
        assertMistake(
            400, "read", "GET " + path("/jobs?start=5&end=4"), "end must be in [5, 1004]");
        assertMistake(400, "read", "GET " + path("/jobs?end=1000"), "end must be in [0, 999]");
        assertMistake(
            400, "destroy", "POST " + path("/clean?state=waiting-children"), "waiting-children");
        const std::vector<std::array<std::string, 3>> cases = {
            {"destroy",
             "POST " + path("/clean?graceMs=-1"),
             "graceMs=-1: expected an integer in [0, "},
            {"destroy",
             "POST " + path("/clean?limit=ten"),
             "limit=ten: expected an integer in [1, "},
            {"destroy",
             "POST " + path("/drain?timeoutMs=700000"),
             "timeoutMs=700000: expected an integer in [1, 600000]"},
            {"destroy",
             "POST " + path("/drain?delayed=maybe"),
             "delayed=maybe: expected true or false"},
            {"operate",
             "POST " + path("/retry?untilMs=-1"),
             "untilMs=-1: expected an integer in [0, "},
            {"read", "GET " + path("/flows/1?depth=0"), "depth=0: expected an integer in [1, "}};
        for (const auto& [scope, target, mistake] : cases) {
            assertMistake(400, scope, target, mistake);
        }
        assertMistake(400,
                      "operate",
                      "PUT " + path("/jobs/1/delay"),
                      "delayMs must not be less than 0, got -5",
                      R"({"delayMs":-5})");
        body(400, "read", "GET /queues/a%3Ab/jobs");
        assertMistake(400, "operate", "PUT " + path("/jobs/1/data"), "JSON", "{");
    }

    void queuesOutsideOfTheGlobsAreHidden() {
        serve("mail-*, reports");
        for (const std::string& target : {std::string("GET /queues/other/jobs"),
                                          std::string("GET /queues/other/doctor"),
                                          std::string("GET /queues/other/events")}) {
            assertMistake(404, "read", target, "admin.queues does not list the queue other");
        }
        body(404, "destroy", "POST /queues/other/drain");
        body(200, "read", "GET /queues/reports");
        body(200, "read", "GET /queues/mail-out");
        CPPUNIT_ASSERT_THROW(serve("a:b"), drover::ConfigException);
    }

    void withoutRedisEveryRouteIsUnavailable() {
        store_.useOwnServer();
        serve("*");
        store_.server_->stop();
        for (const Route& route : drover::admin::adminRoutes(queues_, shared_)) {
            if (route.path.find("events") == std::string::npos && route.path != "/worker/quiet" &&
                route.path != "/worker/resume") {
                const RawAnswer answer = call(
                    route.scope->text(), route.method + " " + filled(route.path), bodyOf(route));
                CPPUNIT_ASSERT_EQUAL_MESSAGE(
                    route.method + " " + route.path + ": " + answer.body, 503, answer.status);
                CPPUNIT_ASSERT(!answer.header("retry-after").empty());
            }
        }
    }

    void stoppedWorkRefusesLongRequests() {
        shared_.work->stop();
        assertMistake(503, "destroy", "POST " + path("/drain"), "Too many long requests");
    }

private:
    [[nodiscard]] Queue::Settings settings() const {
        Queue::Settings settings;
        settings.name = queue();
        return settings;
    }
    [[nodiscard]] std::string filled(const std::string& pattern) const {
        return replaced(replaced(pattern, "{queue}", queue()), "{id}", "1");
    }
    /// Returns a body that fits the route.
    static std::string bodyOf(const Route& route) {
        static const std::map<std::string, std::string> kBodies = {
            {"data", "{}"},
            {"delay", R"({"delayMs":1})"},
            {"priority", R"({"priority":1})"},
            {"concurrency", R"({"jobs":1})"},
            {"rate-limit", R"({"max":1,"durationMs":1})"}};
        return route.method == "PUT" ? kBodies.at(route.path.substr(route.path.rfind('/') + 1))
                                     : "";
    }
    [[nodiscard]] std::string answerOf(int jobs) const {
        return R"({"queue":")" + queue() + R"(","done":)" + std::to_string(jobs) +
               R"(,"more":false})";
    }
    std::string addDelayed() {
        drover::test::WholeQueue queue(handle(), settings());
        drover::NewJob job;
        job.name = "late";
        job.opts.delayMs = 3600000;
        return queue.add(job).id;
    }
    /// Adds a job that has ended in a state, as a worker leaves it.
    std::string finished(const std::string& set) {
        const std::string id = store_.addJob();
        store_.redis({"LREM", store_.keys().wait, "1", id});
        store_.redis({"HSET",
                      store_.keys().job(id),
                      "finishedOn",
                      "1700000000000",
                      set == store_.keys().failed ? "failedReason" : "returnvalue",
                      "1"});
        store_.redis({"ZADD", set, "1700000000000", id});
        return id;
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AdminRoutesTest);
