#include <filesystem>
#include <memory>

#include "cli/Command.h"
#include "cli/ConfigOptions.h"
#include "host/HandlerPlugins.h"
#include "host/PluginOpener.h"
#include "plugin/loading/PluginGeneration.h"

namespace drover::cli {

namespace {

/// Makes and destroys each handler of the plugin once and returns the names of the handlers.
std::vector<std::string> tryHandlers(const LoadedPlugin& plugin, Configuration& config) {
    config = config.with(declarationOf(plugin));
    const auto generation = PluginGeneration::start(plugin, lookupOf(config));
    std::vector<std::string> names;
    for (const auto& type : generation->handlerTypes()) {
        static_cast<void>(type->create());
        names.push_back(type->name());
    }
    return names;
}

void write(JsonWriter& json,
           const std::string& path,
           const LoadedPlugin& plugin,
           const std::vector<std::string>& handlers) {
    json.beginObject();
    json.key("ok").boolean(true);
    json.key("path").text(path);
    json.key("name").text(plugin.name);
    json.key("version").text(plugin.version);
    json.key("kind").text(plugin.isService() ? "service" : "handler");
    json.key("handlers").texts(handlers);
    json.key("sha256").text(plugin.sha256);
    json.key("warnings").texts(plugin.warnings);
    json.endObject();
}

/// The last line is the verdict: PluginProbe reads it.
void write(std::ostream& out,
           const std::string& path,
           const LoadedPlugin& plugin,
           const std::vector<std::string>& handlers) {
    for (const std::string& warning : plugin.warnings) {
        out << path << ": warning: " << warning << '\n';
    }
    std::string all;
    for (const std::string& handler : handlers) {
        all += (all.empty() ? "; handlers " : ", ") + handler;
    }
    out << path << ": good: " << (plugin.isService() ? "service " : "") << plugin.name << ' '
        << plugin.version << all << '\n';
}

/// `drover plugin check FILE`: loads the file into this process and tries its handlers with the values of the
/// configuration. A crash of the plugin ends this process: the engine runs this command as a child.
/// Throws PluginException and ConfigException if the plugin is refused.
class PluginCheck : public Command {
public:
    PluginCheck()
        : Command({"plugin check",
                   "loads a plugin file and makes its handlers, as a running process would",
                   configOptions({options::kJson}),
                   "FILE"}) {}

    [[nodiscard]] ExitCode run(const Invocation& call) const override {
        Configuration config(configSources(call));
        const std::string path = std::filesystem::absolute(call.line.arguments()[0]);
        const LoadedPlugin plugin = PluginLoader().load(path);
        const std::vector<std::string> handlers =
            plugin.isService() ? std::vector<std::string>{} : tryHandlers(plugin, config);
        call.output.print([&](JsonWriter& json) { write(json, path, plugin, handlers); },
                          [&](std::ostream& text) { write(text, path, plugin, handlers); });
        return ExitCode::Ok;
    }
};

}  // namespace

std::unique_ptr<Command> makePluginCheck() {
    return std::make_unique<PluginCheck>();
}

}  // namespace drover::cli
