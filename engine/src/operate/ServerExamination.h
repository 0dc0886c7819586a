#pragma once

#include <vector>

#include "drover/operate/QueueDoctor.h"
#include "redis/RedisClient.h"

namespace drover {

/// Returns what is wrong with a server for any queue; see QueueDoctor::examineServer().
[[nodiscard]] std::vector<QueueFinding> examineServer(RedisClient& client);

}  // namespace drover
