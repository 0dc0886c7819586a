#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/ConfigFiles.h"
#include "config/ConfigSchema.h"
#include "config/PluginDeclaration.h"

namespace drover {

/// Path to content, of the files that could be read.
using FileTexts = std::map<std::string, std::string>;

/// Where a configuration is read from.
struct ConfigSources {
    std::vector<std::string> files;     ///< --config, in order; the later file wins.
    std::string envFile;                ///< --env-file; empty: none.
    std::vector<std::string> settings;  ///< --set, each "key=value"; the later one wins.
    std::map<std::string, std::string> environment;

    /// The variables of this process.
    [[nodiscard]] static std::map<std::string, std::string> processEnvironment();
};

/// A value and who said so ("conf/consumer.properties:3", "environment REDIS_HOST", "--set", "default").
struct ConfigValue {
    std::string text;
    std::string origin;
};

/// The configuration of a process: what keep() kept over --set over environment over files over the files beside plugins
/// over defaults.
///
/// Life: constructed from its sources (which never throws: what cannot be read is a problem like others), told about
/// plugins by declare(), asked to check() itself, and read from then on. A loaded plugin's queue suggestions lie between
/// `queue.<alias>.*` and `worker.defaults.*`.
///
/// Environment: a key's name is DROVER_ and the key in upper case, other characters as `_`; it wins over the names of
/// older deployments (REDIS_HOST …). Keys of tables (api.route.*) come from files and --set only. Variables of keys that
/// this process does not know are ignored, since one environment often serves several roles.
///
/// `<plugin>.properties` beside a loaded `<plugin>.so` is read as well. It says what belongs to the plugin (its own keys,
/// queues, routes); what the process as a whole lives by stands in the process's own files.
/// Threads: const methods may be called from any thread once nothing is declared any more.
class Configuration {
public:
    explicit Configuration(const ConfigSources& sources);

    /// Makes a plugin's keys known. `loaded`: this process loads it, so required keys must be there and its suggestions
    /// count.
    void declare(const PluginDeclaration& plugin, bool loaded = true);
    /// The same values, but with this declaration in place of the plugin's earlier one, and its file read anew; other files
    /// are not looked at. What the plugin's change cannot bring into force in this process stays: see keep().
    [[nodiscard]] Configuration with(const PluginDeclaration& plugin) const;
    /// The same values without what a plugin brought. No file is read.
    [[nodiscard]] Configuration without(const std::string& plugin) const;
    /// Keeps the values that `inForce` has of the keys that need a restart and that both know, of queues whose alias both
    /// have. `loaded`: a plugin that comes with this configuration; its own keys are not kept, and neither is what it brings
    /// for its queues' workers if it was not there before.
    void keep(const Configuration& inForce, const std::string& loaded = "");

    /// Every problem at once, one line each: place, key, value, what would be right. Empty: all is well.
    [[nodiscard]] std::vector<std::string> problems() const;
    /// What is suspicious but no error: variables that look like a misspelt key, unchecked keys.
    [[nodiscard]] std::vector<std::string> warnings() const;

    /// The value in force; std::nullopt if nobody gave one and there is no default. Throws Poco::NotFoundException for a
    /// key that is not known.
    [[nodiscard]] std::optional<ConfigValue> find(const std::string& key) const;
    /// Throw Poco::NotFoundException for an unknown key or one without value, ConfigException for a value of another type.
    [[nodiscard]] std::string text(const std::string& key) const;
    [[nodiscard]] std::int64_t integer(const std::string& key) const;
    [[nodiscard]] double number(const std::string& key) const;
    [[nodiscard]] bool boolean(const std::string& key) const;
    [[nodiscard]] std::vector<std::string> list(const std::string& key) const;

    /// A setting of a queue: queue.<alias>.<setting>, else the plugins' suggestion, else worker.defaults.<setting>.
    [[nodiscard]] ConfigValue queueSetting(const std::string& alias,
                                           const std::string& setting) const;
    /// Every alias that is configured, sorted.
    [[nodiscard]] std::vector<std::string> aliases() const;

    /// Every given key and value below "<prefix>.", the prefix cut off, sorted.
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> below(
        const std::string& prefix) const;
    /// Plugins that given keys belong to, by their name, and that nobody declared; the .so is in plugins.dir.
    [[nodiscard]] std::vector<std::string> undeclaredPlugins() const;

    /// plugins.dir, or the installation's folder if that is empty.
    [[nodiscard]] std::string pluginFolder() const;

