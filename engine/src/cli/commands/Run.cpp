#include <memory>
#include <optional>

#include <Poco/Logger.h>

#include "cli/CheckedConfiguration.h"
#include "cli/Command.h"
#include "cli/ConfigOptions.h"
#include "config/ConfigurationCheck.h"
#include "config/Settings.h"
#include "core/Log.h"
#include "host/Assemble.h"
#include "plugin/isolation/ChildProcess.h"
#include "process/Logging.h"
#include "process/Process.h"
#include "process/Reaper.h"

namespace drover::cli {

namespace {

void logWarnings(const Configuration& config,
                 const Settings& settings,
                 const PluginOpener& plugins) {
    for (const std::string& warning : ConfigurationCheck(config).warnings()) {
        Poco::Logger::get("configuration").warning(warning);
    }
    for (const std::string& name : settings.plugins.names) {
        for (const std::string& warning : plugins.plugin(name).warnings) {
            Log("plugins").warning(warning, {.plugin = name});
        }
    }
    if (const std::string note =
            controlSocketNote(settings, config, ConfigSources::processEnvironment());
        !note.empty()) {
        Poco::Logger::get("engine").warning(note);
    }
}

/// `drover run`: the process that works.
class Run : public Command {
public:
    Run()
        : Command({"run",
                   "runs the roles that the configuration names, until TERM or INT",
                   configOptions()}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        // Before anything that could make a thread.
        SignalThread::block();
        const ConfigSources sources = configSources(call);
        Configuration config(sources);
        PluginOpener plugins(config, sources);
        requireSound(config, plugins);
        Logging logging(config);
        const Settings settings = Settings::read(config);
        logWarnings(config, settings, plugins);
        const Assembly assembly = assemble(config, settings, plugins);
        std::optional<Reaper> reaper;
        if (Reaper::isNeeded()) {
            reaper.emplace(&ChildProcess::isOurs);
        }
        Process process(config,
                        settings,
                        ServiceManager(call.environment),
                        [&logging](const Configuration& fresh) { logging.apply(fresh); });
        return process.run(assembly);
    }
};

}  // namespace

std::unique_ptr<Command> makeRun() {
    return std::make_unique<Run>();
}

}  // namespace drover::cli
