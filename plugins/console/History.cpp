#include "History.h"

#include <algorithm>
#include <string>

namespace drover::console {

namespace {

double sumOf(const Metrics& metrics, const std::string& name) {
    double sum = 0;
    for (const MetricFamily::Sample& sample : metrics.samples(name)) {
        sum += sample.value;
    }
    return sum;
}

/// All histograms of a family have the same bounds.
HistogramFigures mergedOf(const Metrics& metrics, const std::string& name) {
    HistogramFigures merged;
    for (const MetricFamily::Sample& sample : metrics.samples(name)) {
        if (merged.counts.empty()) {
            merged.bounds = sample.histogram.bounds;
            merged.counts.resize(sample.histogram.counts.size());
        }
        for (std::size_t i = 0; i < std::min(merged.counts.size(), sample.histogram.counts.size());
             ++i) {
            merged.counts[i] += sample.histogram.counts[i];
        }
    }
    return merged;
}

std::optional<double> inMilliseconds(std::optional<double> seconds) {
    return seconds ? std::optional(*seconds * 1000) : std::nullopt;
}

}  // namespace

Totals totalsOf(const Metrics& metrics, std::int64_t atMs) {
    Totals totals;
    totals.atMs = atMs;
    totals.completed = sumOf(metrics, "drover_jobs_completed_total");
    totals.failed = sumOf(metrics, "drover_jobs_failed_total");
    totals.held = sumOf(metrics, "drover_worker_jobs_in_flight");
    totals.run = mergedOf(metrics, "drover_job_run_seconds");
    totals.wait = mergedOf(metrics, "drover_job_wait_seconds");
    return totals;
}

std::optional<double> quantile(const HistogramFigures& before,
                               const HistogramFigures& after,
                               double share) {
    std::vector<double> counts;
    double all = 0;
    for (std::size_t i = 0; i < after.counts.size(); ++i) {
        const std::uint64_t earlier = i < before.counts.size() ? before.counts[i] : 0;
        // A worker that went with its queue takes its observations along.
        counts.push_back(after.counts[i] > earlier ? static_cast<double>(after.counts[i] - earlier)
                                                   : 0);
        all += counts.back();
    }
    if (all == 0) {
        return std::nullopt;
    }
    double below = 0;
    for (std::size_t i = 0; i < after.bounds.size(); ++i) {
        if (counts[i] > 0 && below + counts[i] >= share * all) {
            const double low = i == 0 ? 0 : after.bounds[i - 1];
            return low + (after.bounds[i] - low) * (share * all - below) / counts[i];
        }
        below += counts[i];
    }
    return after.bounds.empty() ? std::nullopt : std::optional(after.bounds.back());
}

void History::add(const Totals& totals) {
    const std::lock_guard lock(mutex_);
    if (last_ && totals.atMs > last_->atMs) {
        const double seconds = static_cast<double>(totals.atMs - last_->atMs) / 1000;
        Point point;
        point.atMs = totals.atMs;
        point.completed = std::max(0.0, totals.completed - last_->completed) / seconds;
        point.failed = std::max(0.0, totals.failed - last_->failed) / seconds;
        point.runMedianMs = inMilliseconds(quantile(last_->run, totals.run, 0.5));
        point.runHighMs = inMilliseconds(quantile(last_->run, totals.run, 0.95));
        point.waitHighMs = inMilliseconds(quantile(last_->wait, totals.wait, 0.95));
        points_.push_back(point);
        if (points_.size() > kPoints) {
            points_.pop_front();
        }
    }
    last_ = totals;
}

std::vector<Point> History::since(std::int64_t ms) const {
    const std::lock_guard lock(mutex_);
    const auto first = std::find_if(
        points_.begin(), points_.end(), [ms](const Point& point) { return point.atMs > ms; });
    return {first, points_.end()};
}

}  // namespace drover::console
