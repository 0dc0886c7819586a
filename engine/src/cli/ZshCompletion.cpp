#include "cli/ZshCompletion.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

namespace drover::cli {

namespace {

/// Returns a word of the shell that has this text, with a backslash before each of `special`.
std::string quoted(std::string_view text, std::string_view special) {
    std::string word = "'";
    for (const char c : text) {
        if (c == '\'') {
            word += "'\\''";
            continue;
        }
        if (c == '\\' || special.find(c) != std::string_view::npos) {
            word += '\\';
        }
        word += c;
    }
    return word + "'";
}

std::string actionOf(const std::string& argument) {
    if (argument == "FOLDER") {
        return "_files -/";
    }
    return argument == "FILE" || argument == "PATH" ? "_files" : " ";
}

/// Returns the specification of an option for _arguments.
std::string specOf(const Option& option) {
    const std::string name = std::string("--") + option.name;
    std::string spec = quoted("*" + name + (option.argument == nullptr ? "" : "="), "");
    spec += quoted("[", "") + quoted(option.sentence, "[]:") + quoted("]", "");
    if (option.argument != nullptr) {
        spec += quoted(":" + std::string(option.argument) + ":" + actionOf(option.argument), "");
    }
    return spec;
}

/// Returns lines of a call of _describe.
std::string described(const char* what,
                      const std::vector<std::pair<std::string, std::string>>& words) {
    std::string text = "        local -a words_of_drover=(\n";
    for (const auto& [word, sentence] : words) {
        text += "            " + quoted(word + ":" + sentence, "") + "\n";
    }
    return text + "        )\n        _describe " + what + " words_of_drover\n        return\n";
}

}  // namespace

std::string zshCompletion(const CommandTable& commands) {
    std::vector<std::pair<std::string, std::string>> nouns;
    std::map<std::string, std::vector<std::pair<std::string, std::string>>> verbs;
    std::string cases;
    for (const Command* command : commands.all()) {
        const CommandWords& words = command->words();
        const std::size_t space = words.name.find(' ');
        const std::string noun = words.name.substr(0, space);
        if (space == std::string::npos) {
            nouns.emplace_back(noun, words.summary);
        } else {
            if (verbs[noun].empty()) {
                nouns.emplace_back(noun, "");
            }
            std::string& list = std::find_if(nouns.begin(), nouns.end(), [&](const auto& one) {
                                    return one.first == noun;
                                })->second;
            list += (list.empty() ? "" : ", ") + words.name.substr(space + 1);
            verbs[noun].emplace_back(words.name.substr(space + 1), words.summary);
        }
        cases += "        " + quoted(words.name, "") + ")\n            _arguments";
        std::vector<Option> options = words.options;
        options.push_back(options::kHelp);
        for (const Option& option : options) {
            cases += " \\\n                " + specOf(option);
        }
        if (!words.argument.empty()) {
            const bool many = words.argument.front() == '[';
            const std::string name =
                many ? words.argument.substr(1, words.argument.size() - 2) : words.argument;
            cases += " \\\n                " +
                     quoted((many ? "*:" : "1:") + name + ":" + actionOf(name), "");
        }
        cases += " ;;\n";
    }
    std::string script =
        "#compdef drover\n"
        "# Completes drover's command lines in zsh. Generated: drover help --zsh-completion\n"
        "_drover() {\n"
        "    local command=${words[2]}\n"
        "    if (( CURRENT == 2 )); then\n" +
        described("command", nouns) + "    fi\n";
    std::string withVerb;
    for (const auto& [noun, list] : verbs) {
        withVerb += (withVerb.empty() ? "" : "|") + noun;
        script += "    if (( CURRENT == 3 )) && [[ $command == " + noun + " ]]; then\n" +
                  described("verb", list) + "    fi\n";
    }
    return script +
           "    # The options follow one word, or a noun and a verb.\n"
           "    local taken=1\n"
           "    if [[ $command == (" +
           withVerb +
           ") ]]; then\n"
           "        command=\"$command ${words[3]}\"\n"
           "        taken=2\n"
           "    fi\n"
           "    shift $taken words\n"
           "    (( CURRENT -= taken ))\n"
           "    case $command in\n" +
           cases +
           "    esac\n"
           "}\n"
           "if [[ $funcstack[1] == _drover ]]; then\n"
           "    _drover \"$@\"\n"
           "else\n"
           "    compdef _drover drover\n"
           "fi\n";
}

}  // namespace drover::cli