    [[nodiscard]] const ConfigSchema& schema() const { return schema_; }
    /// Every known key that has a value, names filled in, sorted; queue settings as they resolve.
    [[nodiscard]] std::map<std::string, ConfigValue> effective() const;
    /// Values that must not be shown anywhere, passwords inside of URLs included; none is empty.
    [[nodiscard]] std::vector<std::string> secrets() const;
    /// The files that it is read from, there or not: --config, --env-file, those beside loaded plugins.
    [[nodiscard]] std::vector<std::string> files() const;
    /// What they held when they were read, and what they hold now.
    [[nodiscard]] const FileTexts& filesRead() const { return filesRead_; }
    [[nodiscard]] FileTexts filesNow() const;
    /// Reads all sources again, with the same declarations: what they say, whether or not it needs a restart. Only
    /// plugins.dir stays, since plugins do. What is not a regular file, and can be read only once, holds what it held.
    [[nodiscard]] Configuration reread() const;

    /// Files that hold nothing here and something in `inForce`: a sentence each. An editor empties a file before it writes it.
    [[nodiscard]] std::vector<std::string> emptied(const Configuration& inForce) const;

    /// A key that needs a restart: what the process has, and what its sources say by now. std::nullopt: nothing.
    struct Kept {
        std::optional<ConfigValue> inForce, said;
    };
    [[nodiscard]] const std::map<std::string, Kept>& kept() const { return kept_; }

    /// Whether keys that begin with `section` and a dot are the engine's, so that no plugin may have that name.
    [[nodiscard]] static bool isEngineSection(const std::string& section);
    /// "reservation" of "queue.reservation.threads"; empty if `key` is no queue's.
    [[nodiscard]] static std::string aliasOf(const std::string& key);
    /// DROVER_REDIS_HOST for redis.host.
    [[nodiscard]] static std::string environmentName(const std::string& key);

private:
    /// Everything that is written in .properties form, the weakest first.
    [[nodiscard]] std::array<const std::map<std::string, ConfigValue>*, 3> written() const {
        return {&beside_, &files_, &settings_};
    }
    Configuration(const ConfigSources& sources, FileTexts onceRead);
    /// Throws ConfigException.
    const std::string& readFile(const std::string& path);
    [[nodiscard]] std::string fileOf(const std::string& plugin) const;
    void readFiles();
    void addKeys(const PluginDeclaration& plugin, bool loaded);
    void readFileOf(const std::string& plugin);
    void takeFileOf(const std::string& plugin, const std::string& text);
    [[nodiscard]] Configuration reduced(const std::string& plugin) const;
    /// As effective() has it.
    [[nodiscard]] std::optional<ConfigValue> resolved(const std::string& key) const;
    [[nodiscard]] bool keeps(const Configuration& inForce,
                             const std::string& loaded,
                             const std::string& key) const;
    void readSettings();
    void readEnvironment();
    [[nodiscard]] std::optional<ConfigValue> given(const std::string& key) const;
    [[nodiscard]] std::optional<ConfigValue> fromEnvironment(const std::string& key) const;
    /// Whether a scheduler made the value for a service whose name meets one of our variables (REDIS_PORT=tcp://…).
    [[nodiscard]] bool isServiceLink(const std::string& key, const ConfigValue& value) const;
    /// A sentence for each.
    [[nodiscard]] std::vector<std::string> serviceLinks() const;
    [[nodiscard]] std::optional<ConfigValue> suggested(const std::string& alias,
                                                       const std::string& setting) const;
    [[nodiscard]] bool pluginFileExists(const std::string& name) const;
    [[nodiscard]] std::string owner(const std::string& key) const;
    [[nodiscard]] const KeySpec& spec(const std::string& key) const;
    [[nodiscard]] std::vector<std::string> knownKeys() const;
    /// The settings below queue.<alias>, without prefix.
    [[nodiscard]] std::vector<std::string> settingNames() const;
    void checkUnknown(std::vector<std::string>& problems) const;
    void checkValues(std::vector<std::string>& problems) const;
    void checkSuggestions(std::vector<std::string>& problems) const;

    ConfigSources sources_;
    ConfigSchema schema_;
    std::vector<std::pair<PluginDeclaration, bool>> plugins_;  ///< With whether it is loaded.
    FileTexts filesRead_;
    std::vector<std::string> readProblems_;
    std::vector<std::string> besideProblems_;
    std::map<std::string, ConfigValue> beside_;  ///< From the files of plugins.
    std::map<std::string, ConfigValue> files_;
    std::map<std::string, ConfigValue> settings_;
    std::map<std::string, ConfigValue> environment_;  ///< Variable name to value.
    std::map<std::string, Kept> kept_;                ///< Over all of them.
};

/// "where: key = "value": expected …", with *** for a secret's value.
[[nodiscard]] std::string describeProblem(const KeySpec& spec,
                                          const std::string& key,
                                          const ConfigValue& value);

}  // namespace drover
