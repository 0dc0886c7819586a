#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/Option.h"
#include "drover/Exceptions.h"

namespace drover::cli {

class Command;
class CommandTable;

/// The command line is wrong. The message has the mistake and the nearest command or option. Exit 64.
class UsageException : public Exception {
public:
    using Exception::Exception;
};

/// The command destroys, and no person has agreed to it. Exit 2.
class UnconfirmedException : public Exception {
public:
    using Exception::Exception;
};

/// A parsed command line: a command, the values of its options, and its words.
class CommandLine {
public:
    /// Parses `args`, which come without the program's name. `commands` must outlive the result. Throws UsageException.
    [[nodiscard]] static CommandLine parse(const CommandTable& commands,
                                           const std::vector<std::string>& args);

    /// Returns the command; nullptr: none was given, only --help.
    [[nodiscard]] const Command* command() const { return command_; }
    /// Returns true if the command's help takes the place of the command: --help was given.
    [[nodiscard]] bool wantsHelp() const { return has(options::kHelp); }
    /// Returns the words after the command: `42` of `job cancel 42`.
    [[nodiscard]] const std::vector<std::string>& arguments() const { return arguments_; }

    [[nodiscard]] bool has(const Option& option) const { return values_.count(option.name) != 0; }
    /// Returns the last value that was given; empty: none.
    [[nodiscard]] std::string value(const Option& option) const;
    /// Returns every value in order.
    [[nodiscard]] std::vector<std::string> values(const Option& option) const;

private:
    void parseCommand(const CommandTable& commands, const std::vector<std::string>& words);
    /// Reads the option at `args[i]` and, if it has one, its argument.
    void parseOption(const std::vector<std::string>& args, std::size_t& i);
    void checkArguments() const;

    const Command* command_ = nullptr;
    std::map<std::string, std::vector<std::string>> values_;  ///< By the option's name.
    std::vector<std::string> arguments_;
};

}  // namespace drover::cli
