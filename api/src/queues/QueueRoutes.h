#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "drover/Routes.h"

namespace drover::api {

class QueueTable;

/// The beginning of the source of each of these routes.
inline constexpr const char* kQueueSource = "configuration api.queues";

/// Returns the routes of the queues whose names match one of `globs`, for clients with tokens:
///
///     POST /queues/{queue}/jobs               adds a job, or several as an array or as lines; scope add:QUEUE
///     GET  /queues/{queue}/jobs/{id}/result   waits for the end of a job; scope read
///     POST /flows                             adds a tree of jobs; scope add:QUEUE of each of its queues
///     PUT  /queues/{queue}/schedulers/{id}    makes or changes a scheduler; scope add:QUEUE
///
/// An Idempotency-Key is remembered for `idempotencyTtl`. Without a glob there are no routes. `queues` must live as long as the routes serve requests.
/// Throws ConfigException for a glob that a scope could not have.
[[nodiscard]] std::vector<Route> queueRoutes(const std::vector<std::string>& globs,
                                             QueueTable& queues,
                                             std::chrono::milliseconds idempotencyTtl);

}  // namespace drover::api
