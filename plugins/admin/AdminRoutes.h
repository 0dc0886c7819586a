#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "EventHub.h"
#include "LongWork.h"
#include "RouteForm.h"

namespace drover::admin {

/// The parts that routes share, and that stay the same when the configuration changes.
struct Shared {
    std::shared_ptr<LongWork> work;
    std::shared_ptr<EventHub> events;
    /// Lets this process claim no further jobs (true), or go on (false).
    std::function<void(bool)> quiet;
};

/// Returns all routes of the plugin. Each demands a token.
[[nodiscard]] std::vector<Route> adminRoutes(const Queues& queues, const Shared& shared);

}  // namespace drover::admin
