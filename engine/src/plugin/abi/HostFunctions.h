#pragma once

#include <span>
#include <string_view>

#include "core/HandlerType.h"
#include "drover/PluginAbi.h"

/// One run of process() or outcome_of(): the jobs that the indices of host calls stand for.
struct drover_call {
    std::span<drover::RunningJob* const> jobs;
    std::string_view plugin{};  ///< For the lines about its jobs.
};

namespace drover {

/// The table that every plugin gets. Each function checks its arguments, forwards to the RunningJob of its index, and
/// never throws; an error is an answer (DROVER_E_*). Reasons and traces with bytes that are not UTF-8 are repaired,
/// not refused, so that a failure is never lost.
/// Threads: every function may be called from any thread while the call runs.
[[nodiscard]] const drover_host_api& hostApi() noexcept;

}  // namespace drover
