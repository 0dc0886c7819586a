#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/Configuration.h"
#include "drover/Exceptions.h"

namespace drover {

/// The command line is wrong; the message says how and names the nearest command or option. Exit 64.
DROVER_DECLARE_EXCEPTION(UsageException, Exception);

/// One command of the binary: noun and verb.
struct CommandSpec {
    std::string name;  ///< "config check".
    std::string summary;
    std::vector<std::string> options;  ///< Names of the options that it takes, without "--".
    std::string argument{};            ///< The one word that it needs: "ID"; empty: none.
    std::string details{};             ///< More sentences for its --help; may be empty.
};

/// A parsed command line.
struct CommandLine {
    std::string command;  ///< Empty: none was given.
    bool help = false;
    bool json = false;
    bool reference = false;
    std::string socket;
    std::string schemaFolder;
    std::string queue;
    std::string reason;  ///< Of a cancel.
    std::string dir;
    ConfigSources sources;  ///< Without the environment.
    std::vector<std::string>
        arguments;  ///< Words after a command that takes some: `help config check`, `job cancel 42`.

    /// `args` without the program's name. Throws UsageException.
    [[nodiscard]] static CommandLine parse(const std::vector<std::string>& args);

    [[nodiscard]] static const std::vector<CommandSpec>& commands();
    /// nullptr: no such command.
    [[nodiscard]] static const CommandSpec* find(const std::string& name);
    /// All commands, or those of one noun, or one command with its options.
    [[nodiscard]] static std::string usage(const std::string& topic = "");
};

}  // namespace drover
