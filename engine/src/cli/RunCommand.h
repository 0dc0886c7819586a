#pragma once

#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "cli/DatabaseSchema.h"
#include "process/ExitCode.h"

namespace drover::cli {

class Terminal;

/// Runs one command line (without the program's name) and returns how the process ends.
///
/// Never throws: a failure is one message on `err`, without secrets. `drover run` blocks signals in the calling thread:
/// there must be no other thread yet.
[[nodiscard]] ExitCode runCommand(const std::vector<std::string>& args,
                                  const std::map<std::string, std::string>& environment,
                                  const DatabaseSchema& schema,
                                  std::ostream& out,
                                  std::ostream& err,
                                  Terminal& terminal);
/// Runs a command as from a script, without a terminal.
[[nodiscard]] ExitCode runCommand(const std::vector<std::string>& args,
                                  const std::map<std::string, std::string>& environment,
                                  const DatabaseSchema& schema,
                                  std::ostream& out,
                                  std::ostream& err);

}  // namespace drover::cli
