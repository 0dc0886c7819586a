#pragma once

#include <vector>

#include "drover/Metrics.h"
#include "drover/operate/QueueOverview.h"

namespace drover::metrics {

/// Adds the figures of queues that could be read: Drover's families, and those that BullMQ's `queue.exportPrometheusMetrics()` prints, with
/// the same names, labels and texts.
void addQueues(Metrics& metrics, const std::vector<QueueSummary>& queues);

}  // namespace drover::metrics
