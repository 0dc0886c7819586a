#include <algorithm>
#include <iostream>
#include <memory>
#include <rapidjson/document.h>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include <cppunit/TestAssert.h>
#include <cppunit/extensions/HelperMacros.h>

#include "BoardPage.h"
#include "BoardQueues.h"
#include "BoardRoutes.h"
#include "compat/CompatFixture.h"
#include "compat/Differential.h"
#include "drover/Json.h"
#include "support/WholeQueue.h"

using namespace drover;
using namespace drover::test;

namespace {

/// A request of the board's page, in the words of @bull-board/api.
struct PageRequest {
    std::string method;
    std::string route;  ///< "/api/queues/:queueName/pause"
    std::vector<std::pair<std::string, std::string>> parameters = {};
    std::vector<std::pair<std::string, std::string>> query = {};
    std::string body = {};

    [[nodiscard]] std::string text() const {
        std::string text = method + " " + route;
        for (const auto& [name, value] : parameters) {
            text += " " + name + "=" + value;
        }
        for (const auto& [name, value] : query) {
            text += " ?" + name + "=" + value;
        }
        return text + " " + body;
    }
};

/// The status and the body of an answer.
struct Answered {
    int status = 0;
    rapidjson::Document body;
};

std::string jsonOf(const std::vector<std::pair<std::string, std::string>>& values) {
    std::string json = "{";
    for (const auto& [name, value] : values) {
        json += (json.size() > 1 ? "," : "") + jsonString(name) + ":" + jsonString(value);
    }
    return json + "}";
}

/// Figures of the server and of connections, which change by themselves.
bool changesByItself(const std::string& member) {
    static const std::vector<std::string> kMembers = {
        "age", "used", "peak", "fragmentationRatio", "uptime", "connected", "activeRateLimitTtl"};
    return std::find(kMembers.begin(), kMembers.end(), member) != kMembers.end();
}

/// Parts of answers that differ by the node of a cluster that was asked: Bull Board adds the memory of all up and takes the
/// worker's connection to any node, the plugin has the node of the slot.
bool belongsToANode(const std::string& path) {
    static const std::regex kOfNode("/port|/memory/total|/workers/[0-9]+/(id|addr)");
    return testTopology() == Topology::Cluster && std::regex_match(path, kOfNode);
}

/// Appends what differs, a line for each member.
void compare(const rapidjson::Value& theirs,
             const rapidjson::Value& ours,
             const std::string& at,
             std::string& differences) {
    if (theirs.IsObject() && ours.IsObject()) {
        for (const auto& member : theirs.GetObject()) {
            const std::string name = member.name.GetString();
            const auto mine = ours.FindMember(name.c_str());
            if (mine == ours.MemberEnd()) {
                differences += "\n" + at + "/" + name + ": " + textOf(member.value) + ", not here";
            } else if (!changesByItself(name) && !belongsToANode(at + "/" + name)) {
                compare(member.value, mine->value, at + "/" + name, differences);
            } else if (mine->value.IsNumber() != member.value.IsNumber()) {
                differences += "\n" + at + "/" + name + " is not a number";
            }
        }
        for (const auto& member : ours.GetObject()) {
            // An error of ours may name its cause.
            if (!theirs.HasMember(member.name) && member.name != "message") {
                differences += "\n" + at + "/" + member.name.GetString() + ": only here";
            }
        }
        return;
    }
    if (theirs.IsArray() && ours.IsArray() && theirs.Size() == ours.Size()) {
        for (rapidjson::SizeType i = 0; i < theirs.Size(); ++i) {
            compare(theirs[i], ours[i], at + "/" + std::to_string(i), differences);
        }
        return;
    }
    if (theirs != ours) {
        differences += "\n" + at + ": " + textOf(theirs) + ", here " + textOf(ours);
    }
}

}  // namespace

