#pragma once

#include <string>

#include "cli/CommandTable.h"

namespace drover::cli {

/// Returns the man page drover(1) in roff.
[[nodiscard]] std::string manPage(const CommandTable& commands);

}  // namespace drover::cli
