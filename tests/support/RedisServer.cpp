#include "support/RedisServer.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "support/ClusterNodes.h"
#include "support/InlineCommand.h"
#include "support/Patience.h"
#include "support/Sentinels.h"
#include "support/TestCertificate.h"

namespace drover::test {

namespace {

const std::string kTlsName = "redis.test";

std::vector<std::string> variablesOf(const TestCertificate& certificate) {
    return {"DROVER_REDIS_TLS=true",
            "DROVER_REDIS_TLS_CA=" + certificate.certificate(),
            "DROVER_REDIS_TLS_SERVERNAME=" + kTlsName};
}

/// Returns the certificate of all servers of the process; nullptr: they are reached without TLS.
const TestCertificate* tlsCertificate() {
    static const auto* const kCertificate = []() -> const TestCertificate* {
        const char* const set = std::getenv("DROVER_TEST_TLS");
        if (set == nullptr || *set == '\0') {
            return nullptr;
        }
        for (const std::string& variable : variablesOf(redisCertificate())) {
            const std::size_t at = variable.find('=');
            setenv(variable.substr(0, at).c_str(), variable.c_str() + at + 1, 1);
        }
        return &redisCertificate();
    }();
    return kCertificate;
}

/// Returns true if tests are the user of docs/redis.md.
bool hasUser() {
    const char* const set = std::getenv("DROVER_TEST_ACL");
    return set != nullptr && *set != '\0';
}

bool contains(const std::vector<std::string>& all, const std::string& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
}

std::vector<std::string> extraIn(Topology topology, std::vector<std::string> extra) {
    if (topology == Topology::Cluster) {
        const std::vector<std::string> more = clusterArguments();
        extra.insert(extra.end(), more.begin(), more.end());
    }
    return extra;
}

}  // namespace

const TestCertificate& redisCertificate() {
    static const TestCertificate kCertificate(kTlsName);
    return kCertificate;
}

Topology testTopology() {
    static const Topology kTopology = [] {
        const char* const set = std::getenv("DROVER_TEST_TOPOLOGY");
        const std::string name = set != nullptr ? set : "";
        if (name.empty()) {
            return Topology::Alone;
        }
        if (tlsCertificate() != nullptr) {
            throw std::runtime_error("DROVER_TEST_TOPOLOGY and DROVER_TEST_TLS exclude each other");
        }
        if (name != "cluster" && name != "sentinel") {
            throw std::runtime_error("DROVER_TEST_TOPOLOGY is \"cluster\" or \"sentinel\", not " +
                                     name);
        }
        return name == "cluster" ? Topology::Cluster : Topology::Sentinel;
    }();
    return kTopology;
}

std::string queueTag() {
    // Slot 3300: in the first third.
    return testTopology() == Topology::Cluster ? "{b}" : "";
}

std::vector<std::string> documentedUser() {
    std::ifstream file(DROVER_SOURCE_DIR "/docs/redis.md");
    for (std::string line; std::getline(file, line);) {
        if (line.rfind("ACL SETUSER drover", 0) == 0) {
            std::istringstream words(line);
            return {std::istream_iterator<std::string>(words), {}};
        }
    }
    throw std::runtime_error("docs/redis.md has no line \"ACL SETUSER drover\"");
}

void setUser(Redis::Settings& settings) {
    settings.user = "drover";
    settings.password = "PASSWORD";
}

Redis::Settings redisAt(int port) {
    Redis::Settings settings;
    if (hasUser()) {
        setUser(settings);
    }
    if (testTopology() == Topology::Cluster) {
        settings.cluster = {{"127.0.0.1", port}};
        return settings;
    }
    if (testTopology() == Topology::Sentinel) {
        settings.sentinel.emplace();
        settings.sentinel->master = Sentinels::kMaster;
        settings.sentinel->addresses = {{"127.0.0.1", port}};
        return settings;
    }
    settings.port = port;
    setTls(settings, tlsCertificate());
    return settings;
}

void setTls(Redis::Settings& settings, const TestCertificate* certificate) {
    if (certificate != nullptr) {
        settings.tls = Redis::Tls{};
        settings.tls->ca = certificate->certificate();
        settings.tls->serverName = kTlsName;
        settings.connectTimeout = kAtOnce;  // A handshake takes processor time.
    }
}

std::vector<std::string> tlsArguments(int port, const TestCertificate& certificate) {
    return {"--tls-port",
            std::to_string(port),
            "--tls-cert-file",
            certificate.certificate(),
            "--tls-key-file",
            certificate.key(),
            "--tls-ca-cert-file",
            certificate.certificate(),
            "--tls-auth-clients",
            "no"};
}

std::string redisLines(int port) {
    const std::string number = std::to_string(port);
    switch (testTopology()) {
        case Topology::Cluster:
            return "redis.prefix = {bull}\nredis.cluster = 127.0.0.1:" + number + "\n";
        case Topology::Sentinel:
            return "redis.sentinels = 127.0.0.1:" + number +
                   "\nredis.master = " + Sentinels::kMaster + "\n";
        case Topology::Alone:
            break;
    }
    return "redis.port = " + number + "\n" +
           (hasUser() ? "redis.user = drover\nredis.password = PASSWORD\n" : "");
}

std::string redisUrl(int port) {
    return (tlsCertificate() == nullptr ? "redis://127.0.0.1:" : "rediss://127.0.0.1:") +
           std::to_string(port);
}

std::vector<std::string> redisVariables() {
    const TestCertificate* const certificate = tlsCertificate();
    return certificate == nullptr ? std::vector<std::string>() : variablesOf(*certificate);
}

RedisServer::RedisServer(const std::vector<std::string>& extra)
    : RedisServer(Bare{contains(extra, "--tls-port") ? nullptr : tlsCertificate()},
                  extraIn(testTopology(), extra)) {
    if (testTopology() == Topology::Cluster) {
        neighbours_ = std::make_unique<ClusterNeighbours>(*this);
    } else if (testTopology() == Topology::Sentinel) {
        // No replica could take over: the sentinels only name the master.
        sentinels_ = std::make_unique<Sentinels>(plainPort_, 60000);
    }
}

RedisServer::RedisServer(Bare bare, const std::vector<std::string>& extra)
    : plainPort_(freePort()), folder_(makeTempFolder("drover-redis-")) {
    args_ = {findProgram("redis-server"),
             "--bind",
             "127.0.0.1",
             "--port",
             std::to_string(plainPort_),
             "--dir",
             folder_,
             "--appendonly",
             "yes",
             "--appendfsync",
             "everysec",
             "--save",
             "",
             "--maxmemory-policy",
             "noeviction",
             // DEBUG SLEEP, for what a slow server does.
             "--enable-debug-command",
             "local"};
    args_.insert(args_.end(), extra.begin(), extra.end());
    if (hasUser()) {
        const std::vector<std::string> words = documentedUser();
        args_.emplace_back("--user");
        args_.insert(args_.end(), words.begin() + 2, words.end());
    }
    if (const TestCertificate* const certificate = bare.certificate) {
        tlsPort_ = freePort();
        const std::vector<std::string> tls = tlsArguments(tlsPort_, *certificate);
        args_.insert(args_.end(), tls.begin(), tls.end());
    }
    start();
}

RedisServer::~RedisServer() {
    process_.stop(9);
    removeTree(folder_);
}

int RedisServer::port() const {
    if (neighbours_ != nullptr) {
        return neighbours_->port();
    }
    if (sentinels_ != nullptr) {
        return sentinels_->ports().front();
    }
    return tlsPort_ != 0 ? tlsPort_ : plainPort_;
}

std::string RedisServer::commandText(const std::string& line) const {
    return askInline(plainPort_, line);
}

std::string RedisServer::command(const std::string& line) const {
    const std::string text = commandText(line);
    return text.substr(0, text.find('\r'));
}

void RedisServer::require(const std::string& line) const {
    const std::string reply = command(line);
    // REPLICAOF answers "+OK Already connected to specified master" at times.
    if (reply.rfind("+OK", 0) != 0) {
        throw std::runtime_error("redis-server " + line + ": " + reply);
    }
}

void RedisServer::promote() {
    require("REPLICAOF NO ONE");
}

void RedisServer::follow(int masterPort) {
    require("REPLICAOF 127.0.0.1 " + std::to_string(masterPort));
}

bool RedisServer::followsMaster() const {
    // ROLE of a replica: the third element is the link's state; an inline reply is read as one text.
    return commandText("ROLE").find("\r\nconnected\r\n") != std::string::npos;
}

void RedisServer::start() {
    process_.start(args_, folder_ + "/log");
    waitUntilReady();
}

void RedisServer::waitUntilReady() const {
    // A value, or "-NOAUTH" when a password is set: both mean that it is up; "-LOADING" means that it is not.
    process_.waitUntil(
        [this] {
            try {
                return command("GET x").rfind("-LOADING", 0) != 0;
            } catch (const std::exception&) {
                return false;
            }
        },
        std::chrono::seconds(20));
}

RedisServer::Backup RedisServer::backUp() {
    require("SAVE");
    Backup backup{folder_ + "/backup-" + std::to_string(++backups_) + ".rdb"};
    std::filesystem::copy_file(folder_ + "/dump.rdb", backup.file);
    return backup;
}

RedisServer::Backup RedisServer::copyAof() {
    // Without a rewrite meanwhile, which would remove a file that is being copied.
    static_cast<void>(command("CONFIG SET auto-aof-rewrite-percentage 0"));
    Backup backup{folder_ + "/backup-" + std::to_string(++backups_)};
    std::filesystem::copy(
        folder_ + "/appendonlydir", backup.file, std::filesystem::copy_options::recursive);
    return backup;
}

void RedisServer::rewind(const Backup& backup) {
    process_.stop(SIGKILL);
    const std::string aof = folder_ + "/appendonlydir";
    std::filesystem::remove_all(aof);
    if (std::filesystem::is_directory(backup.file)) {
        std::filesystem::copy(backup.file, aof, std::filesystem::copy_options::recursive);
        start();
        return;
    }
    std::filesystem::copy_file(
        backup.file, folder_ + "/dump.rdb", std::filesystem::copy_options::overwrite_existing);
    // With an append-only file wanted and none there, Redis 7 ignores the RDB file.
    std::vector<std::string> args = args_;
    *(std::find(args.begin(), args.end(), "--appendonly") + 1) = "no";
    process_.start(args, folder_ + "/log");
    waitUntilReady();
    require("CONFIG SET appendonly yes");
}

void RedisServer::stop(int signal) {
    process_.stop(signal);
}

RedisServer& RedisServer::shared() {
    static RedisServer server;
    return server;
}

}  // namespace drover::test
