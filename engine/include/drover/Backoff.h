#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "drover/Export.h"

namespace drover {

/// How long a failed job waits before its next attempt.
///
/// A value: copyable, no I/O. Stored in the job's `opts` JSON: the names of `type` are wire format.
/// Source: BullMQ `opts.backoff`: {"type": string, "delay": ms, "jitter": 0..1}, or a number for a fixed delay.
/// Threads: const methods may be called from any thread.
struct DROVER_API Backoff {
    std::string type =
        "fixed";  ///< "fixed", "exponential", or a name for the handler's own backoff.
    std::chrono::milliseconds delay{0};  ///< Base delay; 0 retries at once.
    double jitter = 0.0;                 ///< Share of the delay drawn at random, in [0, 1].
    /// Members for a handler's own backoff, name to JSON text, in order.
    std::vector<std::pair<std::string, std::string>> extra;

    /// Returns true if delayAfter() supports the type.
    [[nodiscard]] bool isBuiltIn() const { return type == "fixed" || type == "exponential"; }

    /// Returns the wait after `attemptsMade` failed attempts (counted from 1).
    /// Exponential: `delay * 2^(attemptsMade - 1)`, also for a count below 1, which another client may have stored. `random` in
    /// [0, 1) places it within the jitter. A delay of -1 stays -1: the job is not repeated.
    /// Throws Poco::InvalidArgumentException if the type is not built in.
    [[nodiscard]] std::chrono::milliseconds delayAfter(int attemptsMade, double random) const;

    bool operator==(const Backoff&) const = default;
};

}  // namespace drover
