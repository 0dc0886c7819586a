#pragma once

#include "config/Settings.h"
#include "host/PluginOpener.h"
#include "process/Process.h"

namespace drover {

/// Returns the servers, connections, workers and services that this process consists of, wired together. All three must outlive the assembly; every plugin of plugins.load has been opened.
[[nodiscard]] Assembly assemble(const Configuration& config,
                                const Settings& settings,
                                PluginOpener& plugins);

}  // namespace drover
