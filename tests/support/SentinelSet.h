#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "drover/Redis.h"
#include "support/RedisServer.h"
#include "support/Sentinels.h"

namespace drover::test {

/// A master, its replica, and three sentinels that watch them, on loopback.
///
/// The sentinels count a server as down after kDownAfter, and demand two votes.
class SentinelSet {
public:
    static constexpr int kDownAfterMs = 500;

    /// Throws MissingService if redis-server is not installed. Returns once each sentinel knows the replica and its peers.
    /// `certificate`: all speak TLS, and demand it of the clients of settings().
    explicit SentinelSet(const TestCertificate* certificate = nullptr);
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
    void stopSentinel(int number) { sentinels_->stop(number); }

private:
    [[nodiscard]] RedisServer& serverAt(int port);
    void awaitNewMaster(int before);
    void awaitReady() const;
    void awaitReplica();

    const TestCertificate* const certificate_;
    std::vector<std::unique_ptr<RedisServer>> servers_;
    std::unique_ptr<Sentinels> sentinels_;
    std::chrono::steady_clock::time_point switchedAt_{};
};

}  // namespace drover::test
