#pragma once

#include <vector>

#include "RouteForm.h"

namespace drover::admin {

/// Returns GET /queues/{queue}/schedulers, and GET and DELETE of one with its id. The service api has PUT.
[[nodiscard]] std::vector<Route> schedulerRoutes(const Queues& queues);

}  // namespace drover::admin
