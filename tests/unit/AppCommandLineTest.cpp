#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include <Poco/String.h>
#include <cppunit/extensions/HelperMacros.h>

#include "cli/BashCompletion.h"
#include "cli/CommandTable.h"
#include "cli/ConfigOptions.h"
#include "cli/HelpText.h"
#include "cli/ManPage.h"
#include "cli/ZshCompletion.h"
#include "support/Assert.h"

using drover::test::assertContains;
using drover::test::assertEqual;
using drover::test::assertStartsWith;

namespace {

using drover::cli::Command;
using drover::cli::CommandLine;
using drover::cli::Option;
using Args = std::vector<std::string>;

const drover::cli::CommandTable kCommands;

CommandLine parse(const Args& args) {
    return CommandLine::parse(kCommands, args);
}

std::string refusal(const Args& args) {
    try {
        static_cast<void>(parse(args));
    } catch (const drover::cli::UsageException& error) {
        return error.message();
    }
    return "(accepted)";
}

/// Returns the option of that name among those of the command.
Option optionOf(const std::string& command, const std::string& name) {
    for (const Option& option : kCommands.find(command)->words().options) {
        if (name == option.name) {
            return option;
        }
    }
    CPPUNIT_FAIL(command + " has no --" + name);
}

std::string outputOf(const std::string& command) {
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
    std::string out;
    std::array<char, 4096> buffer{};
    while (fgets(buffer.data(), buffer.size(), pipe.get()) != nullptr) {
        out += buffer.data();
    }
    return out;
}

/// Runs bash on the completion script and returns what it proposes for the last of `words`, a word a line.
std::string proposals(const std::string& words) {
    const std::string file = "/tmp/drover-completion-" + std::to_string(getpid());
    std::ofstream(file) << drover::cli::bashCompletion(kCommands) << "COMP_WORDS=(" << words
                        << ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_drover\n"
                        << "printf '%s\\n' \"${COMPREPLY[@]}\"\n";
    const std::string out = outputOf("bash " + file + " 2>&1");
    std::filesystem::remove(file);
    return out;
}

}  // namespace

/// Command lines are parsed by the table of commands, which also makes help, man page and completion.
class AppCommandLineTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(AppCommandLineTest);
    CPPUNIT_TEST(optionsAreParsedInBothForms);
    CPPUNIT_TEST(mistakesNameTheNearestWord);
    CPPUNIT_TEST(aSecretInAnUnknownOptionIsNotRepeated);
    CPPUNIT_TEST(everyCommandHasHelp);
    CPPUNIT_TEST(everyFileOfACommandHasARow);
    CPPUNIT_TEST(theManPageHasEveryCommandAndOption);
    CPPUNIT_TEST(theManPageHasNoRequestInItsText);
    CPPUNIT_TEST(theManPageOfTheConfigurationHasEveryKey);
    CPPUNIT_TEST(theManPageOfTheDaemonHasSignalsAndExitCodes);
    CPPUNIT_TEST(groffFindsNothingWrong);
    CPPUNIT_TEST(bashCompletesCommandsOptionsAndFiles);
    CPPUNIT_TEST(zshCompletesEveryCommandAndOption);
    CPPUNIT_TEST_SUITE_END();

