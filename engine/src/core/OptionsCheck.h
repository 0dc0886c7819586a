#pragma once

#include <string>

#include "drover/JobOptions.h"

namespace drover {

/// Returns the error that BullMQ's clients report before they add a job; empty: none. Checked are the custom id, priority,
/// jitter, deduplication and its company, the removed `debounce`, and two ways at once for a failed child.
[[nodiscard]] std::string optionsError(const JobOptions& opts);

}  // namespace drover
