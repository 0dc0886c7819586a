#include "support/ClusterNodes.h"

#include <cctype>

#include "support/Await.h"

namespace drover::test {

namespace {

constexpr std::size_t kSlots = 16384;

/// Returns the number at the end of a reply.
std::string lastNumber(const std::string& reply) {
    std::size_t end = reply.size();
    while (end > 0 && std::isdigit(static_cast<unsigned char>(reply[end - 1])) == 0) {
        --end;
    }
    std::size_t begin = end;
    while (begin > 0 && std::isdigit(static_cast<unsigned char>(reply[begin - 1])) != 0) {
        --begin;
    }
    return reply.substr(begin, end - begin);
}

}  // namespace

std::vector<std::string> clusterArguments() {
    // A port above 55535 leaves none for the bus of the cluster, which has one of its own here.
    return {"--cluster-enabled",
            "yes",
            "--cluster-port",
            std::to_string(freePort()),
            "--cluster-node-timeout",
            "2000",
            "--repl-diskless-sync-delay",
            "0"};
}

void meet(const RedisServer& node, const RedisServer& other) {
    node.require("CLUSTER MEET 127.0.0.1 " + std::to_string(other.port()) + " " +
                 lastNumber(other.commandText("CONFIG GET cluster-port")));
}

void joinCluster(const std::vector<const RedisServer*>& nodes) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        nodes[i]->require("CLUSTER ADDSLOTSRANGE " + std::to_string(kSlots * i / nodes.size()) +
                          " " + std::to_string(kSlots * (i + 1) / nodes.size() - 1));
        nodes[i]->require("CLUSTER SET-CONFIG-EPOCH " + std::to_string(i + 1));
    }
    for (const RedisServer* const node : nodes) {
        meet(*nodes.front(), *node);
    }
    await("every node serves all slots", [&] {
        for (const RedisServer* const node : nodes) {
            const std::string info = node->commandText("CLUSTER INFO");
            if (!has(info, "cluster_state:ok") || !has(info, "cluster_slots_ok:16384") ||
                !has(info, "cluster_known_nodes:" + std::to_string(nodes.size()) + "\r")) {
                return false;
            }
        }
        return true;
    });
}

ClusterNeighbours::ClusterNeighbours(const RedisServer& first) {
    for (int i = 0; i < 2; ++i) {
        nodes_.push_back(std::make_unique<RedisServer>(RedisServer::Bare(), clusterArguments()));
    }
    joinCluster({&first, nodes_[0].get(), nodes_[1].get()});
}

}  // namespace drover::test
