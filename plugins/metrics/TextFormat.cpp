#include "TextFormat.h"

#include <cstdint>
#include <limits>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <utility>
#include <vector>

namespace drover::metrics {

namespace {

prometheus::MetricType typeOf(MetricFamily::Kind kind) {
    switch (kind) {
        case MetricFamily::Kind::Counter:
            return prometheus::MetricType::Counter;
        case MetricFamily::Kind::Gauge:
            return prometheus::MetricType::Gauge;
        case MetricFamily::Kind::Histogram:
            break;
    }
    return prometheus::MetricType::Histogram;
}

prometheus::ClientMetric::Histogram histogramOf(const HistogramFigures& figures) {
    prometheus::ClientMetric::Histogram histogram;
    histogram.sample_sum = figures.sum;
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < figures.counts.size(); ++i) {
        all += figures.counts[i];
        histogram.bucket.push_back({all,
                                    i < figures.bounds.size()
                                        ? figures.bounds[i]
                                        : std::numeric_limits<double>::infinity()});
    }
    histogram.sample_count = all;
    return histogram;
}

prometheus::ClientMetric metricOf(const MetricFamily::Sample& sample, MetricFamily::Kind kind) {
    prometheus::ClientMetric metric;
    metric.label.reserve(sample.labels.size());
    for (const auto& [name, value] : sample.labels) {
        metric.label.push_back({name, value});
    }
    switch (kind) {
        case MetricFamily::Kind::Counter:
            metric.counter.value = sample.value;
            break;
        case MetricFamily::Kind::Gauge:
            metric.gauge.value = sample.value;
            break;
        case MetricFamily::Kind::Histogram:
            metric.histogram = histogramOf(sample.histogram);
            break;
    }
    return metric;
}

}  // namespace

std::string textOf(const Metrics& metrics) {
    std::vector<prometheus::MetricFamily> families;
    for (const auto& [name, from] : metrics.families()) {
        if (from.samples.empty()) {
            continue;
        }
        prometheus::MetricFamily family;
        family.name = name;
        family.help = from.help;
        family.type = typeOf(from.kind);
        family.metric.reserve(from.samples.size());
        for (const MetricFamily::Sample& sample : from.samples) {
            family.metric.push_back(metricOf(sample, from.kind));
        }
        families.push_back(std::move(family));
    }
    return prometheus::TextSerializer().Serialize(families);
}

}  // namespace drover::metrics
