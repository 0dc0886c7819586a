#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "drover/Routes.h"
#include "queues/StreamThread.h"

namespace drover::api {

class QueueTable;

/// The beginning of the source of each of these routes.
inline constexpr const char* kQueueSource = "configuration api.queues";

struct QueueRouteSettings {
    std::chrono::milliseconds idempotencyTtl{};  ///< How long an Idempotency-Key is remembered.
    std::shared_ptr<StreamThread::Inbox> openBodies{};
    std::size_t maxLineBytes =
        65536;  ///< A line of an open body may be so long: the limit of a body.
};

/// Returns the routes of the queues whose names match one of `globs`, for clients with tokens:
///
///     POST /queues/{queue}/jobs               adds a job, or several as an array or as lines; scope add:QUEUE
///     GET  /queues/{queue}/jobs/{id}/result   waits for the end of a job; scope read
///     POST /flows                             adds a tree of jobs; scope add:QUEUE of each of its queues
///     PUT  /queues/{queue}/schedulers/{id}    makes or changes a scheduler; scope add:QUEUE
///
/// Without a glob there are no routes. `queues` must live as long as the routes serve requests.
/// Throws ConfigException for a glob that a scope could not have.
[[nodiscard]] std::vector<Route> queueRoutes(const std::vector<std::string>& globs,
                                             QueueTable& queues,
                                             const QueueRouteSettings& settings);

}  // namespace drover::api
