#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "drover/Redis.h"
#include "support/RedisServer.h"

namespace drover::test {

/// A master, its replica, and three sentinels that watch them, on loopback.
///
/// The sentinels count a server as down after kDownAfter, and demand two votes.
class SentinelSet {
public:
    static constexpr int kDownAfterMs = 500;

    /// Throws MissingService if redis-server is not installed. Returns once each sentinel knows the replica and its peers.
    SentinelSet();
    ~SentinelSet();
    SentinelSet(const SentinelSet&) = delete;
    SentinelSet& operator=(const SentinelSet&) = delete;

    /// Returns what a client needs to find the master.
    [[nodiscard]] Redis::Settings settings() const;
    /// Returns the server that the sentinels name as the master.
    [[nodiscard]] RedisServer& master();
    [[nodiscard]] int masterPort() const;
    /// Demands a failover of one sentinel, and waits until all name the new master. The old one becomes its replica.
    void failOver();
    /// Returns when a sentinel was first seen to name the present master.
    [[nodiscard]] std::chrono::steady_clock::time_point switchedAt() const { return switchedAt_; }
    /// Kills the master, waits until all sentinels name the replica, and starts the old one as a replica.
    void killMaster();
    /// Ends a sentinel, by its number in [0, 3).
    void stopSentinel(int number) { sentinels_[static_cast<std::size_t>(number)]->process.stop(9); }

private:
    struct Sentinel {
        int port;
        std::string folder;
        ServerProcess process;
    };
    [[nodiscard]] RedisServer& serverAt(int port);
    void awaitNewMaster(int before);
    void awaitReady() const;

    std::vector<std::unique_ptr<RedisServer>> servers_;
    std::vector<std::unique_ptr<Sentinel>> sentinels_;
    std::chrono::steady_clock::time_point switchedAt_{};
};

}  // namespace drover::test
