#pragma once

#include <chrono>

namespace drover {

/// Keeps a handler whose infrastructure is away from claiming jobs, and finds out with one job at a time when it is back.
///
/// Closed: everything runs. Open: nothing is claimed until the wait is over. Probing: one job is claimed; its outcome
/// closes the breaker or opens it again for twice as long.
/// No I/O, no clock of its own. Threads: one at a time.
class Breaker {
public:
    using Time = std::chrono::steady_clock::time_point;

    explicit Breaker(std::chrono::milliseconds first = std::chrono::milliseconds(100),
                     std::chrono::milliseconds most = std::chrono::milliseconds(1000));

    /// How many jobs may be claimed now, given how many the caller would like.
    [[nodiscard]] int allowed(int wanted, Time now) const;
    /// A job was claimed while one was allowed: the probe is out.
    void claimed(int count);
    /// When allowed() may change by itself; Time::max() if it does not.
    [[nodiscard]] Time nextChange() const;

    /// A job came back unavailable. `retryAfter` is the least to wait; 0: the breaker's own backoff.
    /// Returns whether it was closed before: the outage begins.
    bool unavailable(std::chrono::milliseconds retryAfter, Time now);
    /// A job came back with any other outcome. Returns the length of the outage that ended by it, 0 if there was none.
    std::chrono::milliseconds worked(Time now);
    /// The probe came back without having run: another one may go.
    void probeReturned();

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
