#include "config/Configuration.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

#include <Poco/Exception.h>
#include <Poco/NumberParser.h>

#include "config/ConfigurationCheck.h"
#include "config/KeyNames.h"
#include "core/QueueSettings.h"
#include "drover/Exceptions.h"

namespace drover {

namespace {

/// Returns the folder of the installation's plugins. It is found from the binary, since an installation may be moved.
std::string installedPluginFolder() {
    std::error_code ignored;
    const auto binary = std::filesystem::read_symlink("/proc/self/exe", ignored);
    return (binary.parent_path() / DROVER_PLUGIN_DIR_FROM_BIN).lexically_normal();
}

}  // namespace

Configuration::Configuration(const ConfigSources& sources) : layers_(sources) {}

void Configuration::declare(const PluginDeclaration& plugin, bool loaded) {
    addKeys(plugin, loaded);
    if (loaded) {
        layers_.readBeside(
            plugin.name, fileBeside(plugin.name), text("plugins.trust") == "everybody");
    }
}

void Configuration::addKeys(const PluginDeclaration& plugin, bool loaded) {
    for (KeySpec key : plugin.keys) {
        // Keys that another role requires are not required here.
        key.required = key.required && loaded;
        schema_.add(key);
    }
    for (const std::string& table : plugin.tables) {
        schema_.addTable(table);
    }
    plugins_.push_back({plugin, loaded});
}

Configuration Configuration::with(const PluginDeclaration& plugin) const {
    Configuration fresh = reduced(plugin.name);
    fresh.declare(plugin);
    fresh.deferToRestart(*this, plugin.name);
    return fresh;
}

Configuration Configuration::without(const std::string& plugin) const {
    Configuration fresh = reduced(plugin);
    fresh.deferToRestart(*this);
    return fresh;
}

Configuration Configuration::reduced(const std::string& plugin) const {
    Configuration fresh = *this;
    fresh.schema_ = ConfigSchema();
    fresh.plugins_.clear();
    fresh.layers_.dropBeside();
    fresh.layers_.forget(fileBeside(plugin));
    for (const Plugin& other : plugins_) {
        if (other.declaration.name == plugin) {
            continue;
        }
        fresh.addKeys(other.declaration, other.loaded);
        if (other.loaded) {
            fresh.layers_.repeatBeside(other.declaration.name, fileBeside(other.declaration.name));
        }
    }
    return fresh;
}

Configuration Configuration::reread() const {
    Configuration fresh = *this;
    fresh.schema_ = ConfigSchema();
    fresh.plugins_.clear();
    fresh.layers_ = layers_.reread();
    fresh.deferred_ = {{"plugins.dir", {find("plugins.dir"), std::nullopt}}};
    for (const Plugin& plugin : plugins_) {
        fresh.declare(plugin.declaration, plugin.loaded);
    }
    return fresh;
}

void Configuration::deferToRestart(const Configuration& inForce, const std::string& loaded) {
    deferred_.clear();
    deferred_ = RestartKeys(*this, inForce, loaded).deferred();
}

const KeySpec& Configuration::spec(const std::string& key) const {
    const KeySpec* const known = schema_.find(key);
    if (known == nullptr) {
        throw Poco::NotFoundException("configuration key " + key + " is not declared");
    }
    return *known;
}

std::optional<ConfigValue> Configuration::given(const std::string& key) const {
    if (const auto waiting = deferred_.find(key); waiting != deferred_.end()) {
        return waiting->second.inForce;
    }
    return layers_.find(key, schema_);
}

std::optional<ConfigValue> Configuration::find(const std::string& key) const {
    if (schema_.inTable(key) && schema_.find(key) == nullptr) {
        return given(key);
    }
    const KeySpec& known = spec(key);
    if (auto value = given(key)) {
        return value;
    }
    if (known.defaultValue) {
        return ConfigValue{*known.defaultValue, "default"};
    }
    return std::nullopt;
}

std::string Configuration::text(const std::string& key) const {
    const auto value = find(key);
    if (!value) {
        throw Poco::NotFoundException("configuration key " + key + " has no value");
    }
    const KeySpec* const known = schema_.find(key);
    if (known != nullptr && !known->accepts(value->text)) {
        throw ConfigException(describeProblem(*known, key, *value));
    }
    return value->text;
}

std::int64_t Configuration::integer(const std::string& key) const {
    return Poco::NumberParser::parse64(text(key));
}

bool Configuration::boolean(const std::string& key) const {
    return text(key) == "true";
}

std::vector<std::string> Configuration::list(const std::string& key) const {
    return splitList(text(key));
}

std::optional<ConfigValue> Configuration::suggested(const std::string& alias,
                                                    const std::string& setting) const {
    // A handler may name its queue by the alias or as it is called on the wire.
    const auto renamed = given(queueKey(alias, "name"));
    const std::string& name = renamed ? renamed->text : alias;
    for (const Plugin& plugin : plugins_) {
        for (const auto& suggestion : plugin.declaration.suggestions) {
            const auto option = suggestion.options.find(setting);
            if (plugin.loaded && (suggestion.queue == alias || suggestion.queue == name) &&
                option != suggestion.options.end()) {
                return ConfigValue{option->second,
                                   "plugin " + plugin.declaration.name + "/" + suggestion.handler};
            }
        }
    }
    return std::nullopt;
}

ConfigValue Configuration::queueSetting(const std::string& alias,
                                        const std::string& setting) const {
    const std::string key = queueKey(alias, setting);
    std::optional<ConfigValue> value;
    // A queue that is worked under its own name, which may have dots, has no keys of its own.
    if (schema_.find(key) != nullptr) {
        value = find(key);
    }
    if (!value && isWorkerSetting(setting)) {
        value = suggested(alias, setting);
    }
    if (!value && isWorkerSetting(setting)) {
        value = find(defaultsKey(setting));
    }
    if (!value && setting == "name") {
        value = ConfigValue{alias, "default"};
    }
    if (!value) {
        // The default belongs to the pattern, so any alias will do.
        value = ConfigValue{spec(queueKey("any", setting)).defaultValue.value_or(""), "default"};
    }
    return *value;
}

std::vector<std::string> Configuration::aliases() const {
    std::set<std::string> found;
    for (const ConfigValueMap* layer : layers_.written()) {
        for (const auto& [key, value] : *layer) {
            if (!aliasOf(key).empty()) {
                found.insert(aliasOf(key));
            }
        }
    }
    for (const Plugin& plugin : plugins_) {
        for (const auto& suggestion : plugin.declaration.suggestions) {
            if (plugin.loaded && schema_.find(queueKey(suggestion.queue, "name")) != nullptr) {
                found.insert(suggestion.queue);
            }
        }
    }
    layers_.environment().addAliases(found);
    return {found.begin(), found.end()};
}

std::vector<std::pair<std::string, std::string>> Configuration::below(
    const std::string& prefix) const {
    std::map<std::string, std::string> found;
    for (const ConfigValueMap* layer : layers_.written()) {
        for (const auto& [key, value] : *layer) {
            if (key.compare(0, prefix.size() + 1, prefix + ".") == 0) {
                if (const auto inForce = given(key)) {
                    found[key.substr(prefix.size() + 1)] = inForce->text;
                }
            }
        }
    }
    return {found.begin(), found.end()};
}

std::vector<std::string> Configuration::knownKeys() const {
    std::set<std::string> keys;
    for (const KeySpec& known : schema_.specs()) {
        if (known.pattern.find('<') == std::string::npos) {
            keys.insert(known.pattern);
        }
    }
    for (const std::string& alias : aliases()) {
        for (const QueueSetting& setting : kQueueSettings) {
            keys.insert(queueKey(alias, setting.name));
        }
    }
    for (const ConfigValueMap* layer : layers_.written()) {
        for (const auto& [key, value] : *layer) {
            if (schema_.find(key) != nullptr || schema_.inTable(key)) {
                keys.insert(key);
            }
        }
    }
    return {keys.begin(), keys.end()};
}

std::optional<ConfigValue> Configuration::resolved(const std::string& key) const {
    const std::string alias = aliasOf(key);
    return !alias.empty() && schema_.find(key) != nullptr ? queueSetting(alias, settingOf(key))
                                                          : find(key);
}

ConfigValueMap Configuration::effective() const {
    ConfigValueMap values;
    for (const std::string& key : knownKeys()) {
        if (auto value = resolved(key)) {
            values[key] = std::move(*value);
        }
    }
    return values;
}

bool Configuration::hasPlugin(const std::string& name) const {
    return std::any_of(plugins_.begin(), plugins_.end(), [&name](const Plugin& one) {
        return one.declaration.name == name;
    });
}

std::vector<std::string> Configuration::undeclaredPlugins() const {
    const std::string folder = pluginFolder();
    std::set<std::string> names;
    for (const ConfigValueMap* layer : layers_.written()) {
        for (const auto& [key, value] : *layer) {
            const std::string name = pluginOf(key);
            std::error_code ignored;
            if (!name.empty() && !hasPlugin(name) &&
                std::filesystem::exists(folder + "/" + name + ".so", ignored)) {
                names.insert(name);
            }
        }
    }
    return {names.begin(), names.end()};
}

std::string Configuration::pluginFolder() const {
    const std::string folder = text("plugins.dir");
    return folder.empty() ? installedPluginFolder() : folder;
}

std::string Configuration::fileBeside(const std::string& plugin) const {
    return pluginFolder() + "/" + plugin + ".properties";
}

std::vector<std::string> Configuration::files() const {
    std::vector<std::string> paths = layers_.files();
    for (const Plugin& plugin : plugins_) {
        if (plugin.loaded) {
            paths.push_back(fileBeside(plugin.declaration.name));
        }
    }
    return paths;
}

}  // namespace drover
