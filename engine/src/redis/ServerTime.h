#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/Clock.h"

namespace drover {

/// Returns the time of a Redis server, as its clients measure it. Every time that is stored in Redis comes from here, since
/// all machines that share a queue have this one clock in common (docs/pitfalls.md#r9).
///
/// A measurement sends TIME and halves the round trip. The time then runs on the monotonic clock until the next
/// measurement, so that a step of the machine's own date moves nothing. A measurement that agrees with the estimate within
/// its round trip does not move it either: times do not jitter. Before the first one the machine's clock stands in.
/// Logs once when the machine's clock is a second or more from Redis's, and once when it no longer is.
/// Threads: every method may be called from any thread.
class ServerTime {
public:
    using Monotonic = Clock::Monotonic;

    explicit ServerTime(
        std::shared_ptr<const Clock> machine = std::make_shared<const SystemClock>());

    /// Milliseconds since the epoch at the server.
    [[nodiscard]] std::int64_t nowMs() const;
    /// The clock for a measurement.
    [[nodiscard]] const Clock& machine() const { return *machine_; }

    /// Records that Redis at `where` answered TIME with `serverUs` (since the epoch) between these two moments.
    void measured(std::int64_t serverUs,
                  Monotonic asked,
                  Monotonic answered,
                  const std::string& where);
    /// Records that Redis refuses TIME: the machine's clock stands in. Logs it once.
    void untold(const std::string& why);
    /// Returns true if a measurement is due: now and then, and when the machine's date was set or the machine slept.
    [[nodiscard]] bool due() const;

private:
    [[nodiscard]] std::int64_t nowUs(Monotonic at) const;
    void compare(std::int64_t serverUs, std::int64_t uncertainUs, const std::string& where);

    const std::shared_ptr<const Clock> machine_;
    mutable std::mutex mutex_;
    bool known_ = false;
    std::int64_t serverUs_ = 0;  ///< At at_.
    Monotonic at_{};
    std::optional<Monotonic> asked_;  ///< The last measurement, or attempt at one.
    std::int64_t wallThenMs_ = 0;     ///< The machine's clock at asked_.
    bool apart_ = false;
    bool untoldLogged_ = false;
};

/// Redis's time for what is stored, the machine's monotonic clock for deadlines.
class RedisClock final : public Clock {
public:
    /// `machine` must outlive it.
    RedisClock(const Clock& machine, std::shared_ptr<const ServerTime> time)
        : machine_(machine), time_(std::move(time)) {}

    [[nodiscard]] std::int64_t wallMs() const override { return time_->nowMs(); }
    [[nodiscard]] Monotonic monotonic() const override { return machine_.monotonic(); }

private:
    const Clock& machine_;
    const std::shared_ptr<const ServerTime> time_;
};

}  // namespace drover
