#pragma once

#include <string>
#include <string_view>

#include "cli/Operated.h"
#include "drover/FlowProducer.h"

namespace drover::cli {

/// Parses {"name", "queueName", "data"?, "opts"?, "prefix"?, "children"?: [tree]}, as BullMQ's FlowJob has it. A queue may be
/// named by its alias. Throws UsageException.
[[nodiscard]] FlowJob parseFlow(const Operated& on, std::string_view json);

/// Returns the text of a file; "-" stands for the standard input. Throws UsageException.
[[nodiscard]] std::string readText(const std::string& file);

}  // namespace drover::cli
