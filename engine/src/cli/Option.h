#pragma once

namespace drover::cli {

/// An option of commands: `--name`, or `--name ARGUMENT`.
struct Option {
    const char* name;  ///< Without "--".
    const char*
        argument;  ///< "FILE"; nullptr: the option has none. FILE, PATH and FOLDER are completed as such.
    const char* sentence;  ///< For the help and the man page.
};

/// Options that more than one command has.
namespace options {

inline constexpr Option kJson{"json", nullptr, "prints JSON"};
/// Every command has it.
inline constexpr Option kHelp{"help", nullptr, "explains the command"};

}  // namespace options

}  // namespace drover::cli
