#pragma once

#include <vector>

#include "RouteForm.h"

namespace drover::admin {

/// Returns the routes about queues as a whole.
///
///     GET  /queues                    a page of summaries
///     GET  /queues/{queue}            the summary of one
///     POST /queues/{queue}/pause      and /resume
///     GET  /queues/{queue}/workers
///     GET  /queues/{queue}/metrics
///     GET  /queues/{queue}/deduplication/{id}   and DELETE
///     GET  /processes                 of this Redis
[[nodiscard]] std::vector<Route> overviewRoutes(const Queues& queues);

}  // namespace drover::admin
