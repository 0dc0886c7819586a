#pragma once

#include <chrono>
#include <cstdint>

namespace drover {

/// Where time comes from, so that tests can stand still and jump.
///
/// Times that are stored, or compared with stored ones, are wall clock; deadlines and intervals are monotonic, since a
/// step of the wall clock must neither expire a lock nor delay a renewal.
/// Threads: every method may be called from any thread.
class Clock {
public:
    using Monotonic = std::chrono::steady_clock::time_point;

    virtual ~Clock() = default;
    /// Milliseconds since the epoch, UTC.
    [[nodiscard]] virtual std::int64_t wallMs() const = 0;
    [[nodiscard]] virtual Monotonic monotonic() const = 0;
};

/// The clocks of the machine.
class SystemClock final : public Clock {
public:
    [[nodiscard]] std::int64_t wallMs() const override {
        using namespace std::chrono;
        return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
    }
    [[nodiscard]] Monotonic monotonic() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace drover
