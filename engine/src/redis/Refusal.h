#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>

#include "redis/Reconnect.h"

namespace drover {

/// A server that answers and refuses for now (OOM, MISCONF, NOREPLICAS, LOADING, BUSY, READONLY, too many clients), as all
/// clients of a process see it together.
///
/// It begins with the first command that is refused and ends when a command of the refused kind is not: a connection, a
/// PING or a read proves nothing. Logs a line when it begins and one when it ends, with its length; one that begins again
/// within kSettled of its end is a continuation, and is logged only if it lasts.
/// Threads: every method may be called from any thread.
class Refusal {
public:
    using Clock = std::chrono::steady_clock;

    static constexpr std::chrono::seconds kSettled{5};

    [[nodiscard]] bool active() const { return active_; }
    /// Redis at `where` refused a command on `key`, with these words. An empty key: one without keys.
    void begin(const std::string& where,
               const std::string& why,
               const std::string& key,
               Clock::time_point now);
    /// Returns true if the caller is to find out now whether it is over; nobody else is told so before the backoff allows.
    [[nodiscard]] bool mayProbe(Clock::time_point now);
    /// A command of the refused kind was done.
    void end(const std::string& where, Clock::time_point now);

    /// Whether it was told that Redis asks for no password; it is from now on.
    [[nodiscard]] bool exchangePasswordTold() { return passwordTold_.exchange(true); }

    [[nodiscard]] std::string why() const;
    /// The key of the refused command: a probe of the same kind writes nothing to it.
    [[nodiscard]] std::string key() const;

private:
    std::atomic<bool> active_{false};
    std::atomic<bool> passwordTold_{false};
    mutable std::mutex mutex_;
    Reconnect backoff_;
    std::string why_;
    std::string key_;
    Clock::time_point began_{};
    Clock::time_point logFrom_{};
    bool logged_ = false;
    std::optional<Clock::time_point> ended_;
};

}  // namespace drover
