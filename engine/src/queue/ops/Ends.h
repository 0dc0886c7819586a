#pragma once

#include <map>
#include <set>
#include <string>

#include "drover/JobEnd.h"
#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

namespace drover::ops {

/// Searches the latest 50,000 entries of the event stream for ends of jobs that are gone, the newest entry first. A job
/// without an end there, or one that was removed before its end, is left out.
[[nodiscard]] std::map<std::string, JobEnd> endsInStream(const QueueContext& queue,
                                                         RedisClient& redis,
                                                         std::set<std::string> ids);

}  // namespace drover::ops
