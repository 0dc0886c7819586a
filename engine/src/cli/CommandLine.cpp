#include "cli/CommandLine.h"

#include <algorithm>
#include <optional>

#include "cli/Command.h"
#include "cli/CommandTable.h"
#include "core/Similar.h"

namespace drover::cli {

namespace {

bool isOption(const std::string& arg) {
    return arg.compare(0, 1, "-") == 0;
}

[[noreturn]] void refuseCommand(const CommandTable& commands,
                                const std::vector<std::string>& words) {
    const std::string given = words.size() > 1 ? words[0] + " " + words[1] : words[0];
    std::string verbs;
    for (const Command* command : commands.ofNoun(words[0])) {
        verbs += (verbs.empty() ? "" : ", ") + command->name().substr(words[0].size() + 1);
    }
    if (words.size() == 1 && !verbs.empty()) {
        throw UsageException(words[0] + " needs a verb: " + verbs);
    }
    std::vector<std::string> names;
    for (const Command* command : commands.all()) {
        names.push_back(command->name());
    }
    auto like = mostSimilar(given, names);
    if (!like) {
        like = mostSimilar(words[0], names);
    }
    throw UsageException("unknown command " + given +
                         (like ? "; did you mean " + *like + "?" : ""));
}

[[noreturn]] void refuseOption(const Command* command,
                               const std::string& shown,
                               const std::string& name,
                               const std::vector<Option>& known) {
    std::vector<std::string> names;
    names.reserve(known.size());
    for (const Option& option : known) {
        names.emplace_back(option.name);
    }
    const auto like = name.empty() ? std::nullopt : mostSimilar(name, names);
    throw UsageException((command != nullptr ? command->name() + ": " : "") + "unknown option " +
                         shown + (like ? "; did you mean --" + *like + "?" : ""));
}

}  // namespace

std::string CommandLine::value(const Option& option) const {
    const auto found = values_.find(option.name);
    return found == values_.end() ? "" : found->second.back();
}

std::vector<std::string> CommandLine::values(const Option& option) const {
    const auto found = values_.find(option.name);
    return found == values_.end() ? std::vector<std::string>{} : found->second;
}

CommandLine CommandLine::parse(const CommandTable& commands, const std::vector<std::string>& args) {
    CommandLine line;
    std::vector<std::string> words;
    std::size_t i = 0;
    for (; i < args.size() && !isOption(args[i]); ++i) {
        words.push_back(args[i]);
    }
    if (words.empty() && i < args.size() && args[i] == "--version") {
        words.emplace_back("version");
        ++i;
    }
    const bool help = std::find(args.begin(), args.end(), "--help") != args.end() ||
                      std::find(args.begin(), args.end(), "-h") != args.end();
    if (help && words.size() == 1 && !commands.ofNoun(words[0]).empty()) {
        // `drover db --help` lists the commands of a noun.
        words.insert(words.begin(), "help");
        i = args.size();
    }
    if (!words.empty()) {
        line.parseCommand(commands, words);
    }
    for (; i < args.size(); ++i) {
        if (isOption(args[i])) {
            line.parseOption(args, i);
        } else {
            line.arguments_.push_back(args[i]);
        }
    }
    line.checkArguments();
    return line;
}

void CommandLine::parseCommand(const CommandTable& commands,
                               const std::vector<std::string>& words) {
    std::size_t used = std::min<std::size_t>(2, words.size());
    for (; used > 0 && command_ == nullptr; used -= command_ == nullptr ? 1 : 0) {
        command_ = commands.find(used == 2 ? words[0] + " " + words[1] : words[0]);
    }
    if (command_ == nullptr) {
        refuseCommand(commands, words);
    }
    arguments_.assign(words.begin() + static_cast<std::ptrdiff_t>(used), words.end());
}

void CommandLine::parseOption(const std::vector<std::string>& args, std::size_t& i) {
    if (args[i] == "-h") {
        values_[options::kHelp.name].emplace_back();
        return;
    }
    const std::size_t equals = args[i].find('=');
    const std::string name = args[i].compare(0, 2, "--") == 0 ? args[i].substr(2, equals - 2) : "";
    std::vector<Option> known =
        command_ != nullptr ? command_->words().options : std::vector<Option>{};
    known.push_back(options::kHelp);
    const auto found = std::find_if(
        known.begin(), known.end(), [&name](const Option& option) { return name == option.name; });
    if (found == known.end()) {
        // Without its value, which may be a secret.
        refuseOption(command_, args[i].substr(0, equals), name, known);
    }
    std::string value;
    if (found->argument == nullptr) {
        if (equals != std::string::npos) {
            throw UsageException("--" + name + " takes no argument");
        }
    } else if (equals != std::string::npos) {
        value = args[i].substr(equals + 1);
    } else if (i + 1 < args.size()) {
        value = args[++i];
    } else {
        throw UsageException("--" + name + " needs an argument: --" + name + " " + found->argument);
    }
    values_[name].push_back(value);
}

void CommandLine::checkArguments() const {
    const std::string needed = command_ == nullptr ? "" : command_->words().argument;
    const bool anyNumber = needed.compare(0, 1, "[") == 0;
    const std::size_t most = needed.empty() ? 0 : 1;
    if (arguments_.size() > most && !anyNumber) {
        throw UsageException((command_ == nullptr ? std::string("options follow the command: ")
                                                  : command_->name() + " takes no ") +
                             arguments_[most]);
    }
    if (wantsHelp()) {
        return;
    }
    if (command_ == nullptr) {
        throw UsageException("a command is missing");
    }
    if (arguments_.size() < most && !anyNumber) {
        throw UsageException(command_->name() + " needs " + needed);
    }
}

}  // namespace drover::cli
