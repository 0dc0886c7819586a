#pragma once

#include "drover/Metrics.h"

namespace drover::metrics {

/// Adds the figures of the process that every client library of Prometheus has: processor time, memory, descriptors,
/// threads and the start. Figures that /proc does not have are left out.
void addProcess(Metrics& metrics);

}  // namespace drover::metrics
