#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "host/Consumers.h"
#include "host/PluginOpener.h"
#include "plugin/loading/PluginFolder.h"
#include "plugin/loading/PluginGeneration.h"
#include "process/Component.h"
#include "process/FolderWatch.h"

namespace drover {

/// The handler plugins of a process: those that were there at its start, and what becomes of their files afterwards.
///
/// A file that comes or changes is tried out in a child process, loaded as a new generation, and takes over once every
/// thread has its instance of it; the older one ends with the jobs that it has. A file that goes takes its handlers along.
/// What is refused changes nothing. Each step is one line of the log.
/// Control command "plugins": an array, see listJson().
/// Threads: listJson() any; everything else the engine's.
class HandlerPlugins : public Component {
public:
    /// Makes a configuration that a plugin has come with, or gone from, the one in force: in all components, prepare() of
    /// this one included, or in none; then it throws.
    using Adopt = std::function<void(Configuration fresh)>;

    /// `changed` is called, on another thread, when rescan() may find something; `watched`: somebody else watches the folder.
    HandlerPlugins(const Configuration& config,
                   const PluginSettings& settings,
                   PluginOpener& host,
                   Consumers& workers,
                   bool watched,
                   std::function<void()> changed,
                   Adopt adopt);

    [[nodiscard]] const std::string& name() const override { return name_; }
    void start() override;
    [[nodiscard]] Change prepare(const Configuration& config) override;
    void rescan(const Configuration& config, bool asked) override;
    void drain(Component::Clock::time_point /*deadline*/) override { watch_.reset(); }

    /// [{"name", "kind": "handler", "version", "abi": "1.0", "handlers": ["echo/echo"], "generation": int, "jobsRun": int,
    /// "state": "running", "draining", "refused" or "gone", "path", "sha256", "bytes": int, "memory": {"rss": bytes,
    /// "private": bytes}, "reason"?: string, "loaded"?: {"files": int, "bytes": int, "rss": bytes, "private": bytes}}], by
    /// name. "bytes" is the file and its copy in memory, "private" what it takes beyond that; "loaded" sums up all files of
    /// that name since the start, since none is ever unloaded, and comes with the newest generation.
    [[nodiscard]] std::string listJson() const;

private:
    struct Loaded {
        int copy;
        std::size_t bytes;
    };
    struct Entry {
        FileIdentity identity;    ///< Of the file that was looked at last,
        FileIdentity properties;  ///< and of what lay beside it.
        int generation = 0;
        std::shared_ptr<PluginGeneration> running;  ///< nullptr: none is.
        HandlerRegistry::Types types;               ///< Its handlers.
        std::string refused;                        ///< Why the last file was; empty: it was not.
        std::optional<LoadedPlugin> opened;         ///< The last one, if nothing of it has run.
        std::vector<Loaded> loaded;  ///< All that ever was, in this process for good.
        bool service = false;
    };
    struct Draining {
        std::string name;
        int generation;
        std::shared_ptr<PluginGeneration> plugin;
    };

    [[nodiscard]] bool wanted(const std::string& name) const;
    /// Whether something is not finished and must be looked at again soon.
    [[nodiscard]] bool look(const Configuration& config);
    [[nodiscard]] Entry& entryOf(const std::string& name);
    void retireMissing(const std::vector<PluginFile>& files, const Configuration& config);
    void take(const PluginFile& file, Entry& entry, const Configuration& config);
    void retire(const std::string& name, Entry& entry, const Configuration& config);
    /// The same configuration for all, and for the workers the handlers of a plugin in place of those that it has.
    void adopt(Configuration fresh, const std::string& name, const HandlerRegistry::Types& instead);
    /// The handlers of all that run, with `instead` in place of those of the plugin.
    [[nodiscard]] HandlerRegistry registryWith(const Configuration& config,
                                               const std::string& name,
                                               const HandlerRegistry::Types& instead) const;
    /// Leaves what runs to its end; `next`, if there is one, runs now.
    void switchTo(const std::string& name,
                  Entry& entry,
                  std::shared_ptr<PluginGeneration> next,
                  HandlerRegistry::Types types);
    void dropEnded();

    const std::string name_ = "plugins";
    const PluginSettings settings_;
    PluginOpener& host_;
    Consumers& workers_;
    const std::function<void()> changed_;
    const Adopt adopt_;
    const bool watched_;
    PluginFolder folder_;
    bool due_;                 ///< To be looked at although no watcher says so.
    std::string folderError_;  ///< Of the last look; told when it changes.

    mutable std::mutex mutex_;  ///< Of what listJson() shows.
    std::map<std::string, Entry> entries_;
    std::vector<Draining> draining_;

    /// What adopt() is about: the plugin whose handlers change, and the handlers of all then.
    std::optional<std::pair<std::string, HandlerRegistry>> coming_;
    std::unique_ptr<FolderWatch> watch_;
};

/// A plugin's own values out of the configuration.
[[nodiscard]] ConfigLookup lookupOf(const Configuration& config);

}  // namespace drover
