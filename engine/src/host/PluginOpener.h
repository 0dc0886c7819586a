#pragma once

#include <map>
#include <optional>
#include <string>

#include "config/PluginDeclaration.h"
#include "config/Settings.h"
#include "plugin/loading/PluginLoader.h"
#include "plugin/loading/PluginProbe.h"

namespace drover {

/// What a loaded plugin tells about its configuration.
[[nodiscard]] PluginDeclaration declarationOf(const LoadedPlugin& plugin);

/// How plugins come into this process: checked, tried out, opened; and those that it has from its start, which are asked
/// for their keys before the configuration is checked. An opened plugin stays in the process.
class PluginOpener : public PluginCatalog {
public:
    /// With `trial` every file is first tried out in a child process that has those sources, too.
    PluginOpener(const Configuration& config, const std::optional<ConfigSources>& trial);

    [[nodiscard]] PluginDeclaration declaration(const std::string& name) override;
    /// The plugin as opened by declaration(). Throws std::out_of_range if that was not called.
    [[nodiscard]] const LoadedPlugin& plugin(const std::string& name) const {
        return opened_.at(name);
    }
    /// `known`, which has been opened before, if the file still holds the same: tried out anew, but not opened again.
    /// Throws PluginException, naming the file and what is wrong with it.
    [[nodiscard]] LoadedPlugin open(const std::string& file,
                                    const std::optional<LoadedPlugin>& known = std::nullopt) const;

private:
    PluginSettings settings_;
    std::optional<PluginProbe> probe_;
    PluginLoader loader_;
    std::map<std::string, LoadedPlugin> opened_;
};

}  // namespace drover
