#pragma once

#include <map>
#include <memory>
#include <string>

#include "app/Engine.h"
#include "app/PluginDeclaration.h"
#include "app/Settings.h"
#include "plugin/PluginLoader.h"

namespace drover {

/// The plugins of this process: found in a folder, opened once, asked for their configuration keys before the
/// configuration is checked, and set up when it has been. An opened plugin stays in the process.
class PluginHost : public PluginCatalog {
public:
    explicit PluginHost(std::string folder) : folder_(std::move(folder)) {}

    [[nodiscard]] PluginDeclaration declaration(const std::string& name) override;
    /// The plugin as opened by declaration(). Throws std::out_of_range if that was not called.
    [[nodiscard]] const LoadedPlugin& plugin(const std::string& name) const {
        return opened_.at(name);
    }

private:
    std::string folder_;
    PluginLoader loader_;
    std::map<std::string, LoadedPlugin> opened_;
};

/// Which servers, connections, workers and services this process consists of. The one place where everything is wired.
/// All three must outlive the assembly; every plugin of plugins.load has been opened.
[[nodiscard]] Assembly assemble(const Configuration& config,
                                const Settings& settings,
                                PluginHost& plugins);

}  // namespace drover
