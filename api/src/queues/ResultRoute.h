#pragma once

#include <memory>

#include "drover/Routes.h"

namespace drover::api {

class ServedQueues;

/// Returns the route GET /queues/{queue}/jobs/{id}/result?waitMs=, with the scope read: the end of a job, for which it waits
/// without holding a thread. It answers for a job that is removed at its end as well.
[[nodiscard]] Route resultRoute(const std::shared_ptr<const ServedQueues>& queues);

}  // namespace drover::api
