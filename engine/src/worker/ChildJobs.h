#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ClaimedJob.h"
#include "queue/QueueContext.h"
#include "queue/ops/Add.h"

namespace drover {

/// A child that a handler adds to its own job, ready for its queue.
struct ChildJob {
    std::string prefix;
    std::string queue;
    AddItem item;
};

/// Parses the argument of add_children: a JSON array of {"queue": qualified name, "name": string, "data": any,
/// "opts": object}. Without "queue" a child goes to its parent's queue.
/// Returns std::nullopt, with the reason in `problem`, for any other text or an option out of range.
[[nodiscard]] std::optional<std::vector<ChildJob>> parseChildren(std::string_view json,
                                                                 const ClaimedJob& parent,
                                                                 std::int64_t nowMs,
                                                                 std::string& problem);

}  // namespace drover
