#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "config/Configuration.h"
#include "host/PluginOpener.h"
#include "host/PluginRecords.h"
#include "plugin/loading/PluginFolder.h"

namespace drover {

/// Opens changed plugin files and starts the next generation of the plugin, which gets no jobs yet.
/// A file that was opened and refused before anything of it ran is not opened again while it stays the same.
class GenerationStarter {
public:
    /// A generation that is ready to take over, and the configuration that goes with it.
    struct Started {
        Configuration config;
        std::shared_ptr<PluginGeneration> generation;
        HandlerRegistry::Types types;
    };

    /// Both must outlive it. Every file that is loaded is counted in `records`.
    GenerationStarter(const PluginOpener& opener, PluginRecords& records)
        : opener_(opener), records_(records) {}

    /// Returns std::nullopt if the running generation is from the same bytes and has the same isolation. Throws
    /// PluginException or ConfigException if the file is refused, or the configuration with it.
    [[nodiscard]] std::optional<Started> start(const PluginFile& file, const Configuration& config);
    /// Forgets the file that was opened last: the next generation has static objects of its own.
    void onTakeover(const std::string& name) { opened_.erase(name); }

private:
    [[nodiscard]] LoadedPlugin open(const PluginFile& file, const std::string& sha256);

    const PluginOpener& opener_;
    PluginRecords& records_;
    std::map<std::string, LoadedPlugin> opened_;  ///< By name; nothing of these has run.
};

/// Returns a plugin's own values out of the configuration, which must outlive the result.
[[nodiscard]] ConfigLookup lookupOf(const Configuration& config);

}  // namespace drover
