#pragma once

#include <map>
#include <string>

#include "cli/CommandLine.h"

namespace drover {

/// Where the process listens that a command is about: --socket, control.socket, or the only one of ours in the runtime
/// folder. Throws UsageException if several processes run or this one listens nowhere, Poco::IOException if none runs.
[[nodiscard]] std::string controlSocketOf(const CommandLine& line,
                                          const std::map<std::string, std::string>& environment,
                                          const Configuration& config);

}  // namespace drover
