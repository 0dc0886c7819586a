#pragma once

#include <vector>

#include "core/Clock.h"
#include "drover/operate/QueueDoctor.h"
#include "redis/RedisClient.h"

namespace drover {

/// Returns what is wrong with a server for any queue; see QueueDoctor::examineServer(). `clock`: that of this machine.
[[nodiscard]] std::vector<QueueFinding> examineServer(RedisClient& client, const Clock& clock);

}  // namespace drover
