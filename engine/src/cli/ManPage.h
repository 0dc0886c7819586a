#pragma once

#include <string>

#include "cli/CommandTable.h"
#include "config/ConfigSchema.h"

namespace drover::cli {

// Each returns a man page in roff, made of the words of the commands and of the schema of the configuration.

/// drover(1): every command with its options, and the exit codes.
[[nodiscard]] std::string manPage(const CommandTable& commands);

/// drover.properties(5): every key of the engine.
[[nodiscard]] std::string configManPage(const ConfigSchema& schema);

/// drover(8): the process of `drover run`, its signals, files and exit codes.
[[nodiscard]] std::string daemonManPage(const CommandTable& commands);

}  // namespace drover::cli
