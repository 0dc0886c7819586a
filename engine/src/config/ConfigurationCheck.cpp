#include <algorithm>
#include <filesystem>
#include <set>

#include <Poco/Exception.h>
#include <Poco/URI.h>

#include "config/Configuration.h"
#include "core/Similar.h"

// The half of Configuration that looks at everything at once: checks, reports.
namespace drover {

namespace {

/// The first segments that belong to the engine; any other one is a plugin's name.
const std::set<std::string> kEngineSections = {"environment",
                                               "config",
                                               "redis",
                                               "database",
                                               "plugins",
                                               "plugin",
                                               "startup",
                                               "shutdown",
                                               "log",
                                               "control",
                                               "worker",
                                               "queue"};

const std::string kQueuePrefix = "queue.";

/// The password inside of a URL, as written and decoded.
void addUrlPassword(const std::string& url, std::vector<std::string>& secrets) {
    const std::size_t start = url.find("://");
    const std::size_t at = url.rfind('@');
    if (start == std::string::npos || at == std::string::npos) {
        return;
    }
    const std::size_t colon = url.find(':', start + 3);
    if (colon == std::string::npos || colon > at) {
        return;
    }
    const std::string password = url.substr(colon + 1, at - colon - 1);
    secrets.push_back(password);
    try {
        std::string decoded;
        Poco::URI::decode(password, decoded);
        secrets.push_back(decoded);
    } catch (const Poco::Exception&) {
        // Not percent-encoded properly: then nobody can decode it, and the form as written is enough.
    }
}

/// The installation may have been moved since it was configured: its plugins are found from the binary.
std::string installedPluginFolder() {
    std::error_code ignored;
    const auto binary = std::filesystem::read_symlink("/proc/self/exe", ignored);
    return (binary.parent_path() / DROVER_PLUGIN_DIR_FROM_BIN).lexically_normal();
}

}  // namespace

std::vector<std::string> Configuration::knownKeys() const {
    std::set<std::string> keys;
    for (const KeySpec& known : schema_.specs()) {
        if (known.pattern.find('<') == std::string::npos) {
            keys.insert(known.pattern);
        }
    }
    for (const std::string& alias : aliases()) {
        for (const std::string& setting : settingNames()) {
            keys.insert(kQueuePrefix + alias + "." + setting);
        }
    }
    for (const auto* layer : written()) {
        for (const auto& [key, value] : *layer) {
            if (schema_.find(key) != nullptr || schema_.inTable(key)) {
                keys.insert(key);
            }
        }
    }
    return {keys.begin(), keys.end()};
}

std::map<std::string, ConfigValue> Configuration::effective() const {
    std::map<std::string, ConfigValue> values;
    for (const std::string& key : knownKeys()) {
        if (const auto value = resolved(key)) {
            values[key] = *value;
        }
    }
    return values;
}

std::optional<ConfigValue> Configuration::resolved(const std::string& key) const {
    const std::string alias = aliasOf(key);
    return !alias.empty() && schema_.find(key) != nullptr
               ? queueSetting(alias, key.substr(kQueuePrefix.size() + alias.size() + 1))
               : find(key);
}

std::vector<std::string> Configuration::secrets() const {
    std::vector<std::string> all;
    for (const std::string& key : knownKeys()) {
        const KeySpec* known = schema_.find(key);
        if (known == nullptr || !known->secret) {
            continue;
        }
        if (const auto value = find(key)) {
            all.push_back(value->text);
            addUrlPassword(value->text, all);
        }
    }
    all.erase(std::remove(all.begin(), all.end(), std::string()), all.end());
    return all;
}

bool Configuration::isEngineSection(const std::string& section) {
    return kEngineSections.count(section) != 0;
}

std::string Configuration::owner(const std::string& key) const {
    const std::string section = key.substr(0, key.find('.'));
    return section == key || isEngineSection(section) ? "" : section;
}

std::string Configuration::pluginFolder() const {
    const std::string folder = text("plugins.dir");
    return folder.empty() ? installedPluginFolder() : folder;
}

bool Configuration::pluginFileExists(const std::string& name) const {
    std::error_code ignored;
    return std::filesystem::exists(pluginFolder() + "/" + name + ".so", ignored);
}

std::vector<std::string> Configuration::undeclaredPlugins() const {
    std::set<std::string> names;
    for (const auto* layer : written()) {
        for (const auto& [key, value] : *layer) {
            if (!owner(key).empty() && pluginFileExists(owner(key))) {
                names.insert(owner(key));
            }
        }
    }
    for (const auto& [plugin, loaded] : plugins_) {
        names.erase(plugin.name);
    }
    return {names.begin(), names.end()};
}

void Configuration::checkUnknown(std::vector<std::string>& problems) const {
    // A folder of files serves several roles: keys of a plugin that is there, but not loaded by this one, are its own
    // affair. A section that no plugin stands for is a typing error.
    const std::vector<std::string> others = undeclaredPlugins();
    for (const auto* layer : written()) {
        for (const auto& [key, value] : *layer) {
            if (schema_.find(key) != nullptr || schema_.inTable(key) ||
                std::find(others.begin(), others.end(), owner(key)) != others.end()) {
                continue;
            }
            const auto like = schema_.nearest(key);
            std::string line = value.origin + ": " + key + ": unknown key";
            line += like ? "; did you mean " + *like + "?" : "";
            const std::string section = owner(key);
            const bool declared =
                std::any_of(plugins_.begin(), plugins_.end(), [&section](const auto& plugin) {
                    return plugin.first.name == section;
                });
            if (!like && !declared && !section.empty()) {
                line += ", and there is no plugin " + pluginFolder() + "/" + section + ".so";
            }
            problems.push_back(line);
        }
    }
}

void Configuration::checkValues(std::vector<std::string>& problems) const {
    for (const std::string& key : knownKeys()) {
        const KeySpec* known = schema_.find(key);
        if (known == nullptr) {
            continue;
        }
        const auto value = find(key);
        if (value && !known->accepts(value->text)) {
            problems.push_back(describeProblem(*known, key, *value));
        } else if (known->required && (!value || value->text.empty())) {
            problems.push_back(key + ": is required" +
                               (known->owner.empty() ? "" : " by plugin " + known->owner) + "; " +
                               known->sentence);
        }
    }
}

void Configuration::checkSuggestions(std::vector<std::string>& problems) const {
    for (const auto& [plugin, loaded] : plugins_) {
        for (const PluginDeclaration::Suggestion& suggestion : plugin.suggestions) {
            for (const auto& [setting, value] : suggestion.options) {
                const std::string key = "worker.defaults." + setting;
                const std::string where = "plugin " + plugin.name + "/" + suggestion.handler;
                const KeySpec* known = schema_.find(key);
                if (known == nullptr) {
                    problems.push_back(where + ": suggests " + setting +
                                       ", which is no worker setting");
                } else if (!known->accepts(value)) {
                    problems.push_back(describeProblem(*known, setting, {value, where}));
                }
                const auto first = suggested(suggestion.queue, setting);
                if (loaded && first && first->text != value &&
                    !given(kQueuePrefix + suggestion.queue + "." + setting)) {
                    problems.push_back(where + ": suggests " + setting + " " + value +
                                       " for queue " + suggestion.queue + ", and " + first->origin +
                                       " suggests " + first->text + "; set queue." +
                                       suggestion.queue + "." + setting);
                }
            }
        }
    }
}

std::vector<std::string> Configuration::problems() const {
    std::vector<std::string> all = readProblems_;
    all.insert(all.end(), besideProblems_.begin(), besideProblems_.end());
    checkUnknown(all);
    checkValues(all);
    checkSuggestions(all);
    return all;
}

std::vector<std::string> Configuration::warnings() const {
    std::map<std::string, std::string> names;
    std::vector<std::string> candidates;
    for (const std::string& key : knownKeys()) {
        names.emplace(environmentName(key), key);
        candidates.push_back(environmentName(key));
    }
    std::vector<std::string> all = serviceLinks();
    for (const auto& [variable, value] : environment_) {
        if (variable.compare(0, 7, "DROVER_") != 0 || names.count(variable) != 0) {
            continue;
        }
        // No error: schedulers put variables of their own beside ours (DROVER_SERVICE_HOST), and other roles have keys
        // that this one does not know. Only what looks like a typing error is worth a line.
        const auto like = mostSimilar(variable, candidates);
        if (like && editDistance(variable, *like) <= 2) {
            all.push_back(value.origin + ": is no key; did you mean " + *like + "?");
        }
    }
    return all;
}

}  // namespace drover
