#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ClaimedJob.h"
#include "queue/JobRecord.h"

namespace drover {

/// A child that a handler adds to its own job, ready for its queue.
struct ChildJob {
    std::string prefix;
    std::string queue;
    JobRecord record;
};

/// Parses the argument of add_children: a JSON array of {"queue": qualified name, "name": string, "data": any,
/// "opts": object}. Without "queue" a child goes to its parent's queue.
/// Returns std::nullopt, with the reason in `problem`, for any other text and for a job that newChildError() refuses.
[[nodiscard]] std::optional<std::vector<ChildJob>> parseChildren(std::string_view json,
                                                                 const ClaimedJob& parent,
                                                                 std::string& problem);

}  // namespace drover
