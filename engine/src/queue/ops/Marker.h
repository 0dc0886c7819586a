#pragma once

#include <chrono>
#include <string_view>

#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

/// The marker on which idle workers block: a zset of which each pop wakes one of them.
namespace drover::ops {

/// Returns a BZPOPMIN on the marker, for a connection of its own. It refers to the keys of `queue`.
[[nodiscard]] Command blockOnMarker(const QueueContext& queue, std::chrono::milliseconds timeout);

/// Puts a marker back that was popped and not used. Throws RedisIoException (or a child) when Redis is away.
void restoreMarker(const QueueContext& queue,
                   RedisClient& redis,
                   std::string_view member,
                   std::string_view score);

}  // namespace drover::ops
