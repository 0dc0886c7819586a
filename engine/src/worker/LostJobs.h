#pragma once

#include <cstddef>
#include <cstdint>

#include "queue/QueueBackend.h"

namespace drover {

/// Finds what 5.x clients lost of a queue that they share with newer ones, and puts it back: jobs whose hash is in no
/// state, and the next job of a deduplication id whose owner a 5.48.1 worker ended. Source: contract section 9a.2, C5, C12.
///
/// Reads every key of the queue, a thousand at a time, and what waits; what is in a state is sorted out here, so that the
/// script looks at the rest only. Returns how many jobs were put back. Throws as QueueBackend does.
std::size_t rescueLostJobs(RedisClient& redis, const QueueBackend& backend, std::int64_t nowMs);

}  // namespace drover
