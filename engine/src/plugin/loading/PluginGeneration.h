#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "config/ProcessIsolation.h"
#include "core/HandlerType.h"
#include "plugin/abi/ConfigKeys.h"
#include "plugin/loading/PluginLoader.h"

namespace drover {

/// One loaded handler plugin, set up with its configuration. Its handler types and their instances own it; when the
/// last of them is gone its shutdown() runs. The code is never unloaded (docs/pitfalls.md#d2).
/// Threads: every method may be called from any thread.
class PluginGeneration : public std::enable_shared_from_this<PluginGeneration> {
public:
    /// Reads the configuration and calls the plugin's init, once.
    /// Throws ConfigException for a value that does not fit, PluginException if init refuses or `plugin` is a service.
    /// With `isolation` nothing of the plugin runs here: its init does in each handler process.
    [[nodiscard]] static std::shared_ptr<PluginGeneration> start(
        LoadedPlugin plugin,
        const ConfigLookup& lookup,
        std::optional<ProcessIsolation> isolation = std::nullopt);

    PluginGeneration(const PluginGeneration&) = delete;
    PluginGeneration& operator=(const PluginGeneration&) = delete;
    ~PluginGeneration();

    [[nodiscard]] const LoadedPlugin& plugin() const noexcept { return plugin_; }
    [[nodiscard]] const drover_plugin_descriptor& descriptor() const noexcept;
    [[nodiscard]] const std::optional<ProcessIsolation>& isolation() const noexcept {
        return isolation_;
    }

    /// Returns one type for each handler, in the order of the descriptor.
    [[nodiscard]] std::vector<std::shared_ptr<HandlerType>> handlerTypes();

    /// Reads the reloadable keys again; other keys retain their values. Each instance gets them before its next run after
    /// the returned change was made, which this must outlive. Throws ConfigException.
    [[nodiscard]] std::function<void()> prepare(const ConfigLookup& lookup);
    /// The same at once.
    void reconfigure(const ConfigLookup& lookup) { prepare(lookup)(); }
    [[nodiscard]] std::shared_ptr<const ConfigValues> config() const;

    /// Returns how many jobs its handlers were given.
    [[nodiscard]] std::uint64_t jobsRun() const noexcept { return jobsRun_; }
    void countJobs(std::size_t count) noexcept { jobsRun_ += count; }

private:
    explicit PluginGeneration(LoadedPlugin plugin) : plugin_(std::move(plugin)) {}
    void init();

    LoadedPlugin plugin_;
    std::optional<ProcessIsolation> isolation_;
    bool initialised_ = false;
    std::atomic<std::uint64_t> jobsRun_{0};
    mutable std::mutex mutex_;
    std::vector<std::optional<std::string>> values_;
    std::shared_ptr<const ConfigValues> config_;
};

}  // namespace drover
