#include "cli/CommandLine.h"

#include <algorithm>

#include "core/Similar.h"

namespace drover {

namespace {

struct Option {
    const char* name;
    const char* argument;  ///< nullptr: takes none.
    const char* sentence;
    void (*apply)(CommandLine& line, const std::string& value);
};

const std::vector<Option>& options() {
    static const std::vector<Option> kOptions = {
        {"config",
         "FILE",
         "reads a .properties file; repeatable, the later file wins",
         [](CommandLine& line, const std::string& value) { line.sources.files.push_back(value); }},
        {"set",
         "KEY=VALUE",
         "sets one key, over environment and files; repeatable",
         [](CommandLine& line, const std::string& value) {
             line.sources.settings.push_back(value);
         }},
        {"env-file",
         "FILE",
         "reads KEY=VALUE lines as environment; the real one wins",
         [](CommandLine& line, const std::string& value) { line.sources.envFile = value; }},
        {"json",
         nullptr,
         "prints JSON",
         [](CommandLine& line, const std::string&) { line.json = true; }},
        {"reference",
         nullptr,
         "prints every key with default and meaning, as a file",
         [](CommandLine& line, const std::string&) { line.reference = true; }},
        {"socket",
         "PATH",
         "asks the process that listens there",
         [](CommandLine& line, const std::string& value) { line.socket = value; }},
        {"schema",
         "FOLDER",
         "the numbered .sql files; default: ./schema",
         [](CommandLine& line, const std::string& value) { line.schemaFolder = value; }},
        {"queue",
         "NAME",
         "the queue, by its name or its alias; default: the only one that is configured",
         [](CommandLine& line, const std::string& value) { line.queue = value; }},
        {"reason",
         "TEXT",
         "why; the log and the reason of a job that fails then tell it",
         [](CommandLine& line, const std::string& value) { line.reason = value; }},
        {"dir",
         "FOLDER",
         "where the new folder is made; default: the current one",
         [](CommandLine& line, const std::string& value) { line.dir = value; }},
        {"help",
         nullptr,
         "tells what the command does",
         [](CommandLine& line, const std::string&) { line.help = true; }},
    };
    return kOptions;
}

const Option& option(const std::string& name) {
    return *std::find_if(options().begin(), options().end(), [&name](const Option& one) {
        return name == one.name;
    });
}

/// Takes the option at `args[i]` and, if it has one, its argument.
void takeOption(CommandLine& line,
                const CommandSpec* command,
                const std::vector<std::string>& args,
                std::size_t& i) {
    if (args[i] == "-h") {
        line.help = true;
        return;
    }
    const std::size_t equals = args[i].find('=');
    const std::string name = args[i].compare(0, 2, "--") == 0 ? args[i].substr(2, equals - 2) : "";
    std::vector<std::string> allowed =
        command != nullptr ? command->options : std::vector<std::string>{};
    allowed.emplace_back("help");
    if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) {
        const auto like = name.empty() ? std::nullopt : mostSimilar(name, allowed);
        const std::string shown = args[i].substr(0, equals);
        throw UsageException((command != nullptr ? command->name + ": " : "") + "unknown option " +
                             shown + (like ? "; did you mean --" + *like + "?" : ""));
    }
    const Option& found = option(name);
    std::string value;
    if (found.argument == nullptr) {
        if (equals != std::string::npos) {
            throw UsageException("--" + name + " takes no argument");
        }
    } else if (equals != std::string::npos) {
        value = args[i].substr(equals + 1);
    } else if (i + 1 < args.size()) {
        value = args[++i];
    } else {
        throw UsageException("--" + name + " needs an argument: --" + name + " " + found.argument);
    }
    found.apply(line, value);
}

/// The longest command that the words begin with; nullptr: none.
const CommandSpec* commandOf(const std::vector<std::string>& words, std::size_t& used) {
    for (used = std::min<std::size_t>(2, words.size()); used > 0; --used) {
        const std::string name = used == 2 ? words[0] + " " + words[1] : words[0];
        if (const CommandSpec* found = CommandLine::find(name)) {
            return found;
        }
    }
    return nullptr;
}

[[noreturn]] void refuseCommand(const std::vector<std::string>& words) {
    const std::string given = words.size() > 1 ? words[0] + " " + words[1] : words[0];
    std::vector<std::string> names;
    std::string verbs;
    for (const CommandSpec& command : CommandLine::commands()) {
        names.push_back(command.name);
        if (command.name.compare(0, words[0].size() + 1, words[0] + " ") == 0) {
            verbs += (verbs.empty() ? "" : ", ") + command.name.substr(words[0].size() + 1);
        }
    }
    if (words.size() == 1 && !verbs.empty()) {
        throw UsageException(words[0] + " needs a verb: " + verbs);
    }
    auto like = mostSimilar(given, names);
    if (!like) {
        like = mostSimilar(words[0], names);
    }
    throw UsageException("unknown command " + given +
                         (like ? "; did you mean " + *like + "?" : ""));
}

}  // namespace

