#pragma once

#include <iosfwd>
#include <map>
#include <string>

#include "cli/CommandLine.h"
#include "process/ExitCode.h"

namespace drover {

/// `drover plugin check FILE` and `drover plugin list`.
///
/// check: loads the file into this process and makes and destroys one instance of each handler, with the values of the
/// configuration; the last line of its output is "FILE: good: …". Throws PluginException and ConfigException for what is
/// wrong with it. What it crashes, it crashes here: the engine runs this command as a child process.
/// list: asks a running process, see HandlerPlugins::listJson(). Unavailable if none answers.
[[nodiscard]] ExitCode pluginCommand(const CommandLine& line,
                                     const std::map<std::string, std::string>& environment,
                                     std::ostream& out);

}  // namespace drover
