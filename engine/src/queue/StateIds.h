#pragma once

#include <string>
#include <unordered_set>

#include "queue/QueueKeys.h"
#include "redis/RedisClient.h"

namespace drover {

/// Returns the ids that are in any state, read page by page: an id that moves meanwhile may be missing.
/// Throws RedisIoException (or a child) when Redis is away.
[[nodiscard]] std::unordered_set<std::string> idsOfAllStates(const QueueKeys& keys,
                                                             RedisClient& redis);

/// Returns a pattern of SCAN for the keys of a queue.
[[nodiscard]] std::string patternOfKeys(const QueueKeys& keys);

}  // namespace drover
