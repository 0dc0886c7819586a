#pragma once

#include <cstddef>
#include <string>

#include "cli/Command.h"
#include "drover/QueueMaintenance.h"

namespace drover::cli {

/// Returns calls that show the number of jobs so far on the terminal.
[[nodiscard]] QueueMaintenance::Calls callsWithProgress(const Invocation& call,
                                                        const std::string& doing);

/// Prints what work on many jobs has done: {"queue", "<done>": number}, or a sentence.
void printCount(const Invocation& call,
                const std::string& queue,
                const char* done,
                std::size_t jobs);

}  // namespace drover::cli
