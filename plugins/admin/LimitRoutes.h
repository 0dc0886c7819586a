#pragma once

#include <vector>

#include "RouteForm.h"

namespace drover::admin {

/// Returns GET, PUT and DELETE of /queues/{queue}/concurrency and /queues/{queue}/rate-limit: the queue's own limits, which
/// hold for all workers together.
[[nodiscard]] std::vector<Route> limitRoutes(const Queues& queues);

}  // namespace drover::admin
