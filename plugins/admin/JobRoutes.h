#pragma once

#include <vector>

#include "RouteForm.h"

namespace drover::admin {

/// Returns the routes about single jobs.
///
///     GET    /queues/{queue}/jobs              a page of a state
///     GET    /queues/{queue}/jobs/{id}         and /logs, /children
///     DELETE /queues/{queue}/jobs/{id}
///     POST   /queues/{queue}/jobs/{id}/retry   and /promote, /cancel
///     PUT    /queues/{queue}/jobs/{id}/data    and /delay, /priority
///     GET    /queues/{queue}/flows/{id}        a job with the tree below it
[[nodiscard]] std::vector<Route> jobRoutes(const Queues& queues);

}  // namespace drover::admin
