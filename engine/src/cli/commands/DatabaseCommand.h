#pragma once

#include <iosfwd>

#include "cli/CommandLine.h"
#include "process/ExitCode.h"

namespace drover {

/// `drover db migrate` and `drover db status`, on the database of database.url and the files of --schema.
/// Throws ConfigException, StoreException and Unavailable.
[[nodiscard]] ExitCode databaseCommand(const CommandLine& line,
                                       const Configuration& config,
                                       std::ostream& out);

}  // namespace drover
