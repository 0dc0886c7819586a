#include "cli/ManPage.h"

#include "core/Version.h"

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

}  // namespace

std::string manPage(const CommandTable& commands) {
    std::string text = std::string(".TH DROVER 1 \"\" \"drover ") + version() +
                       "\"\n.SH NAME\ndrover \\- native job engine that speaks BullMQ's wire "
                       "format\n.SH SYNOPSIS\n" +
                       bold("drover") + " " + italic("COMMAND") + " [" + italic("OPTIONS") +
                       "]\n.SH COMMANDS\nEvery command explains its options with " +
                       bold("--help") + ".\n";
    for (const Command* command : commands.all()) {
        text += section(*command);
    }
    return text +
           ".SH EXIT STATUS\n"
           ".TP\n0\nsuccess\n"
           ".TP\n64\nthe command line is wrong\n"
           ".TP\n66\nthe job is not there, or not in the state that the command needs\n"
           ".TP\n69\na server did not answer, or the process is not fit for work\n"
           ".TP\n70\na fault of the program\n"
           ".TP\n78\nthe configuration is wrong, or a plugin was refused\n";
}

}  // namespace drover::cli
