#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/CommandLine.h"
#include "cli/Output.h"
#include "process/ExitCode.h"

namespace drover::cli {

class CommandTable;
class DatabaseSchema;
class Terminal;

/// The surroundings of a running command.
struct Invocation {
    const CommandTable& commands;
    const CommandLine& line;
    const std::map<std::string, std::string>& environment;
    const DatabaseSchema& schema;
    Output& output;
    Terminal& terminal;
};

/// Describes a command to its callers: help, man page and completion are made of these words.
struct CommandWords {
    std::string name;     ///< Noun and verb, "config check", or one word.
    std::string summary;  ///< A phrase that begins with a verb; the lists of commands show it.
    std::vector<Option> options;
    /// The word that the command needs, "ID"; in brackets, "[COMMAND]": any number of words; empty: none.
    std::string argument{};
    std::string
        details{};  ///< More sentences for the command's help and the man page; each line ends with '\n'.
};

/// One command of the binary. Each lies in a file of its own in cli/commands and has a row in CommandTable.cpp.
/// Threads: `drover run` needs a process without other threads; the words may be read from any thread.
class Command {
public:
    explicit Command(CommandWords words) : words_(std::move(words)) {}
    virtual ~Command() = default;
    Command(const Command&) = delete;
    Command& operator=(const Command&) = delete;

    [[nodiscard]] const CommandWords& words() const { return words_; }
    [[nodiscard]] const std::string& name() const { return words_.name; }

    /// Runs the command and returns how the process ends. An exception becomes one message and an exit code, see
    /// runCommand().
    [[nodiscard]] virtual ExitCode run(const Invocation& call) const = 0;

private:
    CommandWords words_;
};

}  // namespace drover::cli
