#include <string>
#include <vector>

#include <cppunit/extensions/HelperMacros.h>

#include "cli/CommandLine.h"

namespace {

using drover::CommandLine;
using Args = std::vector<std::string>;

std::string refusal(const Args& args) {
    try {
        static_cast<void>(CommandLine::parse(args));
    } catch (const drover::UsageException& error) {
        return error.message();
    }
    return "(accepted)";
}

}  // namespace

/// What is understood, and how what is not is told.
class AppCommandLineTest : public CppUnit::TestFixture {
    CPPUNIT_TEST_SUITE(AppCommandLineTest);
    CPPUNIT_TEST(optionsAreTakenInBothForms);
    CPPUNIT_TEST(whatIsWrongIsNamedWithTheNearest);
    CPPUNIT_TEST(aSecretInAnUnknownOptionIsNotRepeated);
    CPPUNIT_TEST(everyCommandHasHelp);
    CPPUNIT_TEST_SUITE_END();

public:
    void optionsAreTakenInBothForms() {
        const CommandLine line = CommandLine::parse({"config",
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
        CPPUNIT_ASSERT_EQUAL(std::string("config show"), line.command);
        CPPUNIT_ASSERT((line.sources.files == Args{"a", "b"}));
        CPPUNIT_ASSERT((line.sources.settings == Args{"k=v=w", "x="}));
        CPPUNIT_ASSERT_EQUAL(std::string("-e"), line.sources.envFile);
        CPPUNIT_ASSERT(line.json);
        CPPUNIT_ASSERT_EQUAL(std::string("version"), CommandLine::parse({"--version"}).command);
        const CommandLine cancel = CommandLine::parse({"job", "cancel", "--queue", "mail", "42"});
        CPPUNIT_ASSERT_EQUAL(std::string("mail"), cancel.queue);
        CPPUNIT_ASSERT((cancel.arguments == Args{"42"}));
        const CommandLine made = CommandLine::parse({"plugin", "new", "mail", "--dir", "src"});
        CPPUNIT_ASSERT_EQUAL(std::string("src"), made.dir);
    }

    void whatIsWrongIsNamedWithTheNearest() {
        const std::vector<std::pair<Args, std::string>> cases = {
            {{}, "a command is missing"},
            {{"rnu"}, "unknown command rnu; did you mean run?"},
            {{"confg", "chek"}, "unknown command confg chek; did you mean config check?"},
            {{"config", "chek"}, "unknown command config chek; did you mean config check?"},
            {{"config"}, "config needs a verb: check, show"},
            {{"db"}, "db needs a verb: migrate, status"},
            {{"run", "now"}, "run takes no now"},
            {{"job", "cancel"}, "job cancel needs ID"},
            {{"job", "cancel", "1", "2"}, "job cancel takes no 2"},
            {{"plugin", "new"}, "plugin new needs NAME"},
            {{"job", "cancl", "1"}, "unknown command job cancl; did you mean job cancel?"},
            {{"run", "--confg", "x"}, "run: unknown option --confg; did you mean --config?"},
            {{"run", "--json"}, "run: unknown option --json"},
            {{"run", "--config"}, "--config needs an argument: --config FILE"},
            {{"config", "show", "--json=yes"}, "--json takes no argument"},
            {{"--config", "x"}, "unknown option --config"},
            {{"run", "-x"}, "run: unknown option -x"},
        };
        for (const auto& [args, message] : cases) {
            CPPUNIT_ASSERT_EQUAL(message, refusal(args));
        }
    }

    void aSecretInAnUnknownOptionIsNotRepeated() {
        CPPUNIT_ASSERT_EQUAL(std::string("run: unknown option --password"),
                             refusal({"run", "--password=hunter2"}));
    }

    void everyCommandHasHelp() {
        for (const drover::CommandSpec& command : CommandLine::commands()) {
            const std::string usage = CommandLine::usage(command.name);
            CPPUNIT_ASSERT_EQUAL(
                std::size_t{0},
                usage.find("drover " + command.name + (command.argument.empty() ? "" : " ") +
                           command.argument + ": " + command.summary));
            for (const std::string& option : command.options) {
                CPPUNIT_ASSERT(usage.find("--" + option) != std::string::npos);
            }
            CPPUNIT_ASSERT(CommandLine::usage().find("  " + command.name + " ") !=
                           std::string::npos);
        }
        CPPUNIT_ASSERT(CommandLine::parse({"run", "-h"}).help);
        CPPUNIT_ASSERT(CommandLine::parse({"-h"}).help);
        CPPUNIT_ASSERT_EQUAL(std::string("help"), CommandLine::parse({"db", "--help"}).command);
    }
};

CPPUNIT_TEST_SUITE_REGISTRATION(AppCommandLineTest);
