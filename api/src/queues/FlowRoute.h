#pragma once

#include <chrono>
#include <memory>

#include "drover/Routes.h"

namespace drover::api {

class ServedQueues;

/// Returns the route POST /flows, which adds a tree of jobs, all of it or nothing. A token needs the scope of adding to each
/// queue of the tree. An Idempotency-Key is remembered for `idempotencyTtl`. Runs on the pool.
[[nodiscard]] Route flowRoute(const std::shared_ptr<const ServedQueues>& queues,
                              std::chrono::milliseconds idempotencyTtl);

}  // namespace drover::api
