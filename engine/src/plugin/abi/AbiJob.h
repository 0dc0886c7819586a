#pragma once

#include "core/ClaimedJob.h"
#include "drover/PluginAbi.h"

namespace drover {

/// A claimed job in the form of the plugin ABI. A view: valid while `job` lives unchanged.
[[nodiscard]] drover_job abiJob(const ClaimedJob& job);

}  // namespace drover
