#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/RedisServer.h"

namespace drover::test {

/// Returns the arguments that make a redis-server the node of a cluster; its bus gets a free port.
[[nodiscard]] std::vector<std::string> clusterArguments();

/// Introduces a node to another one.
void meet(const RedisServer& node, const RedisServer& other);

/// Makes a cluster of new nodes, each of which gets an equal range of the slots, in their order. Returns once all serve.
void joinCluster(const std::vector<const RedisServer*>& nodes);

/// Two nodes that make a cluster of three with a server, which has the first third of the slots.
class ClusterNeighbours {
public:
    explicit ClusterNeighbours(const RedisServer& first);

    /// Returns the port of one of the two: a client has to find the server from there.
    [[nodiscard]] int port() const { return nodes_.front()->port(); }

private:
    std::vector<std::unique_ptr<RedisServer>> nodes_;
};

}  // namespace drover::test
