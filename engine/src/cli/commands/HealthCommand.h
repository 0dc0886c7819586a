#pragma once

#include <iosfwd>
#include <map>
#include <string>

#include "cli/CommandLine.h"
#include "process/ExitCode.h"

namespace drover {

/// `drover health`: asks the process at --socket, at control.socket, or the only one of ours in the runtime folder.
/// Ok if it is fit for work, Unavailable if not or nobody answers. Throws UsageException if several processes run.
[[nodiscard]] ExitCode healthCommand(const CommandLine& line,
                                     const std::map<std::string, std::string>& environment,
                                     const Configuration& config,
                                     std::ostream& out);

}  // namespace drover
