#pragma once

#include <memory>
#include <vector>

#include "LongWork.h"
#include "RouteForm.h"

namespace drover::admin {

/// Returns the routes that work on all jobs of a queue.
///
///     POST /queues/{queue}/drain, /clean, /obliterate       remove jobs
///     POST /queues/{queue}/retry, /promote                  let jobs run
///     GET  /queues/{queue}/doctor; POST /queues/{queue}/doctor/fix
///     GET  /server/doctor
///
/// A request works until its time is over (`timeoutMs`) or its client leaves. Its answer has `more`: the same request goes on.
[[nodiscard]] std::vector<Route> maintenanceRoutes(const Queues& queues,
                                                   const std::shared_ptr<LongWork>& work);

}  // namespace drover::admin
