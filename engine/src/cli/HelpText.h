#pragma once

#include <string>
#include <vector>

#include "cli/Command.h"

namespace drover::cli {

/// Returns the command with its sentences and options.
[[nodiscard]] std::string helpText(const Command& command);
/// Returns how drover is called, and a line for each of `commands`.
[[nodiscard]] std::string helpText(const std::vector<const Command*>& commands);

}  // namespace drover::cli
