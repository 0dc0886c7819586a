#include "cli/CheckedConfiguration.h"

#include "config/Settings.h"
#include "drover/Exceptions.h"

namespace drover::cli {

std::vector<std::string> declareLoaded(Configuration& config, PluginCatalog& plugins) {
    std::vector<std::string> problems;
    std::vector<std::string> names;
    try {
        names = config.list("plugins.load");
    } catch (const ConfigException&) {
        // Settings::check() reports it with all other values.
        return problems;
    }
    for (const std::string& name : names) {
        if (name == "*") {
            continue;  // The running process finds these plugins.
        }
        try {
            config.declare(plugins.declaration(name));
        } catch (const PluginException& error) {
            problems.push_back("plugins.load: " + error.message());
        }
    }
    return problems;
}

std::vector<std::string> declareUnloaded(Configuration& config, PluginCatalog& plugins) {
    std::vector<std::string> unchecked;
    for (const std::string& name : config.undeclaredPlugins()) {
        try {
            config.declare(plugins.declaration(name), false);
        } catch (const PluginException& error) {
            unchecked.push_back("keys below " + name + " are not checked: " + error.message());
        }
    }
    return unchecked;
}

void requireSound(Configuration& config, PluginCatalog& plugins) {
    std::vector<std::string> problems = declareLoaded(config, plugins);
    const std::vector<std::string> ofKeys = Settings::check(config);
    problems.insert(problems.end(), ofKeys.begin(), ofKeys.end());
    std::string all;
    for (const std::string& problem : problems) {
        all += (all.empty() ? "" : "\n") + problem;
    }
    if (!all.empty()) {
        throw ConfigException(all);
    }
}

}  // namespace drover::cli
