#include <memory>

#include "cli/BashCompletion.h"
#include "cli/Command.h"
#include "cli/CommandTable.h"
#include "cli/HelpText.h"
#include "cli/ManPage.h"
#include "cli/ZshCompletion.h"

namespace drover::cli {

namespace {

constexpr Option kMan{"man", nullptr, "prints the man page drover(1)"};
constexpr Option kManOfConfig{"man-config", nullptr, "prints the man page drover.properties(5)"};
constexpr Option kManOfDaemon{"man-daemon", nullptr, "prints the man page drover(8)"};
constexpr Option kBashCompletion{
    "bash-completion", nullptr, "prints a script that completes command lines in bash"};
constexpr Option kZshCompletion{
    "zsh-completion", nullptr, "prints a script that completes command lines in zsh"};

/// `drover help`, for all commands, those of a noun, or one.
class Help : public Command {
public:
    Help()
        : Command({"help",
                   "explains a command",
                   {kMan, kManOfConfig, kManOfDaemon, kBashCompletion, kZshCompletion},
                   "[COMMAND]"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        call.output.text() << textFor(call);
        return ExitCode::Ok;
    }

private:
    static std::string textFor(const Invocation& call) {
        if (call.line.has(kMan)) {
            return manPage(call.commands);
        }
        if (call.line.has(kManOfConfig)) {
            return configManPage(ConfigSchema());
        }
        if (call.line.has(kManOfDaemon)) {
            return daemonManPage(call.commands);
        }
        if (call.line.has(kZshCompletion)) {
            return zshCompletion(call.commands);
        }
        if (call.line.has(kBashCompletion)) {
            return bashCompletion(call.commands);
        }
        std::string topic;
        for (const std::string& word : call.line.arguments()) {
            topic += (topic.empty() ? "" : " ") + word;
        }
        if (topic.empty()) {
            return helpText(call.commands.all());
        }
        if (const Command* command = call.commands.find(topic)) {
            return helpText(*command);
        }
        const std::vector<const Command*> verbs = call.commands.ofNoun(topic);
        if (verbs.empty()) {
            throw UsageException("there is no command " + topic);
        }
        return helpText(verbs);
    }
};

}  // namespace

std::unique_ptr<Command> makeHelp() {
    return std::make_unique<Help>();
}

}  // namespace drover::cli