/// Bull Board's routes as its own server answers them and as the plugin does, on the same Redis: the answers are equal
/// member by member, and so is what a change leaves in Redis.
class BoardContractTest : public CompatFixture {
    CPPUNIT_TEST_SUITE(BoardContractTest);
    CPPUNIT_TEST(everyRouteIsThere);
    CPPUNIT_TEST(everyReadIsEqual);
    CPPUNIT_TEST(workersAreEqual);
    CPPUNIT_TEST(everyChangeLeavesTheSame);
    CPPUNIT_TEST(obliteratingLeavesNothing);
    CPPUNIT_TEST(everyMistakeIsAnsweredAlike);
    CPPUNIT_TEST(aFullQueueGetsNoJob);
    CPPUNIT_TEST(aKeyThatCannotBeHonouredIsRefused);
    CPPUNIT_TEST_SUITE_END();

public:
    BoardContractTest() : CompatFixture("6.7.0") {}

    void setUp() override {
        CompatFixture::setUp();
        bullmq5_ = Bullmq5::Off;
        useQueue(keys().queue());
        const Redis redis = handleOf(options());
        const auto settingsOf = [this](const std::string& name) {
            Queue::Settings settings;
            settings.name = name;
            settings.bullmq5 = Bullmq5::Off;
            settings.admission = admission_;
            return settings;
        };
        routes_ = board::boardRoutes(
            "/board",
            std::make_shared<const board::BoardPage>("", "/board"),
            std::make_shared<const board::BoardQueues>(
                redis, settingsOf, std::vector<std::string>{globOf(queueName()), globOf(other())}));
        fill();
        node("board.call", queuesMember() + R"(,"method":"get","route":"/api/queues")");
    }

    void tearDown() override {
        for (const char* pattern : {"bull:", "saved:"}) {
            script(
                "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end",
                pattern + queueName() + "*");
        }
        CompatFixture::tearDown();
    }

    /// Each route that @bull-board/api has without a store of history.
    void everyRouteIsThere() {
        const rapidjson::Document routes = node("board.routes", queuesMember());
        CPPUNIT_ASSERT(routes.Size() > 30);
        for (const auto& route : routes.GetArray()) {
            find(route["method"].GetString(), route["route"].GetString());
        }
    }

    void everyReadIsEqual() {
        comparesMoments_ = true;
        for (const PageRequest& request : reads()) {
            expectEqual(request);
        }
    }

    void workersAreEqual() {
        node("queue.pause");
        node("worker.start",
             R"("worker":"seen","behaviours":{},"opts":{"name":"blue","autorun":true})");
        eventually("the worker is shown", [this] {
            return askOurs(ofQueue("get", "/workers")).body["workers"].Size() == 1;
        });
        expectEqual(ofQueue("get", "/workers"));
        expectEqual({"get", "/api/queues"});
        node("worker.close", R"("worker":"seen")");
    }

    void everyChangeLeavesTheSame() {
        save();
        for (const PageRequest& request : changes()) {
            const Answered theirs = askNode(request);
            CPPUNIT_ASSERT_MESSAGE(request.text() + ": " + textOf(theirs.body),
                                   theirs.status == 200 || theirs.status == 204);
            const std::vector<std::string> theirKeys = dump();
            restore();
            const Answered ours = askOurs(request);
            expectSame(request, theirs, ours);
            expectSameKeys(request.text(), theirKeys);
            restore();
        }
    }

