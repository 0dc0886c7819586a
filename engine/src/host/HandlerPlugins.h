#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "host/Consumers.h"
#include "host/FolderChanges.h"
#include "host/GenerationStarter.h"
#include "host/PluginListJson.h"
#include "host/PluginOpener.h"
#include "host/PluginRecords.h"
#include "process/Component.h"
#include "process/FolderWatch.h"

namespace drover {

/// The handler plugins of a process: those of its start, and the changes that follow from their files afterwards.
///
/// A file that comes or changes is tried out in a child process and loaded as a new generation. That takes over once every
/// thread has its instance of it; the older one ends with the jobs that it has. A file that goes removes its handlers.
/// A refused file changes nothing. Each step is one line of the log.
/// Control command "plugins": an array, see pluginListJson().
/// Threads: listJson() any; everything else that of the process.
class HandlerPlugins : public Component {
public:
    /// `changed` is called, on another thread, when rescan() may find something. `watched`: another component watches the
    /// folder.
    HandlerPlugins(const Configuration& config,
                   const PluginSettings& settings,
                   PluginOpener& opener,
                   Consumers& consumers,
                   bool watched,
                   std::function<void()> changed);

    [[nodiscard]] const std::string& name() const override { return name_; }
    void start() override;
    [[nodiscard]] Change prepare(const Configuration& config) override;
    /// Proposes one change for each file that has changed or gone.
    [[nodiscard]] Proposals rescan(const Configuration& config, bool requested) override;
    void drain(Component::Clock::time_point /*deadline*/) override { watch_.reset(); }

    void measure(Metrics& metrics) const override;

    [[nodiscard]] std::string listJson() const { return records_.read(pluginListJson); }

private:
    class Update;
    class Replacement;
    class Removal;

    /// The handlers of all consumers once the proposed change is adopted.
    struct Coming {
        std::string name;  ///< The plugin whose handlers change.
        HandlerRegistry registry;
    };

    [[nodiscard]] HandlerRegistry registryWith(const Configuration& config,
                                               const std::string& name,
                                               const HandlerRegistry::Types& instead) const;
    void switchTo(const std::string& name,
                  std::shared_ptr<PluginGeneration> next,
                  HandlerRegistry::Types types);
    void setRefused(const std::string& name, const std::string& reason);

    const std::string name_ = "plugins";
    const PluginSettings settings_;
    Consumers& consumers_;
    const std::function<void()> changed_;
    const bool watched_;
    PluginRecords records_;
    FolderChanges folder_;
    GenerationStarter starter_;
    bool due_;  ///< The folder is to be looked at, although no watcher has reported a change.
    std::optional<Coming> coming_;  ///< While a proposal is adopted.
    std::unique_ptr<FolderWatch> watch_;
};

}  // namespace drover
