#pragma once

#include <string>

#include "drover/JobOptions.h"

namespace drover {

/// Returns what BullMQ's clients refuse before they add a job; empty: nothing. Checked are the custom id, priority, jitter,
/// deduplication and its company, the removed `debounce`, and two ways at once for a failed child.
[[nodiscard]] std::string optionsError(const JobOptions& opts);

}  // namespace drover