    void obliteratingLeavesNothing() {
        // BullMQ leaves a parent that waits for children of another queue.
        node("job.remove", R"("job":")" + parent_ + "\"");
        save();
        const PageRequest obliterate = ofQueue("put", "/obliterate", {}, R"({"force":true})");
        expectEqual(obliterate);  // Not paused: refused.
        askNode(ofQueue("put", "/pause"));
        expectEqual(ofQueue("put", "/obliterate", {}, R"({"force":false})"));  // A job is active.
        askNode(obliterate);
        const std::vector<std::string> theirKeys = dump();
        restore();
        askNode(ofQueue("put", "/pause"));
        CPPUNIT_ASSERT_EQUAL(200, askOurs(obliterate).status);
        expectSameKeys(obliterate.text(), theirKeys);
    }

    void everyMistakeIsAnsweredAlike() {
        for (const PageRequest& request : mistakes()) {
            const int status = expectEqual(request);
            CPPUNIT_ASSERT_MESSAGE(request.text() + " answered " + std::to_string(status),
                                   status >= 400 && status < 500);
        }
    }

    void aFullQueueGetsNoJob() {
        addJob();
        admission_.maxDepth = 1;
        const std::vector<std::string> before = dump();
        const Answered full = askOurs(ofQueue("post", "/add", {}, R"({"name":"mail","data":{}})"));
        CPPUNIT_ASSERT_EQUAL_MESSAGE(textOf(full.body), 429, full.status);
        assertContains(textOf(full.body), "1 are allowed");
        CPPUNIT_ASSERT(before == dump());
    }

    void aKeyThatCannotBeHonouredIsRefused() {
        const PageRequest asked = ofQueue("post", "/add", {}, R"({"name":"mail","data":{}})");
        const Route& route = find(asked.method, asked.route);
        CPPUNIT_ASSERT_EQUAL(std::size_t{1}, route.headers.size());
        Request request;
        for (const auto& [name, value] : asked.parameters) {
            request.values[name] = value;
        }
        request.body = asked.body;
        request.headers[route.headers.front()] = "order-7";
        const std::vector<std::string> before = dump();
        const Response refused = route.handler(request);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(refused.body, 400, refused.status);
        assertContains(refused.body, "Idempotency-Key");
        CPPUNIT_ASSERT(before == dump());
    }

