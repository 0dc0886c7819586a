#pragma once

#include <string_view>

#include "drover/QueueEvents.h"
#include "queue/QueueContext.h"
#include "redis/RedisClient.h"
#include "redis/Reply.h"

namespace drover {

/// Returns Other for a name that no event of jobs or queues has.
[[nodiscard]] QueueEvent::Type eventTypeOf(std::string_view name);

/// Reads an entry of the stream, as XREAD and XREVRANGE return it.
[[nodiscard]] QueueEvent eventOf(const ReplyView& entry);

/// Reads up to `most` entries behind an id. Throws Poco::InvalidArgumentException for a text that is not an id.
[[nodiscard]] EventPage eventsBehind(const QueueContext& queue,
                                     RedisClient& redis,
                                     const std::string& after,
                                     int most);

}  // namespace drover
