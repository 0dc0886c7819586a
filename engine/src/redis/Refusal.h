#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>

#include "redis/Reconnect.h"

namespace drover {

/// Records that a server answers and refuses for now (OOM, MISCONF, NOREPLICAS, LOADING, BUSY, READONLY, too many clients).
/// All clients of a process share one record.
///
/// A refusal begins with the first refused command, and ends when Redis accepts a command of the refused kind: a connection,
/// a PING or a read proves nothing. Logs a line when it begins and one when it ends, with its length. A refusal that begins
/// again within kSettled of its end is a continuation, and is logged only if it lasts.
/// Threads: every method may be called from any thread.
class Refusal {
public:
    using Clock = std::chrono::steady_clock;

    static constexpr std::chrono::seconds kSettled{5};

    [[nodiscard]] bool active() const { return active_; }
    /// Records that Redis at `where` refused a command on `key` for the reason `why`. An empty key: a command without keys.
    void begin(const std::string& where,
               const std::string& why,
               const std::string& key,
               Clock::time_point now);
    /// Returns true if the caller is to probe the server now. Returns false to every other caller until the backoff allows.
    [[nodiscard]] bool mayProbe(Clock::time_point now);
    /// Records that Redis at `where` accepted a command of the refused kind.
    void end(const std::string& where, Clock::time_point now);

    /// Returns true on the first call: the caller then logs that Redis needs no password.
    [[nodiscard]] bool claimPasswordWarning() { return !passwordWarned_.exchange(true); }

    [[nodiscard]] std::string why() const;
    /// Returns the key of the refused command, which a probe of the same kind leaves unchanged.
    [[nodiscard]] std::string key() const;

private:
    std::atomic<bool> active_{false};
    std::atomic<bool> passwordWarned_{false};
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
