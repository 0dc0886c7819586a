#include "chaos/Fleet.h"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <thread>
#include <unistd.h>
#include <utility>

#include <cppunit/TestAssert.h>

#include "store/DatabaseUrl.h"
#include "support/PostgresServer.h"
#include "support/RedisServer.h"

namespace drover::test {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kStartLimit{20000};
const std::string kConf = DROVER_SOURCE_DIR "/conf";

std::string contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

store::SessionSettings sessionSettings(const std::string& url) {
    store::SessionSettings settings;
    settings.url = store::DatabaseUrl::parse(url);
    settings.statementTimeout = std::chrono::seconds(30);
    return settings;
}

/// A new database on the executable's cluster; its name.
std::string makeDatabase() {
    static int number = 0;
    const std::string name = "chaos_" + std::to_string(++number);
    store::Session(sessionSettings(PostgresServer::shared().url()))
        .execute("CREATE DATABASE " + name);
    return name;
}

}  // namespace

Fleet::Fleet(Settings settings)
    : settings_(std::move(settings)),
      database_(makeDatabase()),
      port_(freePort()),
      queue_(RedisServer::shared().port()),
      ledger_(sessionSettings(PostgresServer::shared().url(database_))),
      folder_(makeTempFolder("drover-chaos-")) {
    queue_.reset();
    loadDemoData();
    startProducer();
    for (int i = 0; i < settings_.consumers; ++i) {
        consumers_.push_back(std::make_unique<Consumer>());
        consumers_.back()->name = "consumer-" + std::to_string(i + 1);
        startConsumer(static_cast<std::size_t>(i));
    }
    waitUntilProducing();
    for (std::size_t i = 0; i < consumers_.size(); ++i) {
        waitUntilReady(i);
    }
}

void Fleet::startProducer() {
    std::vector<std::string> producer = {"run",
                                         "--config",
                                         kConf + "/producer.properties",
                                         "--set",
                                         "control.socket=" + pathOf("producer.sock"),
                                         "--set",
                                         "api.port=" + std::to_string(port_),
                                         "--set",
                                         "api.healthPort=0"};
    if (!settings_.jobOptions.empty()) {
        producer.insert(producer.end(),
                        {"--set", "api.route.reserve.options=" + settings_.jobOptions});
    }
    for (const std::string& key : settings_.producerKeys) {
        producer.insert(producer.end(), {"--set", key});
    }
    producer_.start(commandLine("producer", producer), pathOf("producer.log"));
}

void Fleet::waitUntilProducing() {
    producer_.waitUntil([this] { return accepts(port_); }, kStartLimit);
}

Fleet::~Fleet() {
    producer_.stop(9);
    consumers_.clear();
    try {
        // A cluster with the databases of a hundred fleets takes a minute to copy.
        store::Session(sessionSettings(PostgresServer::shared().url()))
            .execute("DROP DATABASE " + database_ + " WITH (FORCE)");
    } catch (const std::exception&) {
        // The server is away: the cluster goes with the test.
    }
    if (exact_) {
        removeTree(folder_);
    } else {
        std::cerr << "\n  the logs of the fleet are in " << folder_ << '\n';
    }
}

void Fleet::useServer(const PostgresServer& server) {
    ledger_.useServer(sessionSettings(server.url(database_)));
}

void Fleet::loadDemoData() {
    ServerProcess migrate;
    migrate.start(
        commandLine("migrate", {"db", "migrate", "--schema", DROVER_SOURCE_DIR "/schema"}),
        pathOf("migrate.log"));
    eventually(
        "migrated", [&migrate] { return !migrate.running(); }, kStartLimit);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(contents(pathOf("migrate.log")), 0, migrate.stop(0));
    ledger_.session().script(contents(DROVER_SOURCE_DIR "/schema/demo.sql"));
}

std::vector<std::int64_t> Fleet::addEvents(int count, std::int64_t seats) {
    const store::Result rows = ledger_.session().execute(
        "INSERT INTO events (name, date, location, max_tickets)"
        " SELECT 'Event ' || n + (SELECT max(id) FROM events), now(), 'Hall', $1"
        " FROM generate_series(1, $2) n RETURNING id",
        store::Params().bigint(seats).bigint(count));
    std::vector<std::int64_t> ids;
    ids.reserve(static_cast<std::size_t>(rows.rows()));
    for (int row = 0; row < rows.rows(); ++row) {
        ids.push_back(rows.bigint(row, 0));
    }
    return ids;
}

