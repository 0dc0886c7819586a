#pragma once

#include <chrono>

namespace drover {

/// Stops claims for a handler whose infrastructure is away, and probes with one job at a time until it is back.
///
/// Closed: all jobs run. Open: no job is claimed until the wait is over. Probing: one job is claimed; its outcome closes
/// the breaker, or opens it again for twice as long.
/// No I/O, no clock of its own. Threads: one at a time.
class Breaker {
public:
    using Time = std::chrono::steady_clock::time_point;

    explicit Breaker(std::chrono::milliseconds first = std::chrono::milliseconds(100),
                     std::chrono::milliseconds most = std::chrono::milliseconds(1000));

    /// Returns how many of `wanted` jobs may be claimed now.
    [[nodiscard]] int allowed(int wanted, Time now) const;
    /// `count` jobs were claimed. While the breaker is open, the job is the probe.
    void onClaim(int count);
    /// Returns when allowed() may change by itself; Time::max() if it does not.
    [[nodiscard]] Time nextChange() const;

    /// A job came back unavailable. `retryAfter` is the least to wait; 0: the breaker's own backoff.
    /// Returns whether the breaker was closed before: the outage begins.
    bool onUnavailable(std::chrono::milliseconds retryAfter, Time now);
    /// A job came back with any other outcome. Returns the length of the outage that it ended; 0 if there was none.
    std::chrono::milliseconds onSuccess(Time now);
    /// The probe came back without having run: another job may probe.
    void onProbeReturned();

    [[nodiscard]] bool closed() const { return openings_ == 0; }

private:
    std::chrono::milliseconds first_;
    std::chrono::milliseconds most_;
    int openings_ = 0;  ///< Consecutive ones; 0: closed.
    bool probing_ = false;
    Time until_{};
    Time began_{};
};

}  // namespace drover
