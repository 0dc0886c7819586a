#include "support/SentinelSet.h"

#include <algorithm>
#include <stdexcept>

#include "support/ServerAnswers.h"

namespace drover::test {

namespace {

/// Returns the port that a sentinel names.
int namedPort(int sentinel) {
    const std::string lines =
        ask(sentinel, {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", Sentinels::kMaster});
    return std::stoi(lines.substr(lines.find('\n') + 1));
}

}  // namespace

SentinelSet::SentinelSet(const TestCertificate* certificate) : certificate_(certificate) {
    // A master waits 5 s for more replicas before it serves the first, unless it needs no disk for it.
    std::vector<std::string> arguments = {"--repl-diskless-sync-delay", "0"};
    if (certificate != nullptr) {
        arguments.insert(arguments.end(), {"--tls-replication", "yes"});
    }
    const RedisServer::Bare reached{certificate};
    servers_.push_back(std::make_unique<RedisServer>(reached, arguments));
    arguments.insert(arguments.end(),
                     {"--replicaof", "127.0.0.1", std::to_string(servers_.front()->port())});
    servers_.push_back(std::make_unique<RedisServer>(reached, arguments));
    await("the replica follows", [this] { return servers_.back()->followsMaster(); });
    sentinels_ = std::make_unique<Sentinels>(servers_.front()->port(), kDownAfterMs, certificate);
    awaitReady();
}

Redis::Settings SentinelSet::settings() const {
    Redis::Settings settings;
    settings.sentinel.emplace();
    settings.sentinel->master = Sentinels::kMaster;
    for (const int port : sentinels_->ports()) {
        settings.sentinel->addresses.push_back({"127.0.0.1", port});
    }
    setTls(settings, certificate_);
    return settings;
}

int SentinelSet::masterPort() const {
    const std::vector<int> running = sentinels_->running();
    if (running.empty()) {
        throw std::runtime_error("no sentinel runs");
    }
    return namedPort(running.front());
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
        for (const int sentinel : sentinels_->running()) {
            const std::string all = ask(sentinel, {"SENTINEL", "MASTER", Sentinels::kMaster});
            const std::string replicas =
                ask(sentinel, {"SENTINEL", "REPLICAS", Sentinels::kMaster});
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
        for (const int sentinel : sentinels_->running()) {
            if (namedPort(sentinel) == before) {
                all = false;
            } else if (switchedAt_ == std::chrono::steady_clock::time_point{}) {
                switchedAt_ = std::chrono::steady_clock::now();
            }
        }
        return all;
    });
}

void SentinelSet::awaitReplica() {
    // On a busy machine the sentinels may have made the old master the new one again meanwhile.
    await("the other server follows the master", [this] {
        const int master = masterPort();
        return std::all_of(servers_.begin(), servers_.end(), [master](const auto& server) {
            return server->port() == master || server->followsMaster();
        });
    });
    awaitReady();
}

void SentinelSet::failOver() {
    const int before = masterPort();
    await("a sentinel begins the failover", [this] {
        return ask(sentinels_->running().back(), {"SENTINEL", "FAILOVER", Sentinels::kMaster}) ==
               "OK";
    });
    awaitNewMaster(before);
    awaitReplica();
}

void SentinelSet::killMaster() {
    const int before = masterPort();
    serverAt(before).stop(9);
    awaitNewMaster(before);
    serverAt(before).start();
    // The sentinels would do it as well, after ten seconds, and on a busy machine not before they trust their clocks again.
    serverAt(before).follow(masterPort());
    awaitReplica();
}

}  // namespace drover::test