private:
    Queue::Admission admission_;

    [[nodiscard]] std::string other() const { return queueName() + "-other"; }
    /// Braces of a name are '?' in the list of the board's queues.
    [[nodiscard]] static std::string globOf(std::string name) {
        for (char& one : name) {
            one = one == '{' || one == '}' ? '?' : one;
        }
        return name;
    }
    [[nodiscard]] std::string queuesMember() const {
        return R"("queues":[")" + queueName() + R"(",")" + other() + R"("])";
    }

    std::string script(const std::string& lua, const std::string& argument) {
        return text(
            {"EVAL", "local function run() " + lua + " end run() return 'done'", "0", argument});
    }
    /// Copies all keys of both queues.
    void save() {
        redis({"DEL", key("stalled-check")});  // It would end by itself in between.
        script(
            "for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do redis.call('COPY', key, "
            "'saved' .. key:sub(5)) end",
            "bull:" + queueName());
    }
    /// Puts the copied keys back.
    void restore() {
        script(
            "for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do redis.call('DEL', key) "
            "end for _, key in ipairs(redis.call('KEYS', 'saved' .. ARGV[1]:sub(5) .. '*')) do "
            "redis.call('COPY', key, 'bull' .. key:sub(6)) end",
            "bull:" + queueName());
    }

    PageRequest ofQueue(const std::string& method,
                        const std::string& below,
                        std::vector<std::pair<std::string, std::string>> more = {},
                        const std::string& body = {}) {
        more.emplace_back("queueName", queueName());
        return {method, "/api/queues/:queueName" + below, std::move(more), {}, body};
    }
    PageRequest ofJob(const std::string& method,
                      const std::string& id,
                      const std::string& below = {},
                      const std::string& body = {}) {
        return ofQueue(method, "/:jobId" + below, {{"jobId", id}}, body);
    }
    PageRequest ofScheduler(const std::string& method,
                            const std::string& id,
                            const std::string& below = {},
                            const std::string& body = {}) {
        return ofQueue(method, "/job-schedulers/:schedulerId" + below, {{"schedulerId", id}}, body);
    }
    PageRequest page(const std::string& status,
                     const std::string& page = "1",
                     const std::string& jobsPerPage = "10") {
        return {"get",
                "/api/queues",
                {},
                {{"activeQueue", queueName()},
                 {"status", status},
                 {"page", page},
                 {"jobsPerPage", jobsPerPage}}};
    }

    /// Jobs in every state, a flow, schedulers, logs, metrics and settings.
    void fill() {
        startWorker(Side::Node,
                    R"({"name":"blue","concurrency":1,"metrics":{"maxDataPoints":50}})");
        for (int i = 0; i < 12; ++i) {
            completed_ = add(Side::Node, "mail", R"({"to":)" + std::to_string(i) + "}");
            untilState(completed_, "completed");
        }
        failed_ = add(Side::Node, "fail", R"({"a":[1,2.5,"é"]})", R"({"attempts":2})");
        untilState(failed_, "failed");
        failedUrgent_ = add(Side::Node, "fail", "{}", R"({"priority":5})");
        untilState(failedUrgent_, "failed");
        untilState(add(Side::Node, "unrecoverable"), "failed");
        untilState(add(Side::Node, "progress", "[]"), "completed");
        stopWorker(Side::Node);
        redis({"HINCRBY", key("metrics:completed"), "prevTS", "-240000"});
        node("job.log", R"("job":")" + completed_ + R"(","args":["first row"])");
        node("job.log", R"("job":")" + completed_ + R"(","args":["second \"row\""])");

        active_ = add(Side::Node, "hold");
        startWorker(Side::Node, R"({"autorun":false,"lockDuration":600000})");
        CPPUNIT_ASSERT_EQUAL(
            active_, std::string(node("worker.claim", R"("worker":"w","token":"t")").GetString()));
        stopWorker(Side::Node);
        waiting_ = add(Side::Node, "mail", R"({"to":"a"})");
        add(Side::Node,
            "mail",
            "null",
            R"({"jobId":"order-7","attempts":3,"backoff":{"type":"exponential","delay":50}})");
        add(Side::Node, "mail", R"("text")", R"({"lifo":true,"keepLogs":3,"removeOnComplete":5})");
        prioritized_ = add(Side::Node, "mail", "{}", R"({"priority":3})");
        add(Side::Node, "mail", "{}", R"({"priority":1,"deduplication":{"id":"once"}})");
        delayed_ = add(Side::Node, "mail", "{}", R"({"delay":3600000})");
        add(Side::Node, "mail", "{}", R"({"delay":7200000,"priority":2})");
        addFlow();
        // Its job is delayed: one that waits would be lost in BullMQ, which empties a list by its length.
        node("queue.upsertJobScheduler",
             R"("args":["tick",{"every":3600000,"startDate":)" +
                 std::to_string(clock_.wallMs() + 3600000) +
                 R"(},{"name":"mail","data":{"to":7},"opts":{"attempts":2}}])");
        node("queue.upsertJobScheduler",
             R"("args":["daily",{"pattern":"0 0 3 1 1 *","tz":"Europe/Berlin","limit":9},{}])");
        setAges();
        node("queue.setGlobalConcurrency", R"("args":[7])");
        node("queue.setGlobalRateLimit", R"("args":[5,1000])");
    }

    /// The board cleans jobs that are five seconds old: makes one of each state younger for good, and the others older.
    void setAges() {
        const std::string old = std::to_string(clock_.wallMs() - 60000);
        const std::string young = std::to_string(clock_.wallMs() + 3600000);
        for (const char* state : {"wait", "delayed", "prioritized", "completed", "failed"}) {
            const bool ended = state == std::string("completed") || state == std::string("failed");
            const std::vector<std::string> ids =
                state == std::string("wait") ? list(key(state)) : members(key(state));
            CPPUNIT_ASSERT(ids.size() > 1);
            for (const std::string& id : ids) {
                const std::string& time = id == ids.front() ? young : old;
                redis({"HSET", key(id), "timestamp", time});
                if (ended) {
                    redis({"HSET", key(id), "finishedOn", time});
                    redis({"ZADD", key(state), time, id});
                }
            }
        }
    }
    std::vector<std::string> members(const std::string& zset) {
        std::vector<std::string> ids;
        const Reply reply = redis({"ZRANGE", zset, "0", "-1"});
        for (std::size_t i = 0; i < reply.size(); ++i) {
            ids.emplace_back(reply.at(i).text());
        }
        return ids;
    }

    void addFlow() {
        const std::string name = queueName();
        const auto child = [](const std::string& queue, const std::string& opts) {
            return R"({"name":"part","queueName":")" + queue + R"(","data":{},"opts":)" + opts +
                   "}";
        };
        parent_ =
            node("flow.add",
                 R"("args":[{"name":"sum","queueName":")" + name +
                     R"(","data":{},"opts":{},"children":[)" +
                     child(name, R"({"jobId":"part-a"})") + "," +
                     child(other(), R"({"jobId":"part-b"})") +
                     R"(,{"name":"middle","queueName":")" + other() +
                     R"(","data":{},"opts":{"jobId":"middle"},"children":[)" +
                     child(name, R"({"jobId":"leaf","ignoreDependencyOnFailure":true})") + "]}]}]")
                .GetString();
    }

    std::vector<PageRequest> reads() {
        std::vector<PageRequest> all = {
            {"get", "/api/queues"},
            {"get", "/api/redis/stats"},
            {"get", "/api/job-schedulers"},
            {"get", "/api/job-schedulers", {}, {{"queueName", other()}}},
            {"get", "/api/job-schedulers", {}, {{"queueName", queueName()}}},
            {"get", "/api/queues", {}, {{"activeQueue", "nobody"}, {"status", ""}}},
            page("completed", "2", "5"),
            page("completed", "3", "5"),
            page("completed", "1", "300"),
            ofQueue("get", "/metrics"),
            ofQueue("get", "/default-job-options"),
            ofQueue("get", "/job-data-schema"),
            ofQueue("get", "/workers"),
            ofQueue("get", "/rate-limit"),
            ofJob("get", completed_, "/logs"),
            ofJob("get", "nobody", "/logs")};
        for (const char* status : {"latest",
                                   "active",
                                   "waiting",
                                   "waiting-children",
                                   "prioritized",
                                   "completed",
                                   "failed",
                                   "delayed"}) {
            all.push_back(page(status));
        }
        for (const std::string& id : {completed_,
                                      failed_,
                                      failedUrgent_,
                                      active_,
                                      waiting_,
                                      prioritized_,
                                      delayed_,
                                      parent_,
                                      std::string("order-7"),
                                      std::string("part-a"),
                                      std::string("leaf")}) {
            all.push_back(ofJob("get", id));
            all.push_back(ofJob("get", id, "/flow"));
        }
        for (const auto& [depth, children] :
             {std::pair("1", "20"), {"2", "1"}, {"99", "0"}, {"x", ""}}) {
            PageRequest flow = ofJob("get", parent_, "/flow");
            flow.query = {{"depth", depth}, {"maxChildren", children}, {"root", "node"}};
            all.push_back(std::move(flow));
        }
        PageRequest below = ofJob("get", "leaf", "/flow");
        below.query = {{"root", "node"}};
        all.push_back(std::move(below));
        return all;
    }

    std::vector<PageRequest> changes() {
        const std::string hour = std::to_string(clock_.wallMs() + 3600000);
        return {
            {"put", "/api/queues/pause"},
            {"put", "/api/queues/resume"},
            ofQueue("put", "/pause"),
            ofQueue("put", "/resume"),
            ofQueue(
                "post",
                "/add",
                {},
                R"({"name":"mail","data":{"to":1},"options":{"attempts":3,"delay":60000,"jobId":"mine"}})"),
            ofQueue("post",
                    "/add",
                    {},
                    R"({"name":"mail","data":{},"options":{"priority":4,"lifo":true}})"),
            ofQueue("post", "/add", {}, R"({"data":7})"),
            ofQueue("put", "/retry/:queueStatus", {{"queueStatus", "failed"}}),
            ofQueue("put", "/retry/:queueStatus", {{"queueStatus", "completed"}}),
            ofQueue("put", "/promote"),
            ofQueue("put", "/clean/:queueStatus", {{"queueStatus", "completed"}}),
            ofQueue("put", "/clean/:queueStatus", {{"queueStatus", "failed"}}),
            ofQueue("put", "/clean/:queueStatus", {{"queueStatus", "waiting"}}),
            ofQueue("put", "/clean/:queueStatus", {{"queueStatus", "delayed"}}),
            ofQueue("put", "/clean/:queueStatus", {{"queueStatus", "prioritized"}}),
            ofQueue("put", "/concurrency", {}, R"({"concurrency":3})"),
            ofQueue("put", "/concurrency", {}, R"({"concurrency":0})"),
            ofQueue("put", "/rate-limit", {}, R"({"max":2,"duration":500})"),
            ofQueue("put", "/rate-limit", {}, R"({"max":null})"),
            ofQueue("put", "/rate-limit", {}, R"({})"),
            ofQueue("put", "/rate-limit/release"),
            ofQueue("put", "/empty"),
            ofScheduler("patch", "tick", "", R"({"every":7200000,"limit":4})"),
            ofScheduler("patch",
                        "tick",
                        "",
                        R"({"pattern":" 0 3 1 1 * ","tz":"UTC","endDate":)" +
                            std::to_string(clock_.wallMs() + 400LL * 86400000) + "}"),
            ofScheduler("patch", "daily", "", R"({"every":"3600000","limit":null})"),
            ofScheduler("put", "tick", "/run"),
            ofScheduler("put", "tick", "/remove"),
            ofScheduler("put", "daily", "/remove"),
            ofJob("put", failed_, "/retry"),
            ofJob("put", failedUrgent_, "/retry"),
            ofJob("put", completed_, "/retry"),
            ofJob("put", completed_, "/clean"),
            ofJob("put", waiting_, "/clean"),
            ofJob("put", parent_, "/clean"),
            ofJob("put", delayed_, "/promote"),
            ofJob("patch", waiting_, "/update-data", R"({"jobData":{"to":"b"}})"),
            ofJob("patch", waiting_, "/update-data", R"({"jobData":null})"),
            ofJob("patch", delayed_, "/delay", R"({"runAt":)" + hour + "}"),
            ofJob("patch", delayed_, "/delay", R"({"runAt":1})"),
            ofJob("patch", waiting_, "/priority", R"({"priority":9})"),
            ofJob("patch", prioritized_, "/priority", R"({"priority":0})"),
            ofJob("patch", delayed_, "/priority", R"({"priority":1})"),
            ofJob("put", parent_, "/remove-unprocessed-children")};
    }

    std::vector<PageRequest> mistakes() {
        PageRequest nowhere = ofQueue("put", "/pause");
        nowhere.parameters = {{"queueName", "nobody"}};
        std::vector<PageRequest> all = {
            nowhere,
            ofJob("get", "nobody"),
            ofJob("put", "nobody", "/retry"),
            ofJob("get", "nobody", "/flow"),
            ofJob("put", waiting_, "/retry"),
            ofJob("put", active_, "/clean"),
            ofJob("patch", waiting_, "/delay", R"({"runAt":1})"),
            ofJob("put", waiting_, "/remove-unprocessed-children"),
            ofScheduler("put", "nobody", "/run"),
            ofScheduler("put", "nobody", "/remove"),
            ofScheduler("patch", "nobody", "", R"({"every":1000})"),
            ofQueue("put", "/retry/:queueStatus", {{"queueStatus", "waiting"}}),
            page("nothing"),
            page("latest", "0"),
            page("latest", "1.5"),
            page("latest", "1", "301"),
            page("latest", "1", "-1")};
        const std::string next = std::string(
            node("queue.getJobScheduler", R"("args":["tick"])")["next"].IsInt64() ? "" : "?");
        CPPUNIT_ASSERT(next.empty());
        all.push_back(
            ofJob("put",
                  "repeat:tick:" +
                      std::to_string(
                          node("queue.getJobScheduler", R"("args":["tick"])")["next"].GetInt64()),
                  "/clean"));
        for (const char* body : {R"({"name":7})", R"({"options":7})"}) {
            all.push_back(ofQueue("post", "/add", {}, body));
        }
        for (const char* body : {"{}",
                                 R"({"concurrency":-1})",
                                 R"({"concurrency":1.5})",
                                 R"({"concurrency":"7"})",
                                 "[]"}) {
            all.push_back(ofQueue("put", "/concurrency", {}, body));
        }
        for (const char* body : {R"({"max":0,"duration":5})",
                                 R"({"max":5})",
                                 R"({"max":5,"duration":0})",
                                 R"({"max":"5","duration":5})"}) {
            all.push_back(ofQueue("put", "/rate-limit", {}, body));
        }
        for (const char* body :
             {"{}", R"({"runAt":"x"})", R"({"runAt":"1"})", R"({"runAt":null})"}) {
            all.push_back(ofJob("patch", delayed_, "/delay", body));
        }
        for (const char* body : {"{}",
                                 R"({"priority":-1})",
                                 R"({"priority":2097152})",
                                 R"({"priority":"1"})",
                                 R"({"priority":1.5})"}) {
            all.push_back(ofJob("patch", waiting_, "/priority", body));
        }
        for (const char* body : {"{}",
                                 R"({"pattern":"0 3 * * *","every":5})",
                                 R"({"pattern":" "})",
                                 R"({"every":0})",
                                 R"({"every":"x"})",
                                 R"({"every":5,"limit":0})",
                                 R"({"every":5,"limit":"1"})",
                                 R"({"every":5,"endDate":1})",
                                 R"({"pattern":7})",
                                 R"({"pattern":"not cron"})",
                                 R"({"every":5,"tz":7})"}) {
            all.push_back(ofScheduler("patch", "tick", "", body));
        }
        all.push_back(ofJob("patch", waiting_, "/update-data", "{}"));
        all.push_back(ofQueue("put", "/obliterate", {}, R"({"force":"yes"})"));
        return all;
    }

    const Route& find(const std::string& method, const std::string& route) {
        std::string wanted = method;
        std::transform(wanted.begin(), wanted.end(), wanted.begin(), ::toupper);
        const std::string path =
            "/board" + std::regex_replace(route, std::regex(":([A-Za-z]+)"), "{$1}");
        const auto found = std::find_if(routes_.begin(), routes_.end(), [&](const Route& one) {
            return one.method == wanted && one.path == path;
        });
        CPPUNIT_ASSERT_MESSAGE("no route " + wanted + " " + path, found != routes_.end());
        return *found;
    }

    Answered askOurs(const PageRequest& asked) {
        const Route& route = find(asked.method, asked.route);
        Request request;
        request.method = route.method;
        for (const auto* values : {&asked.parameters, &asked.query}) {
            for (const auto& [name, value] : *values) {
                request.values[name] = value;
            }
        }
        request.body = asked.body;
        CPPUNIT_ASSERT_EQUAL_MESSAGE(asked.text(), !asked.body.empty(), route.anyJson);
        const Response response = route.handler(request);
        Answered answered;
        answered.status = response.status;
        answered.body.Parse(response.body.empty() ? "{}" : response.body.c_str());
        CPPUNIT_ASSERT_MESSAGE(asked.text() + " answered " + response.body,
                               !answered.body.HasParseError());
        return answered;
    }

    Answered askNode(const PageRequest& asked) {
        rapidjson::Document value = node(
            "board.call",
            queuesMember() + R"(,"method":")" + asked.method + R"(","route":")" + asked.route +
                R"(","params":)" + jsonOf(asked.parameters) + R"(,"query":)" + jsonOf(asked.query) +
                R"(,"body":)" + (asked.body.empty() ? "{}" : asked.body));
        Answered answered;
        answered.status = value["status"].GetInt();
        answered.body.CopyFrom(value["body"], answered.body.GetAllocator());
        return answered;
    }

    int expectEqual(const PageRequest& request) {
        const Answered theirs = askNode(request);
        const Answered ours = askOurs(request);
        expectSame(request, theirs, ours);
        return ours.status;
    }

    void expectSame(const PageRequest& request, const Answered& theirs, const Answered& ours) {
        std::string differences;
        rapidjson::Document without;
        compare(timeless(theirs.body), timeless(ours.body), "", differences);
        CPPUNIT_ASSERT_EQUAL_MESSAGE(
            request.text() + ": " + textOf(theirs.body) + "\nhere " + textOf(ours.body),
            theirs.status,
            ours.status);
        CPPUNIT_ASSERT_MESSAGE(request.text() + differences, differences.empty());
    }

    /// Moments of jobs that the request itself has added differ.
    rapidjson::Document timeless(const rapidjson::Value& json) {
        rapidjson::Document document;
        document.Parse(comparesMoments_ ? textOf(json).c_str()
                                        : withoutMoments(textOf(json)).c_str());
        return document;
    }

    /// Every key of both queues with its value, sorted. Moments count as one: those of now, and scores made of them.
    std::vector<std::string> dump() {
        std::vector<std::string> keys;
        for (const std::string& name : {queueName(), other()}) {
            auto all = peer().call("keys.dump", R"("queue":")" + name + "\"");
            for (auto& key : all.GetObject()) {
                keys.push_back(
                    withoutMoments(name + " " + key.name.GetString() + " " + valueOf(key.value)));
            }
        }
        std::sort(keys.begin(), keys.end());
        return keys;
    }

    /// Options are equal in any order; each client writes its own name into `meta`.
    static std::string valueOf(rapidjson::Value& key) {
        std::string options;
        if (key["value"].IsObject()) {
            auto& fields = key["value"];
            fields.RemoveMember("version");
            if (fields.HasMember("opts")) {
                rapidjson::Document parsed;
                parsed.Parse(fields["opts"].GetString());
                options = sortedTextOf(parsed);
                fields.RemoveMember("opts");
            }
        }
        return textOf(key) + options;
    }

    void expectSameKeys(const std::string& what, const std::vector<std::string>& theirs) {
        const std::vector<std::string> ours = dump();
        CPPUNIT_ASSERT_MESSAGE(what + "\nonly theirs:\n" + joined(onlyIn(theirs, ours)) +
                                   "\nonly ours:\n" + joined(onlyIn(ours, theirs)),
                               theirs == ours);
    }

    static std::string withoutMoments(const std::string& text) {
        static const std::pair<std::regex, const char*> kMoments[] = {
            {std::regex("[0-9]{12,}(-[0-9]+)?(\\.[0-9]+)?(e\\+[0-9]+)?"), "1"},
            {std::regex("\"ttlMs\":[0-9]+"), "\"ttlMs\":1"},
            // The time until a run, and the offset of a first run that is now.
            {std::regex("(\"?delay\"?:\"?)[0-9]{6,}"), "$1"},
            {std::regex("\"offset\":\"[0-9]+\""), "\"offset\":1"}};
        std::string without = text;
        for (const auto& [moment, name] : kMoments) {
            without = std::regex_replace(without, moment, name);
        }
        return without;
    }

    std::vector<Route> routes_;
    bool comparesMoments_ = false;
    std::string completed_, failed_, failedUrgent_, active_, waiting_, prioritized_, delayed_,
        parent_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(BoardContractTest);
