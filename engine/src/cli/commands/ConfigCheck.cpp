#include <memory>

#include "cli/CheckedConfiguration.h"
#include "cli/Command.h"
#include "cli/ConfigOptions.h"
#include "config/ConfigurationCheck.h"
#include "config/Settings.h"
#include "host/PluginOpener.h"

namespace drover::cli {

namespace {

void append(std::vector<std::string>& to, const std::vector<std::string>& more) {
    to.insert(to.end(), more.begin(), more.end());
}

/// `drover config check`: Ok, or Config if there is a problem.
class ConfigCheck : public Command {
public:
    ConfigCheck()
        : Command({"config check",
                   "checks the configuration and names every problem",
                   configOptions({options::kJson})}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        Configuration config(configSources(call));
        PluginOpener plugins(config, {});
        std::vector<std::string> problems = declareLoaded(config, plugins);
        std::vector<std::string> warnings = declareUnloaded(config, plugins);
        append(problems, Settings::check(config));
        append(warnings, ConfigurationCheck(config).warnings());
        call.output.print(
            [&](JsonWriter& json) {
                json.beginObject();
                json.key("ok").boolean(problems.empty());
                json.key("problems").texts(problems);
                json.key("warnings").texts(warnings);
                json.endObject();
            },
            [&](std::ostream& text) {
                for (const std::string& problem : problems) {
                    text << "error: " << problem << '\n';
                }
                for (const std::string& warning : warnings) {
                    text << "warning: " << warning << '\n';
                }
                if (problems.empty()) {
                    text << "the configuration is good\n";
                }
            });
        return problems.empty() ? ExitCode::Ok : ExitCode::Config;
    }
};

}  // namespace

std::unique_ptr<Command> makeConfigCheck() {
    return std::make_unique<ConfigCheck>();
}

}  // namespace drover::cli
