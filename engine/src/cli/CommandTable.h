#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/Command.h"

namespace drover::cli {

/// Every command of the binary, in the order in which help lists them. A new command is a file in cli/commands and a row
/// in CommandTable.cpp.
class CommandTable {
public:
    CommandTable();

    [[nodiscard]] std::vector<const Command*> all() const;
    /// Returns the commands whose name is `noun` and a verb, in the table's order.
    [[nodiscard]] std::vector<const Command*> ofNoun(const std::string& noun) const;
    /// Returns the command; nullptr: there is none of that name.
    [[nodiscard]] const Command* find(const std::string& name) const;

private:
    std::vector<std::unique_ptr<Command>> commands_;
};

}  // namespace drover::cli
