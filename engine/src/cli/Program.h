#pragma once

#include "drover/Export.h"

namespace drover::cli {

class DatabaseSchema;

/// Runs the binary from its first line to its exit code: a command, or a process of isolated handlers.
///
/// The only function of the command line that libdrover.so exports. Resets what the process inherited: there must be no other
/// thread yet. `schema` serves `drover db`.
[[nodiscard]] DROVER_API int runProgram(int argc, char** argv, const DatabaseSchema& schema);

}  // namespace drover::cli
