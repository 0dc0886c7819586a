#pragma once

#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "process/ExitCode.h"

namespace drover {

/// Runs one command line (without the program's name) and says how the process ends. Never throws: what goes wrong is
/// told on `err` in one message, without secrets.
/// `drover run` blocks signals in the calling thread: there must be no other thread yet.
[[nodiscard]] ExitCode runCommand(const std::vector<std::string>& args,
                                  const std::map<std::string, std::string>& environment,
                                  std::ostream& out,
                                  std::ostream& err);

}  // namespace drover
