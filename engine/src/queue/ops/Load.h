#pragma once

#include <cstdint>

#include "queue/LoadMeter.h"
#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

namespace drover {

/// Bytes.
struct RedisMemory {
    std::int64_t used = 0;
    std::int64_t limit = 0;  ///< maxmemory, without it the memory of the machine; 0: unknown.
};

/// Reads for the bounds of producers. Each throws RedisIoException (or a child) when Redis is away.
namespace ops {

[[nodiscard]] LoadSample load(const QueueContext& queue, RedisClient& redis);
/// Wire: INFO memory.
[[nodiscard]] RedisMemory memory(RedisClient& redis);

}  // namespace ops

}  // namespace drover
