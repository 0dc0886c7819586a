#include "support/ClusterSet.h"

#include <sstream>
#include <stdexcept>

#include "core/HashSlot.h"
#include "support/ServerAnswers.h"

namespace drover::test {

namespace {

constexpr int kNodes = 3;
constexpr int kSlots = 16384;

void require(int port, const std::vector<std::string>& args) {
    const std::string reply = ask(port, args);
    if (reply != "OK") {
        throw std::runtime_error(args.front() + " " + args.at(1) + ": " + reply);
    }
}

/// Introduces a node to another one.
void meet(int port, int other) {
    const std::string bus = ask(other, {"CONFIG", "GET", "cluster-port"});
    require(port,
            {"CLUSTER",
             "MEET",
             "127.0.0.1",
             std::to_string(other),
             bus.substr(bus.find('\n') + 1, bus.size() - bus.find('\n') - 2)});
}

}  // namespace

RedisServer& ClusterSet::startNode() {
    // A port above 55535 leaves none for the bus of the cluster, which has one of its own here.
    nodes_.push_back(
        std::make_unique<RedisServer>(std::vector<std::string>{"--cluster-enabled",
                                                               "yes",
                                                               "--cluster-port",
                                                               std::to_string(freePort()),
                                                               "--cluster-node-timeout",
                                                               "2000",
                                                               "--repl-diskless-sync-delay",
                                                               "0"}));
    return *nodes_.back();
}

ClusterSet::ClusterSet() {
    for (int i = 0; i < kNodes; ++i) {
        // A port above 55535 leaves none for the bus of the cluster, which has one of its own here.
        nodes_.push_back(
            std::make_unique<RedisServer>(std::vector<std::string>{"--cluster-enabled",
                                                                   "yes",
                                                                   "--cluster-port",
                                                                   std::to_string(freePort()),
                                                                   "--cluster-node-timeout",
                                                                   "2000"}));
        require(nodes_.back()->port(),
                {"CLUSTER",
                 "ADDSLOTSRANGE",
                 std::to_string(kSlots * i / kNodes),
                 std::to_string(kSlots * (i + 1) / kNodes - 1)});
        require(nodes_.back()->port(), {"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
    }
    for (const auto& node : nodes_) {
        meet(nodes_.front()->port(), node->port());
    }
    await("every node serves all slots", [this] {
        for (const auto& node : nodes_) {
            const std::string info = ask(node->port(), {"CLUSTER", "INFO"});
            if (!has(info, "cluster_state:ok") || !has(info, "cluster_slots_ok:16384") ||
                !has(info, "cluster_known_nodes:3")) {
                return false;
            }
        }
        return true;
    });
}

Redis::Settings ClusterSet::settings() const {
    Redis::Settings settings;
    settings.cluster = {{"127.0.0.1", nodes_.front()->port()}};
    return settings;
}

int ClusterSet::portOf(const std::string& key) const {
    for (const auto& node : nodes_) {
        try {
            const std::string reply = ask(node->port(), {"EXISTS", key});
            if (reply.rfind("-MOVED", 0) != 0 && reply.rfind("-CLUSTERDOWN", 0) != 0) {
                return node->port();
            }
        } catch (const std::exception&) {
            // It was killed.
        }
    }
    throw std::runtime_error("no node has " + key);
}

std::string ClusterSet::idOf(int port) {
    return ask(port, {"CLUSTER", "MYID"});
}

void ClusterSet::addReplicaFor(const std::string& key) {
    const int master = portOf(key);
    RedisServer& replica = startNode();
    meet(master, replica.port());
    await("the replica has met all nodes", [&] {
        return has(ask(replica.port(), {"CLUSTER", "INFO"}), "cluster_slots_ok:16384");
    });
    require(replica.port(), {"CLUSTER", "REPLICATE", idOf(master)});
    await("the replica follows", [&] { return replica.followsMaster(); });
    await("every node has the replica", [&] {
        for (const auto& node : nodes_) {
            if (!has(ask(node->port(), {"CLUSTER", "NODES"}), "slave " + idOf(master))) {
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
            if (ask(node->port(), {"CLUSTER", "FAILOVER"}) == "OK") {
                return true;
            }
        }
        return false;
    });
    awaitAnotherMaster(key, before);
    for (const auto& node : nodes_) {
        if (node->port() == before) {
            await("the former master follows", [&] { return node->followsMaster(); });
        }
    }
}

void ClusterSet::killMaster(const std::string& key) {
    const int before = portOf(key);
    for (const auto& node : nodes_) {
        if (node->port() == before) {
            node->stop(9);
        }
    }
    awaitAnotherMaster(key, before);
}

void ClusterSet::awaitAnotherMaster(const std::string& key, int before) const {
    await("another node has the slot", [&] { return portOf(key) != before; });
}

ClusterSet::Move ClusterSet::beginMove(const std::string& key) const {
    Move move{hashSlot(key), portOf(key), 0};
    for (const auto& node : nodes_) {
        move.to = node->port() == move.from ? move.to : node->port();
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
        if (node->port() != move.to) {
            require(node->port(), {"CLUSTER", "SETSLOT", slot, "NODE", to});
        }
    }
}

}  // namespace drover::test
