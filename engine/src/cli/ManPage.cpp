#include "cli/ManPage.h"

#include <algorithm>
#include <vector>

#include "core/Version.h"
#include "process/ExitCode.h"

namespace drover::cli {

namespace {

/// Returns `text` as roff prints it: no letter of it is a request or an escape.
std::string roff(const std::string& text) {
    std::string out;
    for (const char c : text) {
        const bool beginsLine = out.empty() || out.back() == '\n';
        if (c == '\\') {
            out += "\\e";
        } else if (c == '-') {
            out += "\\-";
        } else if (beginsLine && (c == '.' || c == '\'')) {
            out += std::string("\\&") + c;
        } else {
            out += c;
        }
    }
    return out;
}

std::string bold(const std::string& text) {
    return "\\fB" + roff(text) + "\\fR";
}

std::string italic(const std::string& text) {
    return "\\fI" + roff(text) + "\\fR";
}

std::string section(const Command& command) {
    const CommandWords& words = command.words();
    std::string text = ".SS " + bold(words.name) +
                       (words.argument.empty() ? "" : " " + italic(words.argument)) + "\n" +
                       roff(words.summary) + ".\n";
    if (!words.details.empty()) {
        text += ".PP\n" + roff(words.details);
    }
    for (const Option& option : words.options) {
        text += ".TP\n" + bold(std::string("--") + option.name) +
                (option.argument == nullptr ? "" : " " + italic(option.argument)) + "\n" +
                roff(option.sentence) + "\n";
    }
    return text;
}

/// A code, and the words for it.
struct Exit {
    ExitCode code;
    const char* sentence;
};

constexpr Exit kExits[] = {
    {ExitCode::Ok, "success"},
    {ExitCode::Unconfirmed,
     "the command destroys, and was not confirmed: give --yes where no terminal is"},
    {ExitCode::Usage, "the command line is wrong"},
    {ExitCode::Faulty, "queue doctor: faults are left"},
    {ExitCode::NotThere,
     "the job, queue or scheduler is not there, or not in the state that the command needs"},
    {ExitCode::Unavailable, "a server did not answer, or the process is not fit for work"},
    {ExitCode::Internal, "a fault of the program, or a server refused the command"},
    {ExitCode::Config, "the configuration is wrong, or a plugin was refused"},
};

std::string paragraph(const std::string& tag, const std::string& text) {
    return ".TP\n" + tag + "\n" + roff(text) + "\n";
}

std::string exitStatus(const std::vector<ExitCode>& codes) {
    std::string text = ".SH EXIT STATUS\n";
    for (const Exit& exit : kExits) {
        if (std::find(codes.begin(), codes.end(), exit.code) != codes.end()) {
            text += paragraph(std::to_string(static_cast<int>(exit.code)), exit.sentence);
        }
    }
    return text;
}

std::string titled(const char* name, int section, const char* sentence) {
    return std::string(".TH ") + name + " " + std::to_string(section) + " \"\" \"drover " +
           version() + "\"\n.SH NAME\n" + roff(sentence) + "\n";
}

}  // namespace

std::string manPage(const CommandTable& commands) {
    std::string text =
        titled("DROVER", 1, "drover - native job engine that speaks BullMQ's wire format") +
        ".SH SYNOPSIS\n" + bold("drover") + " " + italic("COMMAND") + " [" + italic("OPTIONS") +
        "]\n.SH DESCRIPTION\n" +
        roff(
            "Commands on queues find Redis as the engine does: by the files of --config, the "
            "environment and --set. --redis goes\nbefore all of them. A queue is given by its name "
            "or by its alias. Results are tables for people, and JSON with --json.\n") +
        ".SH COMMANDS\nEvery command explains its options with " + bold("--help") + ".\n";
    for (const Command* command : commands.all()) {
        text += section(*command);
    }
    std::vector<ExitCode> all;
    for (const Exit& exit : kExits) {
        all.push_back(exit.code);
    }
    return text + exitStatus(all) + ".SH SEE ALSO\n" + bold("drover.properties") + "(5), " +
           bold("drover") + "(8)\n";
}

std::string configManPage(const ConfigSchema& schema) {
    std::string text =
        titled("DROVER.PROPERTIES", 5, "drover.properties - configuration of drover") +
        ".SH DESCRIPTION\n" +
        roff(
            "Lines of key = value; a line that begins with # is a comment. A value comes from the "
            "first of these that has it:\n--set key=value; the environment; --env-file; the last "
            "--config file that names it, then the files before; the\nfile beside a plugin; for a "
            "setting of a queue the suggestion of its handler, then worker.defaults; the "
            "default.\n") +
        ".PP\n" +
        roff(
            "The variable of a key is DROVER_ and the key in capitals with _ for dots: "
            "DROVER_REDIS_HOST for redis.host.\nQueues have aliases, since their names may contain "
            "dots. Keys of plugins are described by the plugins.\n") +
        ".SH KEYS\n";
    for (const KeySpec& spec : schema.specs()) {
        text +=
            ".TP\n" + bold(spec.pattern) + "\n" + roff(spec.sentence) + "\n.br\n" +
            roff(spec.expectation() +
                 (spec.defaultValue.value_or("").empty() ? "" : "; default " + *spec.defaultValue) +
                 (spec.secret ? "; secret" : "") + (spec.required ? "; required" : "") +
                 (spec.reloadable ? "; HUP reloads it" : "; needs a restart")) +
            "\n";
    }
    return text + ".SH SEE ALSO\n" + bold("drover") + "(1), " + bold("drover") + "(8)\n";
}

std::string daemonManPage(const CommandTable& commands) {
    const CommandWords& words = commands.find("run")->words();
    std::string text = titled("DROVER", 8, "drover - the process that works on queues") +
                       ".SH SYNOPSIS\n" + bold("drover run") + " [" + italic("OPTIONS") +
                       "]\n.SH DESCRIPTION\n" + bold("drover run") + " " + roff(words.summary) +
                       ". It stays in the foreground and logs to the standard error.\n"
                       ".SH OPTIONS\n";
    for (const Option& option : words.options) {
        text += ".TP\n" + bold(std::string("--") + option.name) + " " + italic(option.argument) +
                "\n" + roff(option.sentence) + "\n";
    }
    text +=
        ".SH SIGNALS\n" +
        paragraph(bold("TERM") + ", " + bold("INT"),
                  "ends in order: nothing new is claimed, running jobs and requests may take "
                  "shutdown.graceMs to end; a second one ends at once") +
        paragraph(bold("HUP"),
                  "reads the configuration, access tokens and certificates again, and looks for "
                  "plugins; a mistake changes nothing") +
        paragraph(bold("TSTP"), "claims no further jobs, as drover worker quiet does") +
        paragraph(bold("CONT"), "claims jobs again, as drover worker resume does");
    text +=
        ".SH FILES\n" +
        paragraph(italic("drover.properties"),
                  "the configuration, by --config; see drover.properties(5)") +
        paragraph(italic("drover-PID.sock"),
                  "the control socket, for health, worker quiet and plugin list: control.socket, "
                  "or in the first of $XDG_RUNTIME_DIR, /run/drover, /tmp, /dev/shm and /var/tmp "
                  "that can be written to") +
        paragraph(italic("NAME.properties"), "beside a plugin NAME.so: its own settings");
    return text +
           exitStatus({ExitCode::Ok,
                       ExitCode::Usage,
                       ExitCode::Unavailable,
                       ExitCode::Internal,
                       ExitCode::Config}) +
           ".SH SEE ALSO\n" + bold("drover") + "(1), " + bold("drover.properties") + "(5)\n";
}

}  // namespace drover::cli
