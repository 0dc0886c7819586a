#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <rapidjson/document.h>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>
#include <yaml-cpp/yaml.h>

#include <cppunit/extensions/HelperMacros.h>

#include "integration/AppFixture.h"
#include "integration/RawClient.h"
#include "redis/RedisClient.h"
#include "support/Assert.h"
#include "support/Exposition.h"
#include "support/TcpProxy.h"

namespace {

using namespace drover;
using namespace drover::test;

const std::filesystem::path kRoot = DROVER_SOURCE_DIR;

std::string textOf(const std::string& file) {
    std::ifstream in(kRoot / file, std::ios::binary);
    CPPUNIT_ASSERT_MESSAGE(file, in.good());
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

/// Returns the names of metrics in an expression of PromQL.
std::set<std::string> namesIn(const std::string& text) {
    static const std::regex kName("\\b(?:drover|bullmq|process)_[a-z0-9_]+\\b");
    return {std::sregex_token_iterator(text.begin(), text.end(), kName),
            std::sregex_token_iterator()};
}

/// Returns the values of the members `name`, wherever they stand.
std::vector<std::string> membersOf(const rapidjson::Value& value, const std::string& name) {
    std::vector<std::string> found;
    const auto add = [&](const rapidjson::Value& below) {
        for (std::string& text : membersOf(below, name)) {
            found.push_back(std::move(text));
        }
    };
    if (value.IsArray()) {
        for (const auto& element : value.GetArray()) {
            add(element);
        }
    } else if (value.IsObject()) {
        for (const auto& member : value.GetObject()) {
            if (member.value.IsString() && name == member.name.GetString()) {
                found.emplace_back(member.value.GetString());
            }
            add(member.value);
        }
    }
    return found;
}

rapidjson::Document json(const std::string& text) {
    rapidjson::Document document;
    document.Parse(text.c_str(), text.size());
    CPPUNIT_ASSERT(!document.HasParseError());
    return document;
}

}  // namespace

/// GET /metrics of a process, and the documents that rely on its names.
class MetricsTest : public AppFixture {
    CPPUNIT_TEST_SUITE(MetricsTest);
    CPPUNIT_TEST(aScrapeIsInTheFormatAndHasTheDocumentedNames);
    CPPUNIT_TEST(theDocumentsUseNamesOfAScrape);
    CPPUNIT_TEST(theFiguresAreThoseOfTheJobs);
    CPPUNIT_TEST(aQueueWithShardsIsOne);
    CPPUNIT_TEST(queuesAreFoundByGlobsAndAScrapeDoesNotScan);
    CPPUNIT_TEST(aTokenIsNeededIfTheConfigurationSaysSo);
    CPPUNIT_TEST(aReloadChangesTheQueuesAndTheBoard);
    CPPUNIT_TEST(aReloadChangesTheSearch);
    CPPUNIT_TEST(withoutRedisTheProcessHasItsFigures);
    CPPUNIT_TEST_SUITE_END();

public:
    void aScrapeIsInTheFormatAndHasTheDocumentedNames() {
        const Exposition& full = fullScrape();
        assertEqual("", full.problemText());
        std::set<std::string> scraped;
        for (const auto& [name, family] : full.families) {
            scraped.insert(name + " " + family.type);
        }
        // Rows of docs/metrics.md: | `name` | type | …
        static const std::regex kRow(R"(\n\| `([a-z0-9_]+)` \| (counter|gauge|histogram) \|)");
        const std::string document = textOf("docs/metrics.md");
        std::set<std::string> documented;
        for (std::sregex_iterator row(document.begin(), document.end(), kRow), end; row != end;
             ++row) {
            documented.insert((*row)[1].str() + " " + (*row)[2].str());
        }
        for (const std::string& name : scraped) {
            CPPUNIT_ASSERT_MESSAGE("docs/metrics.md lacks " + name, documented.count(name) == 1);
        }
        for (const std::string& name : documented) {
            CPPUNIT_ASSERT_MESSAGE("a scrape lacks " + name, scraped.count(name) == 1);
        }
    }

