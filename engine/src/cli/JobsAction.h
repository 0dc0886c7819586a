#pragma once

#include <functional>
#include <string>

#include "cli/Command.h"

namespace drover::cli {

/// Runs `act` on each id of the command line and prints {"queue", "<done>": [id …], "refused": [{"id", "why"} …]}, or a line
/// for each. Returns NotThere if one is refused: `act` threw a JobStateException, or returned a text that says why.
[[nodiscard]] ExitCode onEachJob(const Invocation& call,
                                 const std::string& queue,
                                 const char* done,
                                 const std::function<std::string(const std::string& id)>& act);

}  // namespace drover::cli
