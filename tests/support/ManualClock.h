#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>

#include "core/Clock.h"

namespace drover::test {

/// A clock that moves only when a test says so.
/// Threads: every method may be called from any thread.
class ManualClock final : public Clock {
public:
    explicit ManualClock(std::int64_t wallMs = 1'795'382'406'903) : wallMs_(wallMs) {}

    [[nodiscard]] std::int64_t wallMs() const override {
        const std::lock_guard<std::mutex> lock(mutex_);
        return wallMs_;
    }
    [[nodiscard]] Monotonic monotonic() const override {
        const std::lock_guard<std::mutex> lock(mutex_);
        return monotonic_;
    }

    /// Lets time go by: both clocks move on.
    void advance(std::chrono::milliseconds by) {
        const std::lock_guard<std::mutex> lock(mutex_);
        wallMs_ += by.count();
        monotonic_ += by;
    }

    /// Sets the machine's date: only the wall clock jumps.
    void stepWall(std::chrono::milliseconds by) {
        const std::lock_guard<std::mutex> lock(mutex_);
        wallMs_ += by.count();
    }

private:
    mutable std::mutex mutex_;
    std::int64_t wallMs_;
    Monotonic monotonic_{std::chrono::hours{1}};  // not the epoch: 0 is often "never"
};

}  // namespace drover::test
