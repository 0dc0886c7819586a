#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover {

/// Names and values of the labels of a sample. The values are UTF-8, and from a bounded set.
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

/// The state of a histogram at one moment.
struct HistogramFigures {
    std::vector<double> bounds{};         ///< Upper bounds, ascending.
    std::vector<std::uint64_t> counts{};  ///< One for each bound, and one beyond the last.
    double sum = 0;
};

/// The samples of one name. A counter's name ends in _total; units are seconds and bytes.
struct MetricFamily {
    enum class Kind { Counter, Gauge, Histogram };
    struct Sample {
        MetricLabels labels;
        double value = 0;              ///< For a counter or a gauge.
        HistogramFigures histogram{};  ///< For a histogram.

        /// Returns the value of a label; empty: the sample does not have it.
        [[nodiscard]] std::string label(std::string_view name) const {
            for (const auto& [own, text] : labels) {
                if (own == name) {
                    return text;
                }
            }
            return "";
        }
    };

    Kind kind = Kind::Gauge;
    std::string help{};
    std::vector<Sample> samples{};

    void add(MetricLabels labels, double value) { samples.push_back({std::move(labels), value}); }
    template <typename Number>
    void add(MetricLabels labels, Number value) {
        add(std::move(labels), static_cast<double>(value));
    }
    void add(MetricLabels labels, HistogramFigures figures) {
        samples.push_back({std::move(labels), 0, std::move(figures)});
    }
};

/// Gathers the figures of one moment. Parts of the process add samples to families, which they may share.
/// Threads: one.
class Metrics {
public:
    using Families = std::map<std::string, MetricFamily>;

    /// Each returns the family of that name, and makes it first if it is not there. The first help counts.
    /// Throws std::logic_error if the family is of another kind.
    MetricFamily& counter(const std::string& name, const std::string& help) {
        return family(name, MetricFamily::Kind::Counter, help);
    }
    MetricFamily& gauge(const std::string& name, const std::string& help) {
        return family(name, MetricFamily::Kind::Gauge, help);
    }
    MetricFamily& histogram(const std::string& name, const std::string& help) {
        return family(name, MetricFamily::Kind::Histogram, help);
    }
    /// Returns the families by name.
    [[nodiscard]] const Families& families() const { return families_; }
    /// Lets `change` change the labels of each sample so far.
    void relabel(const std::function<void(MetricLabels& labels)>& change) {
        for (auto& [name, family] : families_) {
            for (MetricFamily::Sample& sample : family.samples) {
                change(sample.labels);
            }
        }
    }
    /// Returns the samples of a family; none if it is not there.
    [[nodiscard]] std::span<const MetricFamily::Sample> samples(const std::string& name) const {
        const auto found = families_.find(name);
        return found == families_.end() ? std::span<const MetricFamily::Sample>()
                                        : std::span(found->second.samples);
    }

private:
    MetricFamily& family(const std::string& name,
                         MetricFamily::Kind kind,
                         const std::string& help) {
        MetricFamily& found = families_.try_emplace(name, MetricFamily{kind, help}).first->second;
        if (found.kind != kind) {
            throw std::logic_error("the metric " + name + " has two kinds");
        }
        return found;
    }

    Families families_;
};

/// Counts whole numbers by buckets: nanoseconds, or jobs.
/// Threads: every method may be called from any thread; none waits. figures() may miss what is observed meanwhile.
class Histogram {
public:
    using Bounds = std::span<const std::uint64_t>;

    /// `bounds` are upper bounds, ascending, and outlive the histogram. `perUnit` is how many of the numbers a unit of
    /// the figures has.
    explicit Histogram(Bounds bounds, double perUnit = 1)
        : bounds_(bounds),
          perUnit_(perUnit),
          counts_(std::make_unique<std::atomic<std::uint64_t>[]>(bounds.size() + 1)) {}

    /// Counts `times` observations of a value.
    void observe(std::uint64_t value, std::uint64_t times = 1) noexcept {
        std::size_t bucket = 0;
        while (bucket < bounds_.size() && value > bounds_[bucket]) {
            ++bucket;
        }
        counts_[bucket].fetch_add(times, std::memory_order_relaxed);
        // A whole number would overflow: the waits of a hundred million jobs are more nanoseconds than 64 bits count.
        sum_.fetch_add(static_cast<double>(value) * static_cast<double>(times),
                       std::memory_order_relaxed);
    }
    /// For a histogram of nanoseconds. A negative time counts as none.
    void observe(std::chrono::nanoseconds time, std::uint64_t times = 1) noexcept {
        observe(time.count() > 0 ? static_cast<std::uint64_t>(time.count()) : 0, times);
    }

    [[nodiscard]] HistogramFigures figures() const {
        HistogramFigures figures;
        for (const std::uint64_t bound : bounds_) {
            figures.bounds.push_back(static_cast<double>(bound) / perUnit_);
        }
        for (std::size_t i = 0; i <= bounds_.size(); ++i) {
            figures.counts.push_back(counts_[i].load(std::memory_order_relaxed));
        }
        figures.sum = sum_.load(std::memory_order_relaxed) / perUnit_;
        return figures;
    }

private:
    const Bounds bounds_;
    const double perUnit_;
    const std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;
    std::atomic<double> sum_{0};
};

namespace detail {

inline constexpr std::uint64_t kMillisecond = 1'000'000;
inline constexpr std::uint64_t kJobBounds[] = {1 * kMillisecond,
                                               5 * kMillisecond,
                                               10 * kMillisecond,
                                               50 * kMillisecond,
                                               100 * kMillisecond,
                                               500 * kMillisecond,
                                               1'000 * kMillisecond,
                                               5'000 * kMillisecond,
                                               10'000 * kMillisecond,
                                               30'000 * kMillisecond,
                                               60'000 * kMillisecond,
                                               300'000 * kMillisecond,
                                               1'800'000 * kMillisecond,
                                               3'600'000 * kMillisecond};
inline constexpr std::uint64_t kCallBounds[] = {kMillisecond / 10,
                                                kMillisecond / 4,
                                                kMillisecond / 2,
                                                1 * kMillisecond,
                                                5 * kMillisecond / 2,
                                                5 * kMillisecond,
                                                10 * kMillisecond,
                                                25 * kMillisecond,
                                                50 * kMillisecond,
                                                100 * kMillisecond,
                                                250 * kMillisecond,
                                                500 * kMillisecond,
                                                1'000 * kMillisecond,
                                                2'500 * kMillisecond,
                                                10'000 * kMillisecond};
inline constexpr std::uint64_t kCountBounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512};

}  // namespace detail

/// A histogram of seconds, from 1 ms to an hour.
struct JobHistogram : Histogram {
    JobHistogram() : Histogram(detail::kJobBounds, 1e9) {}
};
/// A histogram of seconds, from 0.1 ms to 10 s.
struct CallHistogram : Histogram {
    CallHistogram() : Histogram(detail::kCallBounds, 1e9) {}
};
/// A histogram of sizes, from 1 to 512.
struct CountHistogram : Histogram {
    CountHistogram() : Histogram(detail::kCountBounds) {}
};

}  // namespace drover
