#pragma once

#include <memory>
#include <string>

#include "drover/Redis.h"
#include "redis/Refusal.h"
#include "redis/ScriptRegistry.h"
#include "redis/ServerTime.h"

namespace drover {

struct RedisFigures;

/// Makes the figures of a server, all zero.
[[nodiscard]] std::shared_ptr<RedisFigures> makeRedisFigures();

class Endpoints;

/// Where Redis is, and what every connection to it needs. A value; copies share what is known of the server.
struct RedisOptions : Redis::Settings {
    RedisOptions() = default;
    explicit RedisOptions(const Redis::Settings& settings);

    /// Returns true if `host` is the path of a Unix socket.
    [[nodiscard]] bool isUnixSocket() const { return host.rfind('/', 0) == 0; }
    /// Returns "<host>:<port>", or the path of the socket: for messages.
    [[nodiscard]] std::string address() const {
        return isUnixSocket() ? host : host + ":" + std::to_string(port);
    }
    /// Returns the options of a connection to the server at `address`.
    [[nodiscard]] RedisOptions at(const Redis::Address& address) const;
    /// Returns the options of a connection to the server that serves `slot` now. Throws as Endpoints::find() does.
    [[nodiscard]] RedisOptions located() const;
    /// Returns the options of connections for one slot of a cluster, with a clock and refusals of their own.
    [[nodiscard]] RedisOptions ofSlot(int number) const;
    /// Returns true if Redis is a cluster.
    [[nodiscard]] bool isCluster() const { return !cluster.empty(); }

    /// Finds the server, for sentinels or a cluster; nullptr: it is at `host` and `port`.
    std::shared_ptr<Endpoints> endpoints;
    /// The slot of the keys that the connections serve; -1: any server of a cluster does.
    int slot = -1;
    /// Every connection measures it, and every stored time comes from it.
    std::shared_ptr<ServerTime> time = std::make_shared<ServerTime>();
    /// Every client of the server reports to it and waits for it.
    std::shared_ptr<Refusal> refusal = std::make_shared<Refusal>();
    /// Every client of the server counts its traffic there.
    std::shared_ptr<RedisFigures> figures = makeRedisFigures();
    std::shared_ptr<const ScriptRegistry> scripts = ScriptRegistry::embedded();
};

}  // namespace drover
