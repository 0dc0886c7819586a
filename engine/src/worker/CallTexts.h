#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "drover/FailedChildren.h"
#include "drover/JobChildren.h"
#include "drover/JobScheduler.h"
#include "drover/Queue.h"

/// The JSON of handlers' calls, as drover/PluginAbi.h describes it. Values without I/O.
namespace drover {

/// The answer of add_jobs.
[[nodiscard]] std::string callText(const std::vector<AddResult>& results);
/// The answer of children_values.
[[nodiscard]] std::string callText(const JobChildren::Values& values);
/// The answer of dependencies without pages.
[[nodiscard]] std::string callText(const JobChildren& children);
/// The answer of dependencies: the kinds in `pages`, with their cursors.
[[nodiscard]] std::string callText(const ChildrenPage& read, const ChildPages& pages);
/// The answer of dependencies_count.
[[nodiscard]] std::string callText(const ChildCounts& counts);
/// The answer of upsert_scheduler.
[[nodiscard]] std::string callText(const ScheduledRun& run);
/// The answer of failed_children.
[[nodiscard]] std::string callText(const FailedChildren& children);

/// Reads the argument of dependencies. Returns what is wrong with it; empty: nothing is.
[[nodiscard]] std::string readChildPages(std::string_view text, ChildPages& pages);

}  // namespace drover
