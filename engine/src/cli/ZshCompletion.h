#pragma once

#include <string>

#include "cli/CommandTable.h"

namespace drover::cli {

/// Returns a script that completes command lines of drover in zsh: commands and options with their sentences, and the names of
/// files and folders.
[[nodiscard]] std::string zshCompletion(const CommandTable& commands);

}  // namespace drover::cli
