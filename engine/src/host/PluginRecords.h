#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "plugin/loading/HandlerRegistry.h"
#include "plugin/loading/PluginGeneration.h"

namespace drover {

/// The generations of one handler plugin of this process, and the reason why its last file was refused.
struct PluginRecord {
    struct LoadedFile {
        int copy;
        std::size_t bytes;
    };
    struct Draining {
        int generation;
        std::shared_ptr<PluginGeneration> plugin;
    };

    bool service = false;                       ///< Not a handler plugin: it has no generations.
    int generation = 0;                         ///< Number of the newest.
    std::shared_ptr<PluginGeneration> running;  ///< nullptr: none.
    HandlerRegistry::Types types;               ///< The handlers of `running`.
    std::vector<Draining> draining;             ///< Older ones that still have jobs.
    std::string refused;                        ///< Empty: the last file was not refused.
    std::vector<LoadedFile> loaded;             ///< Every file of that name: none is ever unloaded.
};

/// The plugins of a process by name.
/// Threads: read() any; everything else that of the engine.
class PluginRecords {
public:
    using Map = std::map<std::string, PluginRecord>;

    [[nodiscard]] const Map& all() const { return records_; }
    /// Returns the record of a plugin; an empty one if there is none yet.
    [[nodiscard]] const PluginRecord& of(const std::string& name);
    /// Returns true while an older generation has jobs.
    [[nodiscard]] bool anyDraining() const;

    void addService(const std::string& name);
    /// Counts a file that has been loaded.
    void addLoaded(const std::string& name, const LoadedPlugin& plugin);
    /// Puts `next` in the place of the running generation, which drains. nullptr: none runs from now on.
    void switchTo(const std::string& name,
                  std::shared_ptr<PluginGeneration> next,
                  HandlerRegistry::Types types);
    /// Notes why the last file was refused; empty: it was not.
    void setRefused(const std::string& name, const std::string& reason);
    /// Drops generations that have ended, a line of the log each.
    void dropEnded();

    /// Returns the handlers of all, with `instead` in place of those of the plugin `name`.
    [[nodiscard]] HandlerRegistry::Types typesWith(const std::string& name,
                                                   const HandlerRegistry::Types& instead) const;
    /// Returns `use` of all records, none of which changes meanwhile.
    template <typename Use>
    [[nodiscard]] auto read(Use use) const {
        const std::lock_guard lock(mutex_);
        return use(records_);
    }

private:
    mutable std::mutex mutex_;  ///< For changes, and for read().
    Map records_;
};

/// Returns "version 1.0, generation 2", which begins the log lines of a generation; their field `plugin` has the name.
[[nodiscard]] std::string titleOf(const LoadedPlugin& plugin, int generation);

}  // namespace drover
