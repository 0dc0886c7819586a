#pragma once

#include <chrono>
#include <stdexcept>
#include <string>

namespace drover {

/// Infrastructure that a handler needs is away: a database restarting, a timeout, a disk full.
///
/// Thrown out of a handler it hands the job back without costing an attempt, and opens the handler's breaker. Every
/// other exception counts as the job's fault. Header-only, no dependencies: SDK and store share it. Each module has its own
/// copy, for the reason in drover/Export.h; a catch clause of another module matches the name of the type.
class Unavailable : public std::runtime_error {
public:
    /// `retryAfter`: how long to wait before trying again; 0 leaves it to the engine's backoff.
    explicit Unavailable(const std::string& reason,
                         std::chrono::milliseconds retryAfter = std::chrono::milliseconds{0})
        : std::runtime_error(reason), retryAfter_(retryAfter) {}

    [[nodiscard]] std::chrono::milliseconds retryAfter() const noexcept { return retryAfter_; }

private:
    std::chrono::milliseconds retryAfter_;
};

}  // namespace drover
