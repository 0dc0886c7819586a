#include "host/PluginOpener.h"

#include <filesystem>
#include <variant>
#include <vector>

#include "config/TrustedFile.h"
#include "drover/Exceptions.h"
#include "plugin/abi/DefaultOptions.h"
#include "plugin/loading/SharedObject.h"

namespace drover {

namespace {

PluginSettings settingsOf(const Configuration& config) {
    try {
        return Settings::plugin(config);
    } catch (const ConfigException&) {
        // The check reports it with all other values, when the keys of plugins are declared.
        PluginSettings settings;
        settings.folder = config.pluginFolder();
        settings.probeTimeout = std::chrono::seconds(5);
        return settings;
    }
}

/// Returns the options that make another process read the same.
std::vector<std::string> optionsOf(const ConfigSources& sources) {
    std::vector<std::string> options;
    for (const std::string& file : sources.files) {
        options.push_back("--config=" + file);
    }
    for (const std::string& setting : sources.settings) {
        options.push_back("--set=" + setting);
    }
    if (!sources.envFile.empty()) {
        options.push_back("--env-file=" + sources.envFile);
    }
    return options;
}

}  // namespace

PluginDeclaration declarationOf(const LoadedPlugin& plugin) {
    if (const auto* service = std::get_if<const ServiceDescriptor*>(&plugin.descriptor)) {
        return PluginDeclaration::of(**service);
    }
    const drover_plugin_descriptor& descriptor =
        *std::get<const drover_plugin_descriptor*>(plugin.descriptor);
    PluginDeclaration declaration = PluginDeclaration::of(descriptor);
    for (std::uint32_t i = 0; i < descriptor.handler_count; ++i) {
        const drover_handler& handler = *descriptor.handlers[i];
        if (handler.default_queue != nullptr) {
            declaration.suggestions.push_back(
                {handler.name,
                 handler.default_queue,
                 parseDefaultOptions(
                     handler.default_options == nullptr ? "{}" : handler.default_options)});
        }
    }
    return declaration;
}

PluginOpener::PluginOpener(const Configuration& config, const std::optional<ConfigSources>& trial)
    : settings_(settingsOf(config)), loader_(settings_.allow) {
    if (trial) {
        probe_.emplace(optionsOf(*trial), settings_.probeTimeout);
    }
}

LoadedPlugin PluginOpener::open(const std::string& file,
                                const std::optional<LoadedPlugin>& known) const {
    // The trial names the file by this path.
    const std::string path = std::filesystem::absolute(file);
    if (!probe_) {
        return loader_.load(path);
    }
    if (!settings_.trustEverybody) {
        requireTrusted(path);
    }
    const std::string tried = sha256OfFile(path);
    requireAllowed(path, tried, settings_.allow);
    probe_->check(path);
    if (known && known->sha256 == tried) {
        return *known;
    }
    return loader_.load(path, tried);
}

PluginDeclaration PluginOpener::declaration(const std::string& name) {
    auto known = opened_.find(name);
    if (known == opened_.end()) {
        known = opened_.emplace(name, open(settings_.folder + "/" + name + ".so")).first;
    }
    return declarationOf(known->second);
}

}  // namespace drover
