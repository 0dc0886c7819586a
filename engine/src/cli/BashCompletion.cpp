#include "cli/BashCompletion.h"

#include <map>
#include <set>

namespace drover::cli {

namespace {

/// Returns the action of `compgen` that completes an option's or a command's argument.
std::string actionOf(const std::string& argument) {
    if (argument == "FOLDER") {
        return "-d";
    }
    return argument == "FILE" || argument == "PATH" ? "-f" : "";
}

void append(std::string& to, const std::string& word) {
    to += (to.empty() ? "" : " ") + word;
}

}  // namespace

std::string bashCompletion(const CommandTable& commands) {
    std::string first;                             // The words that can follow `drover`.
    std::map<std::string, std::string> verbs;      // By noun.
    std::map<std::string, std::string> arguments;  // Option to action.
    std::string cases;
    std::set<std::string> seen;
    for (const Command* command : commands.all()) {
        const std::string& name = command->name();
        const std::size_t space = name.find(' ');
        const std::string noun = name.substr(0, space);
        if (seen.insert(noun).second) {
            append(first, noun);
        }
        if (space != std::string::npos) {
            append(verbs[noun], name.substr(space + 1));
        }
        std::string words;
        for (const Option& option : command->words().options) {
            append(words, std::string("--") + option.name);
            if (option.argument != nullptr) {
                arguments[std::string("--") + option.name] = actionOf(option.argument);
            }
        }
        append(words, std::string("--") + options::kHelp.name);
        cases += "        \"" + name + (space == std::string::npos ? " \"*" : "\"") + ") words='" +
                 words + "' action='" + actionOf(command->words().argument) + "' ;;\n";
    }
    std::string script =
        "# Completes drover's command lines in bash. Generated: drover help --bash-completion\n"
        "_drover() {\n"
        "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
        "    local words='' action=''\n"
        "    COMPREPLY=()\n"
        "    case $previous in\n";
    for (const auto& [option, action] : arguments) {
        script +=
            "        " + option + ") " +
            (action.empty() ? "" : "COMPREPLY=($(compgen " + action + " -- \"$current\")); ") +
            "return ;;\n";
    }
    script +=
        "    esac\n"
        "    case $COMP_CWORD:${COMP_WORDS[1]} in\n"
        "        1:*) words='" +
        first + "' ;;\n";
    for (const auto& [noun, list] : verbs) {
        script += "        2:" + noun + ") words='" + list + "' ;;\n";
    }
    return script + "        *) case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n" + cases +
           "        esac ;;\n"
           "    esac\n"
           "    [[ $current == -* || -z $action ]] && action=''\n"
           "    COMPREPLY=($(compgen ${action} -W \"$words\" -- \"$current\"))\n"
           "}\n"
           "complete -o filenames -F _drover drover\n";
}

}  // namespace drover::cli
