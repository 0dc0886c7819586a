#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "core/Clock.h"
#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

namespace drover {

/// Waits for the queue's marker by BZPOPMIN, on a connection of its own, which is armed ahead of the wait.
///
/// Liveness is progress (docs/pitfalls.md#r8): a reply, be it a marker or a timeout, must come within the block's time and a margin; else the
/// connection counts as dead and is replaced. Source: docs/wire-format.md#marker.
/// Threads: the claim loop's.
class MarkerWait {
public:
    using Time = Clock::Monotonic;

    MarkerWait(const QueueContext& queue, std::unique_ptr<RedisClient> redis, const Clock& clock);

    /// Opens the connection, whose name dashboards list as the worker's. Does nothing while Redis is away.
    void connect();
    /// Arms the block unless it is armed. `nextDelayedMs`: when the earliest delayed job is due (epoch; 0: none known).
    /// Does nothing while Redis is away.
    void arm(std::int64_t nextDelayedMs, std::chrono::milliseconds drainDelay);
    [[nodiscard]] bool armed() const { return armed_; }
    /// Returns how long the last block lasts in Redis.
    [[nodiscard]] std::chrono::milliseconds blockTime() const { return blockTime_; }
    /// For poll(); -1 unless armed.
    [[nodiscard]] int fd();
    /// Returns when poll() should return at the latest: the watchdog, or the next attempt to connect.
    [[nodiscard]] Time deadline() const;

    enum class Woken {
        No,    ///< No reply has come yet.
        Look,  ///< Claim now: a marker was popped, or the block timed out.
        Lost,  ///< Claim now: the connection was lost, and maybe a marker with it.
        Later  ///< A marker for a delayed job was popped; nextDelayedMs() has its due time.
    };
    /// Reads the reply, if one has come.
    Woken check();
    [[nodiscard]] std::int64_t nextDelayedMs() const { return nextDelayedMs_; }

    /// Ends the block. Puts a marker back that was popped meanwhile and not used, so that it wakes another worker.
    void disarm(RedisClient& commands);

private:
    void lost(const std::string& why);

    const QueueContext& queue_;
    const std::unique_ptr<RedisClient> redis_;
    const Clock& clock_;
    bool armed_ = false;
    std::chrono::milliseconds blockTime_{0};
    Time watchdog_{};
    std::int64_t nextDelayedMs_ = 0;
};

}  // namespace drover
