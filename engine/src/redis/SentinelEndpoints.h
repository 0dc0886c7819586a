#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/WakeSignal.h"
#include "redis/Endpoints.h"
#include "redis/RedisOptions.h"

namespace drover {

class Connection;
class ReplyView;

/// Asks sentinels for the master, and listens to them for a new one.
///
/// The first sentinel that answers is asked first from then on. A new master ends the connections to the old one.
/// Threads: any; from the first find() on, one of its own listens to `+switch-master`, of one sentinel after another.
class SentinelEndpoints final : public Endpoints {
public:
    explicit SentinelEndpoints(const Redis::Settings& settings);
    ~SentinelEndpoints() override;

    Address find(int slot) override;
    void suspect(int slot, const Address& address) override;
    void onMoved(int /*slot*/, const Address& /*address*/) override {}
    std::vector<Address> masters() override { return {find(kAnySlot)}; }

private:
    using Clock = std::chrono::steady_clock;

    /// Asks until a sentinel answers; with asking_ held.
    Address ask();
    /// Returns the answer of a sentinel; std::nullopt: it does not know the master's name.
    [[nodiscard]] std::optional<Address> askOne(const Address& sentinel) const;
    /// Makes it the master, and ends the connections to another one.
    void change(const Address& master);
    void listen();
    /// Listens to a sentinel until it is gone, or until stop.
    void listenTo(const Address& sentinel);
    void onMessage(const ReplyView& message);

    const std::string master_;
    const std::vector<Address> addresses_;
    const RedisOptions options_;  ///< Lack the address of the sentinel.

    std::mutex asking_;           ///< Held while sentinels are asked; never taken with mutex_ held.
    std::vector<Address> order_;  ///< The one that answered last is the first; under asking_.
    std::mutex mutex_;
    std::optional<Address> known_;
    bool suspect_ = false;
    Clock::time_point asked_{};

    std::atomic<bool> stopping_{false};
    WakeSignal wake_;
    std::thread thread_;
};

}  // namespace drover