    void theDocumentsUseNamesOfAScrape() {
        std::map<std::string, std::set<std::string>> used;
        const rapidjson::Document dashboard = json(textOf("docs/grafana/drover.json"));
        for (const char* member : {"expr", "query"}) {
            for (const std::string& expression : membersOf(dashboard, member)) {
                used["docs/grafana/drover.json"].merge(namesIn(expression));
            }
        }
        const std::string runbook = textOf("docs/runbook.md");
        const YAML::Node alerts = YAML::Load(textOf("docs/alerts.yml"));
        std::set<std::string> names;
        for (const YAML::Node& group : alerts["groups"]) {
            for (const YAML::Node& rule : group["rules"]) {
                used["docs/alerts.yml"].merge(namesIn(rule["expr"].as<std::string>()));
                std::string name = rule["alert"].as<std::string>();
                CPPUNIT_ASSERT_MESSAGE(name, names.insert(name).second);
                assertContains(runbook, "\n## " + name + "\n");
                CPPUNIT_ASSERT_MESSAGE(name,
                                       !rule["annotations"]["summary"].as<std::string>().empty());
                CPPUNIT_ASSERT_MESSAGE(name, !rule["labels"]["severity"].as<std::string>().empty());
                std::transform(name.begin(), name.end(), name.begin(), [](char c) {
                    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
                });
                assertEqual("docs/runbook.md#" + name,
                            rule["annotations"]["runbook"].as<std::string>());
            }
        }
        static const std::regex kHeading("\n## ([A-Za-z]+)\n");
        for (std::sregex_iterator heading(runbook.begin(), runbook.end(), kHeading), end;
             heading != end;
             ++heading) {
            CPPUNIT_ASSERT_MESSAGE(
                "the runbook has a section without an alert: " + (*heading)[1].str(),
                names.count((*heading)[1].str()) == 1);
        }
        const YAML::Node keda = YAML::Load(textOf("docs/keda.yaml"));
        for (const YAML::Node& trigger : keda["spec"]["triggers"]) {
            used["docs/keda.yaml"].merge(namesIn(trigger["metadata"]["query"].as<std::string>()));
        }
        const Exposition& full = fullScrape();
        for (const std::string& name : namesIn(runbook)) {
            CPPUNIT_ASSERT_MESSAGE("docs/runbook.md names " + name,
                                   full.has(name) || full.families.count(name) == 1);
        }
        for (const auto& [file, inFile] : used) {
            CPPUNIT_ASSERT_MESSAGE(file, inFile.size() >= 2);
            for (const std::string& name : inFile) {
                CPPUNIT_ASSERT_MESSAGE(file + " uses " + name + ", which no scrape has",
                                       full.has(name));
            }
        }
    }

