#pragma once

#include <memory>

#include "drover/Routes.h"

namespace drover::api {

class ServedQueues;

/// Returns the route PUT /queues/{queue}/schedulers/{id}, which makes or changes a scheduler; scope add:QUEUE. Runs on the pool.
[[nodiscard]] Route schedulerRoute(const std::shared_ptr<const ServedQueues>& queues);

}  // namespace drover::api
