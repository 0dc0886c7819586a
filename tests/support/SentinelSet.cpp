#include "support/SentinelSet.h"

#include <fstream>
#include <stdexcept>

#include "support/ServerAnswers.h"

namespace drover::test {

namespace {

constexpr const char* kMaster = "mymaster";

/// Returns the port that a sentinel names.
int namedPort(int sentinel) {
    const std::string lines = ask(sentinel, {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", kMaster});
    return std::stoi(lines.substr(lines.find('\n') + 1));
}

}  // namespace

SentinelSet::SentinelSet() {
    // A master waits 5 s for more replicas before it serves the first, unless it needs no disk for it.
    const std::vector<std::string> fast = {"--repl-diskless-sync-delay", "0"};
    servers_.push_back(std::make_unique<RedisServer>(fast));
    std::vector<std::string> follows = fast;
    follows.insert(follows.end(),
                   {"--replicaof", "127.0.0.1", std::to_string(servers_.front()->port())});
    servers_.push_back(std::make_unique<RedisServer>(follows));
    await("the replica follows", [this] { return servers_.back()->followsMaster(); });
    for (int i = 0; i < 3; ++i) {
        auto& sentinel = *sentinels_.emplace_back(std::make_unique<Sentinel>());
        sentinel.port = freePort();
        sentinel.folder = makeTempFolder("drover-sentinel-");
        const std::string file = sentinel.folder + "/sentinel.conf";
        const std::string name = std::string(" ") + kMaster + " ";
        std::ofstream(file) << "port " << sentinel.port << "\nbind 127.0.0.1\ndir "
                            << sentinel.folder << "\nsentinel monitor" << name << "127.0.0.1 "
                            << servers_.front()->port() << " 2\nsentinel down-after-milliseconds"
                            << name << kDownAfterMs << "\nsentinel failover-timeout" << name
                            << "2000\nsentinel parallel-syncs" << name << "1\n";
        sentinel.process.start({findProgram("redis-server"), file, "--sentinel"},
                               sentinel.folder + "/log");
    }
    awaitReady();
}

SentinelSet::~SentinelSet() {
    for (const auto& sentinel : sentinels_) {
        sentinel->process.stop(9);
        removeTree(sentinel->folder);
    }
}

Redis::Settings SentinelSet::settings() const {
    Redis::Settings settings;
    settings.sentinel.emplace();
    settings.sentinel->master = kMaster;
    for (const auto& sentinel : sentinels_) {
        settings.sentinel->addresses.push_back({"127.0.0.1", sentinel->port});
    }
    return settings;
}

int SentinelSet::masterPort() const {
    for (const auto& sentinel : sentinels_) {
        if (sentinel->process.running()) {
            return namedPort(sentinel->port);
        }
    }
    throw std::runtime_error("no sentinel runs");
}

RedisServer& SentinelSet::serverAt(int port) {
    for (const auto& server : servers_) {
        if (server->port() == port) {
            return *server;
        }
    }
    throw std::runtime_error("no server at port " + std::to_string(port));
}

RedisServer& SentinelSet::master() {
    return serverAt(masterPort());
}

void SentinelSet::awaitReady() const {
    await("each sentinel knows the replica and its peers", [this] {
        for (const auto& sentinel : sentinels_) {
            if (!sentinel->process.running()) {
                continue;
            }
            const std::string all = ask(sentinel->port, {"SENTINEL", "MASTER", kMaster});
            const std::string replicas = ask(sentinel->port, {"SENTINEL", "REPLICAS", kMaster});
            if (!has(all, "flags\nmaster\n") || !has(all, "num-slaves\n1\n") ||
                !has(all, "num-other-sentinels\n2\n") || !has(replicas, "flags\nslave\n") ||
                !has(replicas, "master-link-status\nok\n")) {
                return false;
            }
        }
        return true;
    });
}

void SentinelSet::awaitNewMaster(int before) {
    switchedAt_ = {};
    await("the sentinels name a new master", [this, before] {
        bool all = true;
        for (const auto& sentinel : sentinels_) {
            if (!sentinel->process.running()) {
                continue;
            }
            if (namedPort(sentinel->port) == before) {
                all = false;
            } else if (switchedAt_ == std::chrono::steady_clock::time_point{}) {
                switchedAt_ = std::chrono::steady_clock::now();
            }
        }
        return all;
    });
}

void SentinelSet::failOver() {
    const int before = masterPort();
    await("a sentinel begins the failover", [this] {
        return ask(sentinels_.back()->port, {"SENTINEL", "FAILOVER", kMaster}) == "OK";
    });
    awaitNewMaster(before);
    await("the old master follows", [&] { return serverAt(before).followsMaster(); });
    awaitReady();
}

void SentinelSet::killMaster() {
    const int before = masterPort();
    serverAt(before).stop(9);
    awaitNewMaster(before);
    serverAt(before).start();
    // The sentinels would do it as well, after ten seconds, and on a busy machine not before they trust their clocks again.
    serverAt(before).follow(masterPort());
    await("the old master follows", [&] { return serverAt(before).followsMaster(); });
    awaitReady();
}

}  // namespace drover::test
