#pragma once

#include <string>

#include "host/PluginRecords.h"

namespace drover {

/// Returns the list of handler plugins for the control socket, by name.
///
/// [{"name", "kind": "handler", "version", "abi": "1.0", "handlers": ["echo/echo"], "generation": int, "jobsRun": int,
/// "state": "running", "draining", "refused" or "gone", "path", "sha256", "bytes": int, "memory": {"rss": bytes,
/// "private": bytes}, "reason"?: string, "loaded"?: {"files": int, "bytes": int, "rss": bytes, "private": bytes}}].
/// "bytes" is the file and its copy in memory, "private" the memory beyond that. "loaded" sums up all files of that name
/// since the start, since none is ever unloaded, and comes with the newest generation.
[[nodiscard]] std::string pluginListJson(const PluginRecords::Map& records);

}  // namespace drover
