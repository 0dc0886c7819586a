#pragma once

#include <iosfwd>
#include <string>

#include "cli/CommandLine.h"
#include "process/ExitCode.h"

namespace drover {

/// `drover plugin new NAME [--dir FOLDER]`: writes the folder NAME with a plugin that builds, and passes its test, against
/// an installed engine.
///
/// All of the folder or nothing. Throws UsageException for a name that no plugin may have, for a FOLDER that is not there
/// and for a NAME that is; Poco::CreateFileException if it cannot be written.
[[nodiscard]] ExitCode newPluginCommand(const CommandLine& line, std::ostream& out);

/// Why a plugin cannot have this name, with one that would be right; empty: it can.
[[nodiscard]] std::string pluginNameComplaint(const std::string& name);

}  // namespace drover
