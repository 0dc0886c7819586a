#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include "integration/AppProcess.h"
#include "support/Assert.h"
#include "support/NodePeer.h"
#include "support/RedisServer.h"
#include "support/ServerProcess.h"
#include "support/Skip.h"
#include "support/StubCollector.h"

namespace {

using namespace drover::test;

using Spans = std::vector<ReceivedSpan>;

enum Kind { Internal = 1, Server = 2, Producer = 4, Consumer = 5 };

std::size_t count(const Spans& spans, const std::string& service, const std::string& name) {
    return static_cast<std::size_t>(
        std::count_if(spans.begin(), spans.end(), [&](const ReceivedSpan& span) {
            return span.service == service && span.name == name;
        }));
}

/// Returns the only span of that name and parent; `parent` empty: of that name.
ReceivedSpan only(const Spans& spans,
                  const std::string& service,
                  const std::string& name,
                  const std::string& parent = "") {
    Spans found;
    std::copy_if(spans.begin(), spans.end(), std::back_inserter(found), [&](const auto& span) {
        return span.service == service && span.name == name &&
               (parent.empty() || span.parentId == parent);
    });
    CPPUNIT_ASSERT_EQUAL_MESSAGE(service + ": " + name, std::size_t{1}, found.size());
    return found.front();
}

std::string textOfFile(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

/// One trace from a Node producer with bullmq-otel over HTTP and a handler of Drover to a Node worker, span by span.
class TraceTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(TraceTest);
    CPPUNIT_TEST(oneTraceLeadsFromNodeThroughDroverToNode);
    CPPUNIT_TEST(aTraceThatIsNotSampledStaysSo);
    CPPUNIT_TEST_SUITE_END();

public:
    void setUp() override {
        app_ = std::make_unique<AppProcess>();
        collector_ = std::make_unique<StubCollector>();
        static int number = 0;
        const std::string own = std::to_string(getpid()) + "-" + std::to_string(++number);
        first_ = "orders-" + own;
        second_ = "mails-" + own;
    }
    void tearDown() override {
        node_.reset();
        app_.reset();
        collector_.reset();
    }

    void oneTraceLeadsFromNodeThroughDroverToNode() {
        run();
        const Spans spans = collector_->awaitSpans([this](const Spans& all) {
            return count(all, "node", "process " + second_) == 2 &&
                   count(all, "drover", "process " + first_) == 2 &&
                   count(all, "node", "order") == 1 &&
                   count(all, "node", "add " + first_ + ".direct") == 1 &&
                   count(all, "drover", "POST /orders/{to}") == 1;
        });
        const ReceivedSpan order = only(spans, "node", "order");
        assertEqual("", order.parentId);

        // A job of Node, and one that a request of Node makes.
        const ReceivedSpan direct = only(spans, "node", "add " + first_ + ".direct");
        assertEqual(order.spanId, direct.parentId);
        const ReceivedSpan post = only(spans, "drover", "POST /orders/{to}");
        assertEqual(order.spanId, post.parentId);
        CPPUNIT_ASSERT_EQUAL(int{Server}, post.kind);
        assertEqual("POST", post.attributes.at("http.request.method"));
        assertEqual("/orders/{to}", post.attributes.at("http.route"));
        assertEqual("/orders/" + second_, post.attributes.at("url.path"));
        assertEqual("201", post.attributes.at("http.response.status_code"));
        CPPUNIT_ASSERT_EQUAL(0, post.status);
        const ReceivedSpan add = only(spans, "drover", "add " + first_ + ".posted");
        assertEqual(post.spanId, add.parentId);
        CPPUNIT_ASSERT_EQUAL(int{Producer}, add.kind);
        CPPUNIT_ASSERT_EQUAL(direct.kind, add.kind);
        // Node's span of the same operation has the same attributes.
        for (const auto& [name, value] : direct.attributes) {
            CPPUNIT_ASSERT_MESSAGE(name, add.attributes.count(name) == 1);
        }
        CPPUNIT_ASSERT_EQUAL(direct.attributes.size(), add.attributes.size());
        assertEqual(first_, add.attributes.at("bullmq.queue.name"));
        assertEqual("add", add.attributes.at("bullmq.queue.operation"));
        assertEqual("posted", add.attributes.at("bullmq.job.name"));

        // Both ran in one batch of a handler, and each caused a job in the other queue.
        for (const ReceivedSpan& cause : {direct, add}) {
            const ReceivedSpan run = only(spans, "drover", "process " + first_, cause.spanId);
            CPPUNIT_ASSERT_EQUAL(int{Consumer}, run.kind);
            assertEqual(cause.attributes.at("bullmq.job.id"), run.attributes.at("bullmq.job.id"));
            assertEqual(cause.attributes.at("bullmq.job.name"),
                        run.attributes.at("bullmq.job.name"));
            assertEqual("2", run.attributes.at("drover.batch.size"));
            assertEqual("completed", run.attributes.at("drover.outcome"));
            assertEqual("relay-worker", run.attributes.at("bullmq.worker.name"));
            // The handler read the headers of its job's span.
            assertEqual("\"00-" + order.traceId + "-" + run.spanId + "-01\"",
                        run.events.at("job completed").at("bullmq.job.result"));
            const ReceivedSpan complete = only(spans, "drover", "complete " + first_, run.spanId);
            CPPUNIT_ASSERT_EQUAL(int{Internal}, complete.kind);
            const ReceivedSpan mail = only(spans, "drover", "add " + second_ + ".mail", run.spanId);
            CPPUNIT_ASSERT_EQUAL(int{Producer}, mail.kind);
            const ReceivedSpan mailed = only(spans, "node", "process " + second_, mail.spanId);
            CPPUNIT_ASSERT_EQUAL(int{Consumer}, mailed.kind);
            assertEqual(mail.attributes.at("bullmq.job.id"), mailed.attributes.at("bullmq.job.id"));
            // Node's span of the same operation has no attribute that is missing here.
            for (const auto& [name, value] : mailed.attributes) {
                CPPUNIT_ASSERT_MESSAGE(name, run.attributes.count(name) == 1);
            }
            for (const ReceivedSpan* const one : {&cause, &run, &complete, &mail, &mailed, &post}) {
                assertEqual(order.traceId, one->traceId);
                CPPUNIT_ASSERT(one->beganNs > 0 && one->beganNs <= one->endedNs);
            }
        }
    }

    void aTraceThatIsNotSampledStaysSo() {
        run({{"OTEL_TRACES_SAMPLER", "always_off"}});
        app_->signal(SIGTERM);
        CPPUNIT_ASSERT_EQUAL(0, app_->wait());
        // Drover's process has sent what it had: nothing, for traces of Node that Node did not record.
        const Spans spans = collector_->awaitSpans([](const Spans&) { return true; });
        for (const ReceivedSpan& span : spans) {
            assertEqual("", span.service + ": " + span.name);
        }
    }

private:
    /// Runs the Node program against a process of Drover, both with their spans for the collector.
    void run(const std::map<std::string, std::string>& ofNode = {}) {
        const std::string port = std::to_string(freePort());
        const std::string config = app_->write(
            "trace.properties",
            "plugins.dir = " + app_->folder() + "/plugins\nplugins.load = api,relay\n" +
                redisLines(RedisServer::shared().port()) + "api.port = " + port +
                "\napi.healthPort = 0\n" + "queue.relay.name = " + first_ +
                "\nqueue.relay.autorun = false\nqueue.relay.threads = 1\n"
                "queue.relay.workerName = relay-worker\n"
                "api.route.order.path = /orders/{to}\napi.route.order.path.to = string\n"
                "api.route.order.queue = relay\napi.route.order.job = posted\n"
                "api.route.order.data = {\"to\":\"{to}\"}\n");
        std::filesystem::create_directory(app_->path("plugins"));
        std::filesystem::copy_file(DROVER_BINARY_DIR "/plugins/api.so",
                                   app_->path("plugins/api.so"));
        std::filesystem::copy_file(DROVER_BINARY_DIR "/tests/plugin/modules/relay.so",
                                   app_->path("plugins/relay.so"));
        app_->start({"run", "--config", config},
                    {{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", collector_->url()},
                     {"OTEL_BSP_SCHEDULE_DELAY", "50"}});
        app_->waitForLog("is running");
        node_ = std::make_unique<ServerProcess>();
        const std::string out = app_->path("node.log");
        std::vector<std::string> command = {"env", "NODE_PATH=" + nodeModules()};
        for (const auto& [name, value] : ofNode) {
            command.push_back(name + "=" + value);
        }
        const std::string script = DROVER_SOURCE_DIR "/tests/compat/trace.cjs";
        const std::string route = "http://127.0.0.1:" + port + "/orders/" + second_;
        command.insert(command.end(),
                       {findProgram("node"),
                        script,
                        std::to_string(RedisServer::shared().port()),
                        collector_->url(),
                        route,
                        first_,
                        second_});
        if (!std::filesystem::exists(nodeModules() + "/bullmq-otel")) {
            throw MissingService("bullmq-otel is not installed: ./dev test installs it");
        }
        node_->start(command, out);
        node_->waitUntil([&] { return contains(textOfFile(out), "added"); }, kPatience);
        // Both jobs wait: they are claimed together.
        app_->signal(SIGCONT);
        node_->waitUntil([&] { return contains(textOfFile(out), "worked"); }, kPatience);
    }

    static constexpr std::chrono::minutes kPatience{2};

    std::unique_ptr<AppProcess> app_;
    std::unique_ptr<StubCollector> collector_;
    std::unique_ptr<ServerProcess> node_;
    std::string first_;
    std::string second_;
};

CPPUNIT_TEST_SUITE_REGISTRATION(TraceTest);