std::vector<std::string> Fleet::commandLine(const std::string& name,
                                            const std::vector<std::string>& words,
                                            const std::string& failpoint) const {
    const char* path = std::getenv("PATH");
    // The migration goes to the servers themselves: it is not under test.
    const bool direct = name == "migrate";
    const int redisPort =
        direct || settings_.redisPort == 0 ? RedisServer::shared().port() : settings_.redisPort;
    const std::string url =
        direct || settings_.postgresPort == 0
            ? PostgresServer::shared().url(database_)
            : PostgresServer::url(database_, settings_.postgresPort, settings_.secondPostgresPort);
    std::vector<std::string> line = {"env",
                                     "-i",
                                     std::string("PATH=") + (path == nullptr ? "" : path),
                                     "XDG_RUNTIME_DIR=" + folder_,
                                     "DATABASE_URL=" + url};
    if (settings_.clusterPort == 0) {
        line.insert(line.end(),
                    {"REDIS_HOST=127.0.0.1", "REDIS_PORT=" + std::to_string(redisPort)});
        for (const std::string& variable : redisVariables()) {
            line.push_back(variable);
        }
    } else {
        line.push_back("DROVER_REDIS_CLUSTER=127.0.0.1:" + std::to_string(settings_.clusterPort));
    }
    if (!failpoint.empty()) {
        line.push_back("DROVER_FAIL=" + failpoint);
    }
    line.emplace_back(DROVER_BINARY_DIR "/engine/drover");
    line.insert(line.end(), words.begin(), words.end());
    if (!direct) {
        line.insert(line.end(), {"--set", "plugins.dir=" DROVER_BINARY_DIR "/plugins"});
    }
    return line;
}

void Fleet::startConsumer(std::size_t index, const std::string& failpoint) {
    Consumer& consumer = *consumers_.at(index);
    std::vector<std::string> words = {
        "run",
        "--config",
        kConf + "/consumer.properties",
        "--set",
        "control.socket=" + pathOf(consumer.name + ".sock"),
        "--set",
        "queue.reservation.lockDurationMs=" + std::to_string(settings_.lockDuration.count()),
        "--set",
        "queue.reservation.stalledIntervalMs=" + std::to_string(settings_.stalledInterval.count())};
    for (const std::string& key : settings_.consumerKeys) {
        words.insert(words.end(), {"--set", key});
    }
    consumer.process.start(commandLine(consumer.name, words, failpoint),
                           pathOf(consumer.name + ".log"));
}

void Fleet::waitUntilReady(std::size_t index) {
    const Consumer& consumer = *consumers_.at(index);
    const std::string health = std::string(DROVER_BINARY_DIR "/engine/drover health --set ") +
                               "control.socket=" + pathOf(consumer.name + ".sock") +
                               " >/dev/null 2>&1";
    consumer.process.waitUntil([&health] { return std::system(health.c_str()) == 0; }, kStartLimit);
}

void Fleet::killConsumer(std::size_t index) {
    consumers_.at(index)->process.stop(9);
}

void Fleet::killRandomConsumer(std::mt19937& random) {
    const std::size_t index =
        std::uniform_int_distribution<std::size_t>(0, consumers_.size() - 1)(random);
    killConsumer(index);
    startConsumer(index);
}

std::string Fleet::logOf(std::size_t index) const {
    return contents(pathOf(consumers_.at(index)->name + ".log"));
}

std::vector<Answer> Fleet::postReservations(std::vector<Ask> asks, int clients) {
    Load load(port_, std::move(asks), clients);
    load.finish();
    return load.answers();
}

std::unique_ptr<Load> Fleet::startLoad(std::vector<Ask> asks,
                                       int clients,
                                       int perSecond,
                                       AcceptanceLog* log) const {
    return std::make_unique<Load>(port_, std::move(asks), clients, perSecond, log);
}

Fleet::Milliseconds Fleet::waitUntilSettled(Milliseconds within) {
    return eventually(
        "all jobs are done", [this] { return queue_.idle(); }, within);
}

void Fleet::assertExact(const std::vector<Answer>& answers) {
    ledger_.assertExact(answers);
    queue_.assertEndings(ledger_.outcomes("RESERVED"), ledger_.outcomes("REJECTED"));
    queue_.assertClean();
    exact_ = true;
}

std::chrono::milliseconds eventually(const std::string& what,
                                     const std::function<bool()>& holds,
                                     std::chrono::milliseconds within) {
    const auto began = Clock::now();
    while (!holds()) {
        CPPUNIT_ASSERT_MESSAGE("not within " + std::to_string(within.count()) + " ms: " + what,
                               Clock::now() - began < within);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
}

int countFrom(const char* environment, int otherwise) {
    const char* text = std::getenv(environment);
    return text == nullptr ? otherwise : std::stoi(text);
}

std::mt19937 seededRandom(const std::string& test) {
    const char* given = std::getenv("DROVER_CHAOS_SEED");
    const auto seed =
        given == nullptr ? std::random_device{}() : static_cast<unsigned>(std::stoul(given));
    std::cerr << "\n  " << test << ": DROVER_CHAOS_SEED=" << seed << '\n';
    return std::mt19937(seed);
}

}  // namespace drover::test
