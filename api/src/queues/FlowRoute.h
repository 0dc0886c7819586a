#pragma once

#include <memory>

#include "drover/Routes.h"

namespace drover::api {

class ServedQueues;

/// Returns the route POST /flows, which adds a tree of jobs, all of it or nothing. A token needs the scope of adding to each
/// queue of the tree. Runs on the pool.
[[nodiscard]] Route flowRoute(const std::shared_ptr<const ServedQueues>& queues);

}  // namespace drover::api
