#pragma once

#include <string_view>

#include "drover/QueueEvents.h"
#include "redis/Reply.h"

namespace drover {

/// Returns Other for a name that no event of jobs or queues has.
[[nodiscard]] QueueEvent::Type eventTypeOf(std::string_view name);

/// Reads an entry of the stream, as XREAD and XREVRANGE return it.
[[nodiscard]] QueueEvent eventOf(const ReplyView& entry);

}  // namespace drover
