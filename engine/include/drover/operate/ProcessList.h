#pragma once

#include <string>
#include <vector>

#include "drover/Export.h"

namespace drover {

class Redis;

namespace operate {

/// Returns what the running processes of Drover with that prefix report of themselves, sorted by host and process: each a JSON
/// object, see docs/admin.md#processes. At most 1,000. A process is seen a second after its start, and up to 20 s after it was
/// killed; one with `process.publish = false` is not seen.
/// Throws RedisIoException (or a child) when Redis is away, and ScriptException if it does not allow the reading.
[[nodiscard]] DROVER_API std::vector<std::string> processReports(const Redis& redis,
                                                                 const std::string& prefix);

}  // namespace operate

}  // namespace drover
