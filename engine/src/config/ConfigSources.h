#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/ConfigEnvironment.h"
#include "config/ConfigSchema.h"
#include "config/ConfigValue.h"

namespace drover {

/// Path to content, of the files that could be read.
using FileTexts = std::map<std::string, std::string>;

/// The places that a configuration is read from.
struct ConfigSources {
    std::vector<std::string> files;     ///< --config, in order; the later file wins.
    std::string envFile;                ///< --env-file; empty: none.
    std::vector<std::string> settings;  ///< --set, each "key=value"; the later one wins.
    std::map<std::string, std::string> environment;

    /// Returns the variables of this process.
    [[nodiscard]] static std::map<std::string, std::string> processEnvironment();
};

/// The values that the sources give, each with its origin, and the texts that they were read from.
///
/// A value without rules about keys, but for those that a file beside a plugin may set. A file that cannot be read is
/// one of the problems, never an exception. A file that can be read only once, such as a pipe, retains its first
/// text.
class ConfigLayers {
public:
    explicit ConfigLayers(ConfigSources sources) : ConfigLayers(std::move(sources), {}) {}
    /// Reads all sources again; files beside plugins are left out.
    [[nodiscard]] ConfigLayers reread() const;

    /// Reads the file beside a plugin, if there is one. It may set what belongs to the plugin (its own keys, queues,
    /// routes). Unless `trustEverybody`, only root and the user of the process may be able to write it.
    void readBeside(const std::string& plugin, const std::string& path, bool trustEverybody);
    /// Applies the text that the file had when it was read, if it was.
    void repeatBeside(const std::string& plugin, const std::string& path);
    /// Drops the values of all files beside plugins, not their texts.
    void dropBeside();
    /// Drops the text of a file.
    void forget(const std::string& path) { texts_.erase(path); }

    /// Returns the value of the strongest source: --set, environment, files, files beside plugins.
    [[nodiscard]] std::optional<ConfigValue> find(const std::string& key,
                                                  const ConfigSchema& schema) const;
    /// Returns all that is written in .properties form, the weakest source first.
    [[nodiscard]] std::array<const ConfigValueMap*, 3> written() const {
        return {&beside_, &files_, &settings_};
    }
    [[nodiscard]] const ConfigEnvironment& environment() const { return environment_; }
    /// Returns what could not be read or parsed, a line each.
    [[nodiscard]] std::vector<std::string> problems() const;

    /// Returns the files of --config and --env-file, there or not.
    [[nodiscard]] std::vector<std::string> files() const;
    /// Returns what the files held when they were read.
    [[nodiscard]] const FileTexts& texts() const { return texts_; }
    /// Returns what the files at `paths` hold now.
    [[nodiscard]] FileTexts textsNow(const std::vector<std::string>& paths) const;

private:
    ConfigLayers(ConfigSources sources, FileTexts onceRead);

    /// Throws ConfigException.
    const std::string& readFile(const std::string& path);
    void readFiles();
    void readEnvironment();
    void readSettings();
    void applyBeside(const std::string& plugin, const std::string& path, const std::string& text);

    ConfigSources sources_;
    FileTexts texts_;
    ConfigValueMap beside_;  ///< From the files of plugins.
    ConfigValueMap files_;
    ConfigValueMap settings_;
    ConfigEnvironment environment_;
    std::vector<std::string> problems_;
    std::vector<std::string> besideProblems_;
};

/// Returns a sentence for each file that holds nothing in `now` and something in `before`. An editor empties a file before
/// it writes it.
[[nodiscard]] std::vector<std::string> emptiedFiles(const FileTexts& now, const FileTexts& before);

}  // namespace drover
