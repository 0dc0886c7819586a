#pragma once

#include <chrono>
#include <string>

namespace drover {

/// When the next connection attempt is due: the state machine behind RedisClient, without I/O.
///
///   Idle ──failed()──► Waiting ──(time)──► Due ──succeeded()──► Idle
///                         ▲                 │
///                         └────failed()─────┘
///
/// The wait doubles from `first` to `most`, each drawn at random from its upper half, so that a fleet does not come back
/// in step. Threads: one at a time.
class Reconnect {
public:
    using Clock = std::chrono::steady_clock;

    explicit Reconnect(std::chrono::milliseconds first = std::chrono::milliseconds(50),
                       std::chrono::milliseconds most = std::chrono::milliseconds(1000));

    /// Returns true if an attempt may be made now.
    [[nodiscard]] bool due(Clock::time_point now) const { return now >= nextAttempt_; }
    [[nodiscard]] Clock::time_point nextAttempt() const { return nextAttempt_; }

    /// The attempt, or a connection that stood, failed. `slow`: nothing but a person can cure it; waits `most` at once.
    void failed(Clock::time_point now, bool slow = false);
    /// Records a connection. Returns how long the outage was; 0 if there was none.
    std::chrono::milliseconds succeeded(Clock::time_point now);

    [[nodiscard]] bool inOutage() const { return attempts_ > 0; }
    [[nodiscard]] int attempts() const { return attempts_; }

private:
    std::chrono::milliseconds first_;
    std::chrono::milliseconds most_;
    Clock::time_point nextAttempt_{};
    Clock::time_point outageBegan_{};
    int attempts_ = 0;
};

}  // namespace drover
