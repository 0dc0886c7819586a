#pragma once

#include <memory>
#include <vector>

#include "drover/Routes.h"

namespace drover::api {

class ServedQueues;

/// Returns the routes of the schedulers of served queues. They run on the pool.
///
///     PUT    /queues/{queue}/schedulers/{id}   makes or changes one; scope add:QUEUE
///     GET    /queues/{queue}/schedulers/{id}   scope read
///     GET    /queues/{queue}/schedulers        scope read
///     DELETE /queues/{queue}/schedulers/{id}   scope operate
[[nodiscard]] std::vector<Route> schedulerRoutes(const std::shared_ptr<const ServedQueues>& queues);

}  // namespace drover::api
