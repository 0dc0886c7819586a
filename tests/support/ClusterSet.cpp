#include "support/ClusterSet.h"

#include <sstream>
#include <stdexcept>
#include <utility>

#include "core/HashSlot.h"
#include "support/ClusterNodes.h"
#include "support/ServerAnswers.h"

namespace drover::test {

namespace {

constexpr int kNodes = 3;

void require(int port, const std::vector<std::string>& args) {
    const std::string reply = ask(port, args);
    if (reply != "OK") {
        throw std::runtime_error(args.front() + " " + args.at(1) + ": " + reply);
    }
}

}  // namespace

RedisServer& ClusterSet::startNode() {
    std::vector<std::string> arguments = clusterArguments();
    if (certificate_ != nullptr) {
        arguments.insert(arguments.end(), {"--tls-cluster", "yes", "--tls-replication", "yes"});
    }
    arguments.insert(arguments.end(), extra_.begin(), extra_.end());
    nodes_.push_back(std::make_unique<RedisServer>(RedisServer::Bare{certificate_}, arguments));
    return *nodes_.back();
}

ClusterSet::ClusterSet(const TestCertificate* certificate) : ClusterSet(kNodes, {}, certificate) {}

ClusterSet::ClusterSet(int masters,
                       std::vector<std::string> extra,
                       const TestCertificate* certificate)
    : extra_(std::move(extra)), certificate_(certificate) {
    std::vector<const RedisServer*> nodes;
    for (int i = 0; i < masters; ++i) {
        nodes.push_back(&startNode());
    }
    joinCluster(nodes);
}

Redis::Settings ClusterSet::settings() const {
    Redis::Settings settings;
    settings.cluster = {{"127.0.0.1", nodes_.front()->port()}};
    setTls(settings, certificate_);
    return settings;
}

int ClusterSet::portOf(const std::string& key) const {
    for (const auto& node : nodes_) {
        try {
            const std::string reply = ask(node->plainPort(), {"EXISTS", key});
            if (reply.rfind("-MOVED", 0) != 0 && reply.rfind("-CLUSTERDOWN", 0) != 0) {
                return node->plainPort();
            }
        } catch (const std::exception&) {
            // It was killed.
        }
    }
    throw std::runtime_error("no node has " + key);
}

const RedisServer& ClusterSet::nodeAt(int port) const {
    for (const auto& node : nodes_) {
        if (node->plainPort() == port) {
            return *node;
        }
    }
    throw std::runtime_error("no node at port " + std::to_string(port));
}

std::string ClusterSet::idOf(int port) {
    return ask(port, {"CLUSTER", "MYID"});
}

void ClusterSet::addReplicaFor(const std::string& key) {
    const int master = portOf(key);
    RedisServer& replica = startNode();
    meet(nodeAt(master), replica);
    await("the replica has met all nodes", [&] {
        return has(ask(replica.plainPort(), {"CLUSTER", "INFO"}), "cluster_slots_ok:16384");
    });
    require(replica.plainPort(), {"CLUSTER", "REPLICATE", idOf(master)});
    await("the replica follows", [&] { return replica.followsMaster(); });
    await("every node has the replica", [&] {
        for (const auto& node : nodes_) {
            if (!has(ask(node->plainPort(), {"CLUSTER", "NODES"}), "slave " + idOf(master))) {
                return false;
            }
        }
        return true;
    });
}

void ClusterSet::failOver(const std::string& key) {
    const int before = portOf(key);
    await("a replica begins", [&] {
        for (const auto& node : nodes_) {
            if (ask(node->plainPort(), {"CLUSTER", "FAILOVER"}) == "OK") {
                return true;
            }
        }
        return false;
    });
    awaitAnotherMaster(key, before);
    for (const auto& node : nodes_) {
        if (node->plainPort() == before) {
            await("the former master follows", [&] { return node->followsMaster(); });
        }
    }
}

void ClusterSet::killMaster(const std::string& key) {
    const int before = portOf(key);
    for (const auto& node : nodes_) {
        if (node->plainPort() == before) {
            node->stop(9);
        }
    }
    awaitAnotherMaster(key, before);
}

RedisServer& ClusterSet::masterOf(const std::string& key) {
    const int port = portOf(key);
    for (const auto& node : nodes_) {
        if (node->plainPort() == port) {
            return *node;
        }
    }
    throw std::runtime_error("no node has " + key);
}

void ClusterSet::awaitAnotherMaster(const std::string& key, int before) const {
    await("another node has the slot", [&] { return portOf(key) != before; });
}

ClusterSet::Move ClusterSet::beginMove(const std::string& key) const {
    Move move{hashSlot(key), portOf(key), 0};
    for (const auto& node : nodes_) {
        move.to = node->plainPort() == move.from ? move.to : node->plainPort();
    }
    const std::string slot = std::to_string(move.slot);
    require(move.to, {"CLUSTER", "SETSLOT", slot, "IMPORTING", idOf(move.from)});
    require(move.from, {"CLUSTER", "SETSLOT", slot, "MIGRATING", idOf(move.to)});
    return move;
}

void ClusterSet::moveKeys(const Move& move, bool some) {
    const std::string slot = std::to_string(move.slot);
    while (true) {
        std::istringstream keys(
            ask(move.from, {"CLUSTER", "GETKEYSINSLOT", slot, some ? "20" : "500"}));
        std::vector<std::string> migrate = {
            "MIGRATE", "127.0.0.1", std::to_string(move.to), "", "0", "20000", "KEYS"};
        const std::size_t before = migrate.size();
        for (std::string key; std::getline(keys, key);) {
            migrate.push_back(key);
        }
        if (migrate.size() == before) {
            return;
        }
        require(move.from, migrate);
        if (some) {
            return;
        }
    }
}

void ClusterSet::endMove(const Move& move) const {
    const std::string slot = std::to_string(move.slot);
    const std::string to = idOf(move.to);
    require(move.to, {"CLUSTER", "SETSLOT", slot, "NODE", to});
    for (const auto& node : nodes_) {
        if (node->plainPort() != move.to) {
            require(node->plainPort(), {"CLUSTER", "SETSLOT", slot, "NODE", to});
        }
    }
}

}  // namespace drover::test
