#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/ConfigSchema.h"
#include "config/ConfigSources.h"
#include "config/ConfigValue.h"
#include "config/PluginDeclaration.h"
#include "config/RestartKeys.h"

namespace drover {

/// The configuration of a process: the lookup of a key's value over all sources.
///
/// The strongest first: values that wait for a restart, --set, environment, files, files beside plugins, defaults. The
/// suggestions of a loaded plugin for its queues lie between `queue.<alias>.*` and `worker.defaults.*`.
///
/// Life: constructed from its sources (never throws: a file that cannot be read is one of the problems), completed by
/// declare() for each plugin, checked by ConfigurationCheck, and read from then on.
/// Threads: const methods may be called from any thread once every plugin is declared.
class Configuration {
public:
    /// A plugin that was declared. `loaded`: this process loads it.
    struct Plugin {
        PluginDeclaration declaration;
        bool loaded;
    };

    explicit Configuration(const ConfigSources& sources);

    /// Adds a plugin's keys. If it is loaded, its required keys must be there, its suggestions count, and
    /// `<plugin>.properties` beside its file is read.
    void declare(const PluginDeclaration& plugin, bool loaded = true);
    /// Returns the same values with this declaration in place of the plugin's earlier one, and its file read anew; no other
    /// file is read. Changes that need a restart wait for it.
    [[nodiscard]] Configuration with(const PluginDeclaration& plugin) const;
    /// Returns the same values without what a plugin brought. No file is read.
    [[nodiscard]] Configuration without(const std::string& plugin) const;
    /// Reads all sources again, with the same declarations, and returns the values there, whether or not they need a
    /// restart. Only plugins.dir stays, since plugins do.
    [[nodiscard]] Configuration reread() const;
    /// Leaves the values of `inForce` in place for keys that need a restart. See RestartKeys.
    void deferToRestart(const Configuration& inForce, const std::string& loaded = "");
    /// Returns the keys whose values wait for a restart.
    [[nodiscard]] const DeferredValues& deferred() const { return deferred_; }

    /// Returns the value in force; std::nullopt without a source and a default. Throws Poco::NotFoundException for an
    /// unknown key.
    [[nodiscard]] std::optional<ConfigValue> find(const std::string& key) const;
    /// Throw Poco::NotFoundException for an unknown key or one without value, ConfigException for a value of another type.
    [[nodiscard]] std::string text(const std::string& key) const;
    [[nodiscard]] std::int64_t integer(const std::string& key) const;
    [[nodiscard]] bool boolean(const std::string& key) const;
    [[nodiscard]] std::vector<std::string> list(const std::string& key) const;

    /// Returns a setting of a queue: queue.<alias>.<setting>, else the plugins' suggestion, else worker.defaults.<setting>.
    [[nodiscard]] ConfigValue queueSetting(const std::string& alias,
                                           const std::string& setting) const;
    /// Returns what the first loaded plugin suggests for a queue; std::nullopt: nothing.
    [[nodiscard]] std::optional<ConfigValue> suggested(const std::string& alias,
                                                       const std::string& setting) const;
    /// Returns every configured alias, sorted.
    [[nodiscard]] std::vector<std::string> aliases() const;

    /// Returns what a source gives, without defaults and suggestions.
    [[nodiscard]] std::optional<ConfigValue> given(const std::string& key) const;
    /// Returns every given key and value below "<prefix>.", the prefix cut off, sorted.
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> below(
        const std::string& prefix) const;
    /// Returns find(), and for the key of a queue queueSetting().
    [[nodiscard]] std::optional<ConfigValue> resolved(const std::string& key) const;
    /// Returns every known key, names filled in, sorted.
    [[nodiscard]] std::vector<std::string> knownKeys() const;
    /// Returns every known key that has a value, as resolved().
    [[nodiscard]] ConfigValueMap effective() const;

    [[nodiscard]] const ConfigSchema& schema() const { return schema_; }
    [[nodiscard]] const ConfigLayers& layers() const { return layers_; }
    [[nodiscard]] const std::vector<Plugin>& plugins() const { return plugins_; }
    /// Returns true for a plugin that was declared.
    [[nodiscard]] bool hasPlugin(const std::string& name) const;
    /// Returns the plugins that given keys belong to, by their name, and that were not declared; the .so is in plugins.dir.
    [[nodiscard]] std::vector<std::string> undeclaredPlugins() const;
    /// Returns plugins.dir, or the installation's folder if that is empty.
    [[nodiscard]] std::string pluginFolder() const;
    /// Returns the path of the file beside a plugin.
    [[nodiscard]] std::string fileBeside(const std::string& plugin) const;

    /// Returns the files that it is read from, there or not: --config, --env-file, those beside loaded plugins.
    [[nodiscard]] std::vector<std::string> files() const;
    /// Returns what they held when they were read, and what they hold now.
    [[nodiscard]] const FileTexts& filesRead() const { return layers_.texts(); }
    [[nodiscard]] FileTexts filesNow() const { return layers_.textsNow(files()); }

private:
    void addKeys(const PluginDeclaration& plugin, bool loaded);
    [[nodiscard]] Configuration reduced(const std::string& plugin) const;
    [[nodiscard]] const KeySpec& spec(const std::string& key) const;

    ConfigSchema schema_;
    ConfigLayers layers_;
    std::vector<Plugin> plugins_;
    DeferredValues deferred_;  ///< Over all layers.
};

}  // namespace drover
