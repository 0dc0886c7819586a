#pragma once

#include <memory>
#include <string>
#include <vector>

#include "drover/Redis.h"
#include "support/RedisServer.h"

namespace drover::test {

/// A cluster on loopback, to which replicas may be added.
///
/// Ports are those without TLS, but for settings().
class ClusterSet {
public:
    /// Throws MissingService if redis-server is not installed. Returns once all slots are served. `certificate`: the nodes
    /// speak TLS with each other, and with the clients of settings().
    explicit ClusterSet(const TestCertificate* certificate = nullptr);
    /// The same with so many masters, of equal size; `extra`: more arguments of each redis-server.
    explicit ClusterSet(int masters,
                        std::vector<std::string> extra = {},
                        const TestCertificate* certificate = nullptr);
    ClusterSet(const ClusterSet&) = delete;
    ClusterSet& operator=(const ClusterSet&) = delete;

    /// Returns the settings of a client that is told of one node.
    [[nodiscard]] Redis::Settings settings() const;
    /// Returns the port of the node that has the key's slot.
    [[nodiscard]] int portOf(const std::string& key) const;
    /// Adds a replica of the node that has the key's slot; returns once it has the node's data.
    void addReplicaFor(const std::string& key);
    /// Makes a replica the master of the key's slot: it agrees with the present one, or the present one is killed.
    void failOver(const std::string& key);
    void killMaster(const std::string& key);
    /// Returns the node that has the key's slot, which stays where it is while it is stopped and started.
    [[nodiscard]] RedisServer& masterOf(const std::string& key);
    /// Moves the slot of the key, with its keys, to another node: first as long as `whileOpen` returns each node has a part of
    /// them. Returns once all nodes know it.
    template <typename WhileOpen>
    void moveSlotOf(const std::string& key, WhileOpen whileOpen) {
        const Move move = beginMove(key);
        moveKeys(move, true);
        whileOpen();
        moveKeys(move, false);
        endMove(move);
    }

private:
    struct Move {
        int slot;
        int from;
        int to;
    };
    [[nodiscard]] Move beginMove(const std::string& key) const;
    /// Moves the keys of the slot; with `some` not all.
    static void moveKeys(const Move& move, bool some);
    void endMove(const Move& move) const;
    [[nodiscard]] static std::string idOf(int port);
    [[nodiscard]] const RedisServer& nodeAt(int port) const;
    /// Starts a node without slots.
    RedisServer& startNode();
    void awaitAnotherMaster(const std::string& key, int before) const;

    const std::vector<std::string> extra_;
    const TestCertificate* const certificate_;
    std::vector<std::unique_ptr<RedisServer>> nodes_;
};

}  // namespace drover::test
