#include "host/GenerationStarter.h"

#include <utility>
#include <vector>

#include "config/Settings.h"
#include "core/Log.h"
#include "drover/Exceptions.h"
#include "plugin/loading/SharedObject.h"
#include "process/Logging.h"

namespace drover {

namespace {

/// Throws ConfigException with every problem in one line.
void requireSound(const Configuration& config) {
    std::string all;
    for (const std::string& problem : Settings::check(config)) {
        all += (all.empty() ? "" : "; ") + problem;
    }
    if (!all.empty()) {
        throw ConfigException(all);
    }
}

}  // namespace

ConfigLookup lookupOf(const Configuration& config) {
    return [&config](const std::string& key) -> std::optional<std::string> {
        const auto value = config.find(key);
        return value ? std::optional<std::string>(value->text) : std::nullopt;
    };
}

std::optional<GenerationStarter::Started> GenerationStarter::start(const PluginFile& file,
                                                                   const Configuration& config) {
    const std::string sha256 = sha256OfFile(file.path);
    const auto& running = records_.of(file.name).running;
    if (running != nullptr && running->plugin().sha256 == sha256 &&
        running->isolation() == Settings::isolation(config, file.name)) {
        return std::nullopt;  // Touched, or copied over itself.
    }
    LoadedPlugin plugin = open(file, sha256);
    if (plugin.isService()) {
        throw PluginException(file.path +
                              ": a service plugin; it is loaded at the start only, when "
                              "plugins.load names it");
    }
    Configuration fresh = config.with(declarationOf(plugin));
    Logging::hide(fresh);
    requireSound(fresh);
    auto isolation = Settings::isolation(fresh, file.name);
    const auto& descriptor = *std::get<const drover_plugin_descriptor*>(plugin.descriptor);
    if (!isolation && (descriptor.init != nullptr || descriptor.shutdown != nullptr)) {
        opened_.erase(
            file.name);  // They are called once for each copy, even if it is refused then.
    }
    auto generation =
        PluginGeneration::start(std::move(plugin), lookupOf(fresh), std::move(isolation));
    HandlerRegistry::Types types = generation->handlerTypes();
    return Started{std::move(fresh), std::move(generation), std::move(types)};
}

LoadedPlugin GenerationStarter::open(const PluginFile& file, const std::string& sha256) {
    const auto known = opened_.find(file.name);
    std::optional<LoadedPlugin> before;
    if (known != opened_.end()) {
        before = known->second;
    }
    if (before && before->sha256 == sha256 && before->isService()) {
        return *before;
    }
    LoadedPlugin opened = opener_.open(file.path, before);
    if (!before || before->copy != opened.copy) {
        records_.addLoaded(file.name, opened);
    }
    for (const std::string& warning : opened.warnings) {
        Log("plugins").warning(warning, {.plugin = file.name});
    }
    opened_.insert_or_assign(file.name, opened);
    return opened;
}

}  // namespace drover
