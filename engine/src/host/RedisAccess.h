#pragma once

#include "config/Settings.h"
#include "process/Component.h"
#include "redis/RedisOptions.h"

namespace drover {

/// Returns how the engine reaches the server of the redis.* keys. Copies share what their connections learn of the server:
/// make one for a process, and copy it.
[[nodiscard]] RedisOptions redisOptions(const RedisSettings& settings);

/// Returns a probe that introduces itself to the server. Its error names the state: loading, a replica, a refused password. A database number that does not exist is a ConfigException, since waiting cannot help.
[[nodiscard]] ServerProbe redisProbe(const RedisOptions& options);

}  // namespace drover
