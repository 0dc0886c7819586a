#pragma once

#include <map>
#include <optional>
#include <string>

#include "config/PluginDeclaration.h"
#include "config/Settings.h"
#include "plugin/loading/PluginLoader.h"
#include "plugin/loading/PluginProbe.h"

namespace drover {

/// Returns the configuration keys and suggestions of a loaded plugin.
[[nodiscard]] PluginDeclaration declarationOf(const LoadedPlugin& plugin);

/// Checks plugin files, tries them out and opens them. Plugins of the start are opened before the configuration is checked,
/// since their keys belong to it. An opened plugin stays in the process.
class PluginOpener : public PluginCatalog {
public:
    /// With `trial` every file is first tried out in a child process with the same sources.
    PluginOpener(const Configuration& config, const std::optional<ConfigSources>& trial);

    [[nodiscard]] PluginDeclaration declaration(const std::string& name) override;
    /// Returns the plugin that declaration() has opened. Throws std::out_of_range if that was not called.
    [[nodiscard]] const LoadedPlugin& plugin(const std::string& name) const {
        return opened_.at(name);
    }
    /// Opens a file. If it still has the bytes of `known`, which was opened before, the file is tried out anew and `known` is
    /// returned. Throws PluginException, naming the file and the reason.
    [[nodiscard]] LoadedPlugin open(const std::string& file,
                                    const std::optional<LoadedPlugin>& known = std::nullopt) const;

private:
    PluginSettings settings_;
    std::optional<PluginProbe> probe_;
    PluginLoader loader_;
    std::map<std::string, LoadedPlugin> opened_;
};

}  // namespace drover