const std::vector<CommandSpec>& CommandLine::commands() {
    static const std::vector<CommandSpec> kCommands = {
        {"run",
         "runs the roles that the configuration names, until TERM or INT",
         {"config", "set", "env-file"}},
        {"config check",
         "checks the configuration and names every problem",
         {"config", "set", "env-file", "json"}},
        {"config show",
         "prints every key in force and where it comes from",
         {"config", "set", "env-file", "json", "reference"}},
        {"health",
         "asks a running process whether it is fit for work",
         {"config", "set", "env-file", "socket", "json"}},
        {"plugin check",
         "loads a plugin file and makes its handlers, as a running process would",
         {"config", "set", "env-file", "json"},
         "FILE"},
        {"plugin list",
         "asks a running process for its handler plugins",
         {"config", "set", "env-file", "socket", "json"}},
        {"db migrate",
         "brings the database's schema up to date",
         {"config", "set", "env-file", "schema", "json"}},
        {"db status",
         "lists the changes of the schema",
         {"config", "set", "env-file", "schema", "json"}},
        {"job cancel",
         "sets the cancel token of an active job, whichever process works on it",
         {"config", "set", "env-file", "queue", "reason", "json"},
         "ID",
         "The job's worker hears of it when it renews the job's lock: after half of lockDurationMs "
         "at the latest.\nThe outcome of the job stays what its handler returns; a handler that "
         "never looks at its token is not stopped.\nWorkers of BullMQ do not listen. Exit code 66: "
         "there is no such job, or it is not active.\n"},
        {"plugin new",
         "writes the folder NAME with a handler plugin that builds and passes its test",
         {"dir", "json"},
         "NAME",
         "A handler in C++, its CMakeLists.txt, its .properties file, a test that needs no server, "
         "and a README.\nIt builds against an installed drover, whose bin folder is in PATH or "
         "whose prefix is in CMAKE_PREFIX_PATH.\n"},
        {"version", "prints version and build", {"json"}},
        {"help", "explains a command", {}},
    };
    return kCommands;
}

const CommandSpec* CommandLine::find(const std::string& name) {
    const auto found = std::find_if(commands().begin(),
                                    commands().end(),
                                    [&name](const CommandSpec& one) { return one.name == name; });
    return found == commands().end() ? nullptr : &*found;
}

CommandLine CommandLine::parse(const std::vector<std::string>& args) {
    CommandLine line;
    std::vector<std::string> words;
    std::size_t i = 0;
    for (; i < args.size() && args[i].compare(0, 1, "-") != 0; ++i) {
        words.push_back(args[i]);
    }
    const CommandSpec* command = nullptr;
    if (words.empty() && i < args.size() && args[i] == "--version") {
        words.emplace_back("version");
        ++i;
    }
    if (!words.empty()) {
        std::size_t used = 0;
        command = commandOf(words, used);
        const bool help = std::find(args.begin(), args.end(), "--help") != args.end() ||
                          std::find(args.begin(), args.end(), "-h") != args.end();
        if (command == nullptr && help && words.size() == 1 && usage(words[0]) != usage()) {
            line.command = "help";
            line.arguments = words;
            return line;
        }
        if (command == nullptr) {
            refuseCommand(words);
        }
        line.command = command->name;
        line.arguments.assign(words.begin() + static_cast<std::ptrdiff_t>(used), words.end());
    }
    for (; i < args.size(); ++i) {
        if (args[i].compare(0, 1, "-") == 0) {
            takeOption(line, command, args, i);
        } else {
            line.arguments.push_back(args[i]);
        }
    }
    const std::size_t taken = command == nullptr || command->argument.empty() ? 0 : 1;
    if (line.arguments.size() > taken && line.command != "help") {
        throw UsageException(
            (line.command.empty() ? "options follow the command: " : line.command + " takes no ") +
            line.arguments[taken]);
    }
    if (line.arguments.size() < taken && !line.help) {
        throw UsageException(line.command + " needs " + command->argument);
    }
    if (line.command.empty() && !line.help) {
        throw UsageException("a command is missing");
    }
    return line;
}

std::string CommandLine::usage(const std::string& topic) {
    std::string text;
    if (const CommandSpec* command = topic.empty() ? nullptr : find(topic)) {
        text = "drover " + command->name + (command->argument.empty() ? "" : " ") +
               command->argument + ": " + command->summary + "\n\n" + command->details +
               (command->details.empty() ? "" : "\n");
        std::vector<std::string> names = command->options;
        names.emplace_back("help");
        for (const std::string& name : names) {
            const Option& known = option(name);
            std::string column =
                "  --" + name +
                (known.argument == nullptr ? "" : std::string(" ") + known.argument);
            column.resize(std::max<std::size_t>(column.size() + 2, 22), ' ');
            text += column + known.sentence + "\n";
        }
        return text;
    }
    const auto belongs = [&topic](const CommandSpec& one) {
        return one.name.compare(0, topic.size() + 1, topic + " ") == 0;
    };
    const bool any = !topic.empty() && std::any_of(commands().begin(), commands().end(), belongs);
    text = "usage: drover COMMAND [OPTIONS]\n\n";
    for (const CommandSpec& command : commands()) {
        if (!any || belongs(command)) {
            std::string column = "  " + command.name;
            column.resize(16, ' ');
            text += column + command.summary + "\n";
        }
    }
    return text + "\nEvery command explains its options with --help.\n";
}

}  // namespace drover
