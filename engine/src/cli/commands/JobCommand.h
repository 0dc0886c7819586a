#pragma once

#include <iosfwd>

#include "cli/CommandLine.h"
#include "process/ExitCode.h"

namespace drover {

/// `drover job cancel ID`: asks whichever process works on the job to set its cancel token.
///
/// --queue names the queue or its alias; without it the configuration must have exactly one.
/// Ok: requested. NotThere: there is no such job, or no worker has it. Throws UsageException, ConfigException and
/// RedisIoException.
[[nodiscard]] ExitCode jobCommand(const CommandLine& line,
                                  const Configuration& config,
                                  std::ostream& out);

}  // namespace drover
