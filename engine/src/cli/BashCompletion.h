#pragma once

#include <string>

#include "cli/CommandTable.h"

namespace drover::cli {

/// Returns a script that completes command lines of drover in bash: commands, options, and the names of files and
/// folders.
[[nodiscard]] std::string bashCompletion(const CommandTable& commands);

}  // namespace drover::cli
