#pragma once

#include "config/Settings.h"
#include "host/PluginOpener.h"
#include "process/Process.h"

namespace drover {

/// Which servers, connections, workers and services this process consists of. The one place where everything is wired.
/// All three must outlive the assembly; every plugin of plugins.load has been opened.
[[nodiscard]] Assembly assemble(const Configuration& config,
                                const Settings& settings,
                                PluginOpener& plugins);

}  // namespace drover
