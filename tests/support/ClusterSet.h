#pragma once

#include <memory>
#include <string>
#include <vector>

#include "drover/Redis.h"
#include "support/RedisServer.h"

namespace drover::test {

/// A cluster of three masters on loopback.
class ClusterSet {
public:
    /// Throws MissingService if redis-server or redis-cli is not installed. Returns once all slots are served.
    ClusterSet();
    ClusterSet(const ClusterSet&) = delete;
    ClusterSet& operator=(const ClusterSet&) = delete;

    /// Returns the settings of a client that is told of one node.
    [[nodiscard]] Redis::Settings settings() const;
    /// Returns the port of the node that has the key's slot.
    [[nodiscard]] int portOf(const std::string& key) const;
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

    std::vector<std::unique_ptr<RedisServer>> nodes_;
};

}  // namespace drover::test
