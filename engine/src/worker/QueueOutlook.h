#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/Clock.h"

namespace drover {

/// Tracks what a claim would meet: whether jobs may be there, when the earliest delayed job is due, and until when
/// the queue's rate limit is closed.
///
/// No I/O, no clock of its own. Threads: one at a time.
class QueueOutlook {
public:
    using Time = Clock::Monotonic;

    /// The report of a claim.
    struct Claim {
        bool more = false;               ///< Further jobs may be there.
        std::int64_t nextDelayedMs = 0;  ///< Epoch; 0: no delayed job.
        /// For how long the rate limit is closed; std::nullopt: it is open.
        std::optional<std::chrono::milliseconds> closedFor;
        bool sharedPaused = false;  ///< 5.x clients share the queue, and it is paused.
    };
    /// Returns true if the queue was paused beside 5.x clients at the last claim, and is not any more.
    bool onClaim(const Claim& claim, std::int64_t nowMs, Time now);
    /// Notes the due time of the earliest delayed job, which a marker had (epoch).
    void onDelayedMarker(std::int64_t nextDelayedMs) { nextDelayedMs_ = nextDelayedMs; }
    /// Jobs may have come: a marker was popped, jobs went back, or handlers changed.
    void expectJobs() { mayFindJobs_ = true; }
    /// Closes the rate limit until `until` at least.
    void closeUntil(Time until);

    /// Returns true if a claim may find jobs.
    [[nodiscard]] bool mayFindJobs() const { return mayFindJobs_; }
    [[nodiscard]] std::int64_t nextDelayedMs() const { return nextDelayedMs_; }
    [[nodiscard]] bool isClosed(Time now) const { return now < opensAt_; }
    /// Returns when a closed rate limit opens.
    [[nodiscard]] Time opensAt() const { return opensAt_; }

private:
    bool mayFindJobs_ = true;
    bool sharedPaused_ = false;
    std::int64_t nextDelayedMs_ = 0;
    Time opensAt_{};
};

}  // namespace drover