public:
    void optionsAreParsedInBothForms() {
        const CommandLine line = parse({"config",
                                        "show",
                                        "--config",
                                        "a",
                                        "--config=b",
                                        "--set",
                                        "k=v=w",
                                        "--set=x=",
                                        "--env-file",
                                        "-e",
                                        "--json"});
        assertEqual("config show", line.command()->name());
        CPPUNIT_ASSERT((line.values(drover::cli::options::kConfig) == Args{"a", "b"}));
        CPPUNIT_ASSERT((line.values(drover::cli::options::kSet) == Args{"k=v=w", "x="}));
        assertEqual("-e", line.value(drover::cli::options::kEnvFile));
        CPPUNIT_ASSERT(line.has(drover::cli::options::kJson));
        CPPUNIT_ASSERT(!line.has(optionOf("config show", "reference")));
        assertEqual("version", parse({"--version"}).command()->name());
        const CommandLine cancel = parse({"job", "cancel", "--queue", "mail", "42"});
        assertEqual("mail", cancel.value(optionOf("job cancel", "queue")));
        CPPUNIT_ASSERT((cancel.arguments() == Args{"42"}));
        const CommandLine made = parse({"plugin", "new", "mail", "--dir", "src"});
        assertEqual("src", made.value(optionOf("plugin new", "dir")));
    }

    void mistakesNameTheNearestWord() {
        const std::vector<std::pair<Args, std::string>> cases = {
            {{}, "a command is missing"},
            {{"rnu"}, "unknown command rnu; did you mean run?"},
            {{"confg", "chek"}, "unknown command confg chek; did you mean config check?"},
            {{"config", "chek"}, "unknown command config chek; did you mean config check?"},
            {{"config"}, "config needs a verb: check, show"},
            {{"db"}, "db needs a verb: migrate, status, prune"},
            {{"worker"}, "worker needs a verb: list, quiet, resume"},
            {{"queue", "obliterat", "q"},
             "unknown command queue obliterat; did you mean queue obliterate?"},
            {{"quue", "list"}, "unknown command quue list; did you mean queue list?"},
            {{"scheduler", "show"}, "scheduler show needs ID"},
            {{"run", "now"}, "run takes no now"},
            {{"job", "cancel"}, "job cancel needs ID"},
            {{"job", "cancel", "1", "2"}, "job cancel takes no 2"},
            {{"plugin", "new"}, "plugin new needs NAME"},
            {{"token", "new"}, "token new needs NAME"},
            {{"job", "cancl", "1"}, "unknown command job cancl; did you mean job cancel?"},
            {{"run", "--confg", "x"}, "run: unknown option --confg; did you mean --config?"},
            {{"run", "--json"}, "run: unknown option --json"},
            {{"run", "--config"}, "--config needs an argument: --config FILE"},
            {{"config", "show", "--json=yes"}, "--json takes no argument"},
            {{"--config", "x"}, "unknown option --config"},
            {{"run", "-x"}, "run: unknown option -x"},
            {{"db", "migrate", "--json", "--socket", "x"}, "db migrate: unknown option --socket"},
        };
        for (const auto& [args, message] : cases) {
            CPPUNIT_ASSERT_EQUAL(message, refusal(args));
        }
    }

    void aSecretInAnUnknownOptionIsNotRepeated() {
        assertEqual("run: unknown option --password", refusal({"run", "--password=hunter2"}));
    }

    void everyCommandHasHelp() {
        for (const Command* command : kCommands.all()) {
            const drover::cli::CommandWords& words = command->words();
            const std::string usage = drover::cli::helpText(*command);
            assertStartsWith(usage,
                             "drover " + words.name + (words.argument.empty() ? "" : " ") +
                                 words.argument + ": " + words.summary);
            for (const Option& option : words.options) {
                assertContains(usage, std::string("--") + option.name);
            }
            assertContains(drover::cli::helpText(kCommands.all()), "  " + words.name + " ");
        }
        CPPUNIT_ASSERT(parse({"run", "-h"}).wantsHelp());
        CPPUNIT_ASSERT(parse({"-h"}).wantsHelp());
        const CommandLine ofNoun = parse({"db", "--help"});
        assertEqual("help", ofNoun.command()->name());
        CPPUNIT_ASSERT((ofNoun.arguments() == Args{"db"}));
    }

    void everyFileOfACommandHasARow() {
        std::size_t files = 0;
        const std::filesystem::path folder =
            std::filesystem::path(DROVER_SOURCE_DIR) / "engine/src/cli/commands";
        for (const auto& entry : std::filesystem::directory_iterator(folder)) {
            if (entry.path().extension() != ".cpp") {
                continue;
            }
            ++files;
            std::string name;
            for (const char c : entry.path().stem().string()) {
                name += c >= 'A' && c <= 'Z' ? (name.empty() ? "" : " ") +
                                                   std::string(1, static_cast<char>(c - 'A' + 'a'))
                                             : std::string(1, c);
            }
            CPPUNIT_ASSERT_MESSAGE("CommandTable.cpp has no row for " + entry.path().string(),
                                   kCommands.find(name) != nullptr);
        }
        CPPUNIT_ASSERT_EQUAL(files, kCommands.all().size());
    }

    void theManPageHasEveryCommandAndOption() {
        const std::string page = drover::cli::manPage(kCommands);
        assertStartsWith(page, ".TH DROVER 1 ");
        for (const Command* command : kCommands.all()) {
            const std::size_t at = page.find(".SS \\fB" + command->name() + "\\fR");
            CPPUNIT_ASSERT_MESSAGE(command->name(), at != std::string::npos);
            std::string section = page.substr(at, page.find("\n.S", at + 1) - at);
            Poco::replaceInPlace(section, std::string("\\-"), std::string("-"));
            for (const Option& option : command->words().options) {
                const std::string argument = option.argument == nullptr
                                                 ? ""
                                                 : std::string(" \\fI") + option.argument + "\\fR";
                const std::string wanted = std::string("\n.TP\n\\fB--") + option.name + "\\fR" +
                                           argument + "\n" + option.sentence + "\n";
                assertContains((section + "\n"), wanted);
            }
        }
        assertContains(page, "\\fB\\-\\-env\\-file\\fR \\fIFILE\\fR");
    }

    void theManPageHasNoRequestInItsText() {
        std::size_t begin = 0;
        const std::string page =
            drover::cli::manPage(kCommands) + configPage() + drover::cli::daemonManPage(kCommands);
        while (begin < page.size()) {
            const std::string line = page.substr(begin, page.find('\n', begin) - begin);
            begin += line.size() + 1;
            const std::string request = line.substr(0, line.find(' '));
            CPPUNIT_ASSERT_MESSAGE(line,
                                   line.find_first_of(".'") != 0 || request == ".TH" ||
                                       request == ".SH" || request == ".SS" || request == ".TP" ||
                                       request == ".PP" || request == ".br");
        }
    }

    void theManPageOfTheConfigurationHasEveryKey() {
        const std::string page = configPage();
        assertStartsWith(page, ".TH DROVER.PROPERTIES 5 ");
        const drover::ConfigSchema schema;
        for (const drover::KeySpec& spec : schema.specs()) {
            assertContains(page, "\n.TP\n\\fB" + spec.pattern + "\\fR\n");
        }
        assertContains(page, "\nan integer in [1, 65535]; default 6379; needs a restart\n");
    }

    void theManPageOfTheDaemonHasSignalsAndExitCodes() {
        const std::string page = drover::cli::daemonManPage(kCommands);
        assertStartsWith(page, ".TH DROVER 8 ");
        for (const char* word : {"TERM", "INT", "HUP", "TSTP", "CONT"}) {
            assertContains(page, std::string("\\fB") + word + "\\fR");
        }
        for (const char* code : {"0", "64", "69", "70", "78"}) {
            assertContains(page, std::string("\n.TP\n") + code + "\n");
        }
        assertContains(drover::cli::manPage(kCommands), "\n.TP\n2\nthe command destroys");
    }

    void groffFindsNothingWrong() {
        if (outputOf("command -v groff").empty()) {
            return;
        }
        for (const std::string& page : {drover::cli::manPage(kCommands),
                                        configPage(),
                                        drover::cli::daemonManPage(kCommands)}) {
            const std::string file = "/tmp/drover-man-" + std::to_string(getpid());
            std::ofstream(file) << page;
            // Its complaints go to the standard error.
            const std::string found =
                outputOf("groff -man -ww -z " + file + " 2>&1 | grep -v \"can't break line\"");
            std::filesystem::remove(file);
            assertEqual("", found);
        }
    }

    void bashCompletesCommandsOptionsAndFiles() {
        assertEqual("db\n", proposals("drover d"));
        assertEqual("check\nshow\n", proposals("drover config ''"));
        assertEqual("--env-file\n", proposals("drover run --e"));
        assertEqual("--reason\n", proposals("drover job cancel --queue q --rea"));
        const std::string root = DROVER_SOURCE_DIR;
        CPPUNIT_ASSERT_EQUAL(root + "/README.md\n",
                             proposals("drover plugin check " + root + "/README.m"));
        CPPUNIT_ASSERT_EQUAL(root + "/README.md\n",
                             proposals("drover run --config " + root + "/README.m"));
        CPPUNIT_ASSERT_EQUAL(root + "/engine\n",
                             proposals("drover plugin new x --dir " + root + "/engin"));
        assertEqual("\n", proposals("drover job cancel --queue r"));
    }

    void zshCompletesEveryCommandAndOption() {
        const std::string script = drover::cli::zshCompletion(kCommands);
        assertStartsWith(script, "#compdef drover\n");
        for (const Command* command : kCommands.all()) {
            const std::size_t at = script.find("        '" + command->name() + "')\n");
            CPPUNIT_ASSERT_MESSAGE(command->name(), at != std::string::npos);
            const std::string part = script.substr(at, script.find(";;", at) - at);
            for (const Option& option : command->words().options) {
                assertContains(
                    part,
                    std::string("'*--") + option.name + (option.argument == nullptr ? "'" : "='"));
            }
        }
        // A quotation mark of a sentence would end its word.
        const std::string file = "/tmp/drover-zsh-" + std::to_string(getpid());
        std::ofstream(file) << script;
        const std::string found = outputOf("command -v zsh >/dev/null && zsh -n " + file + " 2>&1");
        std::filesystem::remove(file);
        assertEqual("", found);
    }

private:
    static std::string configPage() { return drover::cli::configManPage(drover::ConfigSchema()); }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AppCommandLineTest);
