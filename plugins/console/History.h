#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "drover/Metrics.h"

namespace drover::console {

/// The work of a process by a moment, of all queues together.
struct Totals {
    std::int64_t atMs = 0;  ///< Since the epoch.
    double completed = 0;
    double failed = 0;
    double held = 0;        ///< Not a total: the jobs that workers hold.
    HistogramFigures run;   ///< Seconds.
    HistogramFigures wait;  ///< Seconds.
};

/// Returns the totals that the figures of a process have. Those of a process without workers are 0.
[[nodiscard]] Totals totalsOf(const Metrics& metrics, std::int64_t atMs);

/// The work between two moments.
struct Point {
    std::int64_t atMs = 0;  ///< The later one.
    double completed = 0;   ///< Each second.
    double failed = 0;
    std::optional<double> runMedianMs;  ///< Absent: no job ended, or none began.
    std::optional<double> runHighMs;    ///< 95 % took at most so long.
    std::optional<double> waitHighMs;
};

/// The points of the last hour, one for each two seconds.
/// Threads: any.
class History {
public:
    static constexpr std::chrono::milliseconds kStep{2000};
    static constexpr std::size_t kPoints = 1800;

    /// Adds what happened since the totals before. The first totals make no point.
    void add(const Totals& totals);
    /// Returns the points after a moment, the oldest first.
    [[nodiscard]] std::vector<Point> since(std::int64_t ms) const;

private:
    mutable std::mutex mutex_;
    std::optional<Totals> last_;  ///< Guarded by mutex_, as are
    std::deque<Point> points_;    ///< the points.
};

/// Returns the value that `share` of the observations between two states of a histogram do not exceed, within a bucket by
/// proportion. std::nullopt if there was none. Beyond the last bound it is that bound.
[[nodiscard]] std::optional<double> quantile(const HistogramFigures& before,
                                             const HistogramFigures& after,
                                             double share);

}  // namespace drover::console
