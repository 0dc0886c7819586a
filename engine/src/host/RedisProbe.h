#pragma once

#include "drover/Redis.h"
#include "process/Component.h"

namespace drover {

/// Returns a probe that introduces itself to the server. Its error names the state: loading, a replica, a refused password.
/// Logs a warning for each finding of QueueDoctor::examineServer().
/// A database number that does not exist is a ConfigException, since waiting cannot help.
[[nodiscard]] ServerProbe redisProbe(const Redis& redis);

}  // namespace drover
