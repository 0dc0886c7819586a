#include "cli/HelpText.h"

#include <algorithm>

namespace drover::cli {

namespace {

/// Returns `text` in a column of at least `width`, with two spaces behind it.
std::string column(std::string text, std::size_t width) {
    text.resize(std::max(text.size() + 2, width), ' ');
    return text;
}

}  // namespace

std::string helpText(const Command& command) {
    const CommandWords& words = command.words();
    std::string text = "drover " + words.name + (words.argument.empty() ? "" : " ") +
                       words.argument + ": " + words.summary + "\n\n" + words.details +
                       (words.details.empty() ? "" : "\n");
    std::vector<Option> known = words.options;
    known.push_back(options::kHelp);
    for (const Option& option : known) {
        const std::string argument =
            option.argument == nullptr ? "" : std::string(" ") + option.argument;
        text += column(std::string("  --") + option.name + argument, 22) + option.sentence + "\n";
    }
    return text;
}

std::string helpText(const std::vector<const Command*>& commands) {
    std::string text = "usage: drover COMMAND [OPTIONS]\n\n";
    std::size_t width = 16;
    for (const Command* command : commands) {
        width = std::max(width, command->name().size() + 4);
    }
    for (const Command* command : commands) {
        text += column("  " + command->name(), width) + command->words().summary + "\n";
    }
    return text + "\nEvery command explains its options with --help.\n";
}

}  // namespace drover::cli
