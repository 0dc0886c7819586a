#pragma once

#include <vector>

#include "cli/Table.h"
#include "drover/operate/QueueOverview.h"

namespace drover::cli {

/// Returns a line for each queue, as `drover queue list` and `drover queue top` show it.
[[nodiscard]] Table tableOf(const std::vector<QueueSummary>& queues);

}  // namespace drover::cli
