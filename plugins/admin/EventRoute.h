#pragma once

#include <memory>

#include "EventHub.h"
#include "RouteForm.h"

namespace drover::admin {

/// Returns GET /queues/{queue}/events: the queue's events as server-sent events, from now on, or behind the id of
/// Last-Event-ID or `after`.
[[nodiscard]] Route eventRoute(const Queues& queues, const std::shared_ptr<EventHub>& hub);

}  // namespace drover::admin
