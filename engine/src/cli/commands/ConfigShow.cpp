#include <memory>

#include "cli/CheckedConfiguration.h"
#include "cli/Command.h"
#include "cli/ConfigOptions.h"
#include "config/ConfigReport.h"
#include "host/PluginOpener.h"

namespace drover::cli {

namespace {

constexpr Option kReference{
    "reference", nullptr, "prints every key with default and meaning, as a file"};

/// `drover config show`. Secrets are masked. Throws ConfigException if the configuration has a problem.
class ConfigShow : public Command {
public:
    ConfigShow()
        : Command({"config show",
                   "prints every key in force and where it comes from",
                   configOptions({options::kJson, kReference})}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        if (call.line.has(kReference)) {
            call.output.text() << referenceText(ConfigSchema());
            return ExitCode::Ok;
        }
        Configuration config(configSources(call));
        PluginOpener plugins(config, {});
        requireSound(config, plugins);
        call.output.print([&](JsonWriter& json) { json.raw(showJson(config)); },
                          [&](std::ostream& text) { text << showText(config); });
        return ExitCode::Ok;
    }
};

}  // namespace

std::unique_ptr<Command> makeConfigShow() {
    return std::make_unique<ConfigShow>();
}

}  // namespace drover::cli
