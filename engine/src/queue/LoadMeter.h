#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/Clock.h"
#include "drover/Queue.h"

namespace drover {

/// The work of a queue at one moment.
struct LoadSample {
    std::int64_t waiting = 0;     ///< Jobs that may run at once: wait, paused, prioritized.
    std::int64_t unfinished = 0;  ///< Those, and active, delayed and waiting-children.
    std::int64_t lastId = 0;      ///< The counter that each add draws from.
};

/// Estimates how long a job that is added now will wait.
///
/// Adds minus the growth of the queue are the jobs that left it. Their rate counts while jobs wait: workers without work show
/// how many jobs arrive, not how many they can run. An add that stored nothing (a duplicate) counts as a job that left.
/// No I/O, no clock of its own. Threads: one at a time.
class LoadMeter {
public:
    using Time = Clock::Monotonic;

    void onSample(const LoadSample& sample, Time now);
    /// Counts jobs that were added since the last sample.
    void onAdded(std::int64_t jobs) { added_ += jobs; }

    /// std::nullopt before the first sample.
    [[nodiscard]] std::optional<QueueLoad> load() const;

private:
    std::optional<LoadSample> last_;
    Time lastTime_{};
    std::int64_t added_ = 0;
    std::optional<double> perSecond_;
};

}  // namespace drover