    void theFiguresAreThoseOfTheJobs() {
        start({"plugins.load=api,echo,metrics", "queue.echo.name=" + queueName_});
        WholeQueue queue = makeQueue();
        for (int i = 0; i < 3; ++i) {
            NewJob job;
            job.name = "echo";
            CPPUNIT_ASSERT(queue.add(std::move(job)).status == AddResult::Status::Added);
        }
        NewJob later;
        later.name = "echo";
        later.opts.delayMs = 3'600'000;
        queue.add(std::move(later));
        const Exposition::Labels labels = {{"queue", queueName_}};
        const auto state = [this](const char* name) {
            return Exposition::Labels{{"queue", queueName_}, {"state", name}};
        };
        Exposition found;
        waitUntil([&] {
            found = scrape();
            return found.value("drover_jobs_completed_total", labels) == 3 &&
                   found.value("drover_queue_jobs", state("completed")) == 3;
        });
        assertEqual("", found.problemText());
        equal(1, found, "drover_queue_jobs", state("delayed"));
        equal(0, found, "drover_queue_jobs", state("waiting"));
        equal(3, found, "bullmq_job_count", state("completed"));
        equal(0, found, "drover_queue_oldest_wait_seconds", labels);
        equal(1, found, "drover_worker_fit", labels);
        equal(3, found, "drover_jobs_claimed_total", labels);
        const Exposition::Labels named = {{"name", "echo"}, {"queue", queueName_}};
        equal(3, found, "drover_job_wait_seconds_count", named);
        equal(3, found, "drover_job_run_seconds_count", named);
        equal(3, found, "drover_batch_jobs_sum", labels);
        // Every reason is there from the start, so that a rate has a first value.
        equal(0, found, "drover_jobs_failed_total", {{"queue", queueName_}, {"reason", "expired"}});
        equal(1, found, "drover_plugin_generations_total", {{"plugin", "echo"}});
        CPPUNIT_ASSERT(found.value("drover_queue_events", labels) > 0);
        CPPUNIT_ASSERT(found.value("drover_queue_events_bytes", labels) > 0);
        CPPUNIT_ASSERT(found.value("drover_worker_call_seconds_count", labels) > 0);
        waitUntil([&] {
            return scrape().value("drover_http_requests_total",
                                  {{"method", "GET"}, {"route", "/metrics"}, {"status", "200"}}) >
                   0;
        });
        // The client chooses neither a route nor a method.
        get("/no/such/route");
        RawClient(port_).exchange("BREW /pot HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        const Exposition after = scrape();
        assertEqual("", after.problemText());
        for (const auto& series : after.families.at("drover_http_requests_total").series) {
            const std::string route = series.labels.at("route");
            CPPUNIT_ASSERT_MESSAGE(route, route == "/metrics" || route == "none");
            CPPUNIT_ASSERT(series.labels.at("method") != "BREW");
        }
    }

    void aQueueWithShardsIsOne() {
        start({"plugins.load=api,echo,metrics",
               "queue.echo.name=" + queueName_,
               "queue.echo.shards=3",
               "queue.echo.threads=5"});
        Queue::Settings settings;
        settings.name = queueName_;
        settings.shards.count = 3;
        settings.addTimeout = std::chrono::seconds(10);
        Queue queue(Redis(redisAt(RedisServer::shared().port())), settings);
        waitUntil([&] { return queue.healthy(); });  // Turns go past a shard without a connection.
        for (int i = 0; i < 9; ++i) {
            CPPUNIT_ASSERT(queue.add({"echo"}).status == AddResult::Status::Added);
        }
        const auto completedBy = [&](const Exposition& figures, const char* shard) {
            return figures.value("drover_jobs_completed_total",
                                 {{"queue", queueName_}, {"shard", shard}});
        };
        const Exposition::Labels completed = {{"queue", queueName_}, {"state", "completed"}};
        Exposition found;
        // A worker counts a job when it has Redis's answer, which is later than the queue's own count.
        waitUntil([&] {
            found = scrape();
            return found.value("drover_queue_jobs", completed) == 9 &&
                   completedBy(found, "0") + completedBy(found, "1") + completedBy(found, "2") == 9;
        });
        assertEqual("", found.problemText());
        for (const char* shard : {"0", "1", "2"}) {
            const Exposition::Labels labels = {{"queue", queueName_}, {"shard", shard}};
            equal(3, found, "drover_jobs_completed_total", labels);
            equal(0, found, "drover_jobs_stalled_total", labels);
            equal(1, found, "drover_worker_fit", labels);
        }
    }

    void queuesAreFoundByGlobsAndAScrapeDoesNotScan() {
        constexpr int kQueues = 1000;
        RedisServer server;
        const RedisOptions options(redisAt(server.port()));
        RedisClient redis(options, "test");
        std::deque<std::string> keys;  // A command refers to them.
        std::vector<Command> commands;
        const auto add = [&](const std::string& command, const std::string& key, auto... more) {
            commands.push_back(
                Command{keys.emplace_back(command), keys.emplace_back(key), more...});
        };
        for (int i = 0; i < kQueues; ++i) {
            const std::string queue = "bull:many-" + std::to_string(i);
            add("HSET", queue + ":meta", "version", "bullmq:6.7.0");
            add("LPUSH", queue + ":wait", "1");
            add("HSET", queue + ":1", "timestamp", "1000", "opts", "{}");
        }
        commands.push_back(Command{"HSET", "bull:other:meta", "version", "bullmq:6.7.0"});
        commands.push_back(Command{"SET", "bull:many-7:wait:x", "1"});
        redis.runAll(commands);
        redis.call(Command{"DEL", "bull:many-13:wait"});
        redis.call(Command{"SET", "bull:many-13:wait", "of another type"});
        start({"plugins.load=api,metrics",
               "metrics.queues=many-*, none-*",
               "metrics.searchIntervalMs=86400000"},
              server.port());
        Exposition found;
        waitUntil([&] {
            found = scrape();
            return found.value("drover_queues") == kQueues - 1;
        });
        assertEqual("", found.problemText());
        equal(1, found, "drover_queues_unreadable");
        equal(0, found, "drover_queues_left_out");
        equal(1, found, "drover_queue_jobs", {{"queue", "many-999"}, {"state", "waiting"}});
        CPPUNIT_ASSERT(std::isnan(
            found.value("drover_queue_jobs", {{"queue", "other"}, {"state", "waiting"}})));
        CPPUNIT_ASSERT(found.value("drover_queue_oldest_wait_seconds", {{"queue", "many-1"}}) >
                       1e6);

        const auto calls = [&redis](const std::string& command) {
            static const std::regex kCalls("calls=([0-9]+)");
            const Reply reply = redis.call(Command{"INFO", "commandstats"});
            const std::string text(reply.text());
            const std::size_t at = text.find("cmdstat_" + command + ":");
            std::smatch match;
            const std::string line = at == std::string::npos ? "" : text.substr(at, 100);
            return std::regex_search(line, match, kCalls) ? std::stoll(match[1]) : 0;
        };
        // A further scrape, with a reading of its own.
        const auto scans = calls("scan");
        const auto scripts = calls("evalsha");
        waitUntil([&] {
            scrape();
            return calls("evalsha") > scripts;
        });
        CPPUNIT_ASSERT(scans > 0);
        CPPUNIT_ASSERT_EQUAL(scans, calls("scan"));
        CPPUNIT_ASSERT_EQUAL(0LL, calls("keys"));
        CPPUNIT_ASSERT_EQUAL(0LL, (calls("evalsha") - scripts) % kQueues);
    }

    void aTokenIsNeededIfTheConfigurationSaysSo() {
        start({"plugins.load=api,metrics", "metrics.auth=token", "api.tokens.file=" + tokens()});
        CPPUNIT_ASSERT_EQUAL(401, get("/metrics").status);
        const RawAnswer answer = get("/metrics", kBearer);
        CPPUNIT_ASSERT_EQUAL(200, answer.status);
        assertEqual("text/plain; version=0.0.4; charset=utf-8", answer.header("content-type"));
    }

    void aReloadChangesTheQueuesAndTheBoard() {
        const std::string first = queueName_ + "-first";
        const std::string second = queueName_ + "-second";
        const std::string before = "queue.first.name = " + first + "\n";
        const std::string file = app_->write("board.properties", before);
        start({"plugins.load=api,board,metrics", "api.tokens.file=" + tokens()},
              RedisServer::shared().port(),
              {"--config", file});
        CPPUNIT_ASSERT_EQUAL(200, get("/board", kBearer).status);
        const auto isShown = [&](const std::string& queue) {
            return scrape().value("drover_queue_paused", {{"queue", queue}}) == 0;
        };
        CPPUNIT_ASSERT(isShown(first) && !isShown(second));

        app_->write("board.properties",
                    before + "queue.second.name = " + second +
                        "\nboard.path = /jobs\nmetrics.maxQueues = 7\n");
        app_->signal(SIGHUP);
        app_->waitForLog("configuration reloaded");
        app_->waitForLog("metrics.maxQueues is 7 now");
        CPPUNIT_ASSERT_EQUAL(200, get("/jobs", kBearer).status);
        CPPUNIT_ASSERT_EQUAL(404, get("/board", kBearer).status);
        assertContains(get("/jobs/api/queues", kBearer).body, "\"" + second + "\"");
        waitUntil([&] { return isShown(first) && isShown(second); });

        app_->write("board.properties", before + "board.path = jobs\n");
        app_->signal(SIGHUP);
        app_->waitForLog("board.path = jobs: a path such as /board");
        CPPUNIT_ASSERT_EQUAL(200, get("/jobs", kBearer).status);
    }

    void aReloadChangesTheSearch() {
        RedisServer server;
        const RedisOptions options(redisAt(server.port()));
        RedisClient redis(options, "test");
        for (const char* queue : {"bull:mail-in", "bull:mail-out", "other:report"}) {
            redis.call(Command{"HSET", std::string(queue) + ":meta", "version", "bullmq:6.7.0"});
        }
        const std::string never = "metrics.searchIntervalMs = 86400000\n";
        const std::string file = app_->write("metrics.properties", never);
        start({"plugins.load=api,metrics"}, server.port(), {"--config", file});
        equal(0, scrape(), "drover_queues");
        const auto reloaded = [&](const std::string& keys, double queues, double leftOut) {
            app_->write("metrics.properties", never + keys);
            app_->signal(SIGHUP);
            waitUntil([&] {
                const Exposition found = scrape();
                return found.value("drover_queues") == queues &&
                       found.value("drover_queues_left_out") == leftOut;
            });
        };
        reloaded("metrics.queues = mail-*\n", 2, 0);
        reloaded("metrics.queues = mail-*\nmetrics.maxQueues = 1\n", 1, 1);
        reloaded("metrics.queues = report\nmetrics.prefix = other\n", 1, 0);
        reloaded("", 0, 0);
        app_->write("metrics.properties", never + "metrics.auth = token\n");
        app_->signal(SIGHUP);
        app_->waitForLog("metrics.auth has changed and needs a restart");
        CPPUNIT_ASSERT_EQUAL(200, get("/metrics").status);
    }

    void withoutRedisTheProcessHasItsFigures() {
        RedisServer server;
        TcpProxy proxy(server.port());
        start({"plugins.load=api,echo,metrics", "queue.echo.name=" + queueName_}, proxy.port());
        waitUntil([&] { return scrape().value("drover_redis_up") == 1; });
        proxy.refuse();
        proxy.cutAll();
        Exposition found;
        waitUntil([&] {
            found = scrape();
            return found.value("drover_redis_up") == 0 &&
                   found.value("drover_worker_fit", {{"queue", queueName_}}) == 0;
        });
        assertEqual("", found.problemText());
        CPPUNIT_ASSERT(!found.has("drover_queue_jobs"));
        CPPUNIT_ASSERT(found.value("drover_worker_redis_failures_total", {{"queue", queueName_}}) >
                       0);
        CPPUNIT_ASSERT(found.value("process_resident_memory_bytes") > 0);
        proxy.heal();
        waitUntil([&] { return scrape().value("drover_redis_up") == 1; });
    }

private:
    static void equal(double expected,
                      const Exposition& found,
                      const std::string& name,
                      const Exposition::Labels& labels = {}) {
        CPPUNIT_ASSERT_EQUAL_MESSAGE(name, expected, found.value(name, labels));
    }

    static inline const std::string kBearer =
        "Authorization: Bearer drv_8VUlvZA1JfwFUsKM_Q5ftwylLuTmYiodjacm0mh3nlI\r\n";

    /// Writes the file of tokens that has the one of kBearer.
    [[nodiscard]] std::string tokens() const {
        return app_->write(
            "tokens",
            "shop 656a13147e650f0724e7871bbe744b00b7a6ac4f0ff1268d40282f99e2d47cca read\n");
    }

    void start(const std::vector<std::string>& settings,
               int redisPort = RedisServer::shared().port(),
               std::vector<std::string> args = {}) {
        port_ = static_cast<std::uint16_t>(freePort());
        args.insert(args.begin(), "run");
        const auto set = [&args](const std::string& setting) {
            args.emplace_back("--set");
            args.push_back(setting);
        };
        set("redis.port=" + std::to_string(redisPort));
        set("plugins.dir=" + kPlugins);
        set("api.port=" + std::to_string(port_));
        set("api.healthPort=0");
        for (const std::string& setting : settings) {
            set(setting);
        }
        app_->start(args);
        app_->waitForLog("is running");
    }

    [[nodiscard]] RawAnswer get(const std::string& path, const std::string& headers = "") const {
        return RawClient(port_).exchange("GET " + path + " HTTP/1.1\r\nHost: x\r\n" + headers +
                                         "Connection: close\r\n\r\n");
    }
    [[nodiscard]] Exposition scrape() const {
        const RawAnswer answer = get("/metrics");
        CPPUNIT_ASSERT_EQUAL(200, answer.status);
        return Exposition::parse(answer.body);
    }

    /// A scrape of a process with every part that has figures, once for all tests. Jobs wait in a queue that no worker
    /// works, so that its time to drain is measured.
    const Exposition& fullScrape() {
        static std::optional<Exposition> full;
        if (!full) {
            start({"plugins.load=api,echo,metrics,reservation-api",
                   "queue.echo.name=" + queueName_,
                   "queue.reservation.name=" + queueName_ + "-idle",
                   "database.url=postgresql://nobody@127.0.0.1:1/none"});
            WholeQueue queue = makeQueue();
            WholeQueue idle = makeQueue("-idle");
            NewJob job;
            job.name = "echo";
            queue.add(job);
            idle.add(job);
            Exposition found;
            waitUntil([&] {
                found = scrape();
                return found.has("drover_queue_drain_seconds") &&
                       found.has("drover_job_run_seconds_count") &&
                       found.has("drover_http_requests_total");
            });
            full = std::move(found);
        }
        return *full;
    }

    std::uint16_t port_ = 0;
};

CPPUNIT_TEST_SUITE_REGISTRATION(MetricsTest);
