#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/Configuration.h"
#include "config/ProcessIsolation.h"
#include "config/TraceSettings.h"
#include "core/QueueSettings.h"
#include "drover/Redis.h"

namespace drover {

/// Keys: log.*.
struct LogSettings {
    std::string level;
    std::string format;  ///< "auto", "json" or "text".
};

/// Keys: plugins.*.
struct PluginSettings {
    std::string folder;
    std::vector<std::string> names;  ///< In the order of loading.
    bool all = false;                ///< Also every other handler plugin of the folder.
    bool watch = true;
    bool trustEverybody = false;     ///< Files that any user may write are loaded as well.
    std::vector<std::string> allow;  ///< SHA-256 in hex; empty: every file.
    std::chrono::milliseconds probeTimeout{0};
};

/// The values that the engine itself needs, read once and checked.
struct Settings {
    std::string environment;
    Redis::Settings redis;
    PluginSettings plugins;
    LogSettings log;
    TraceSettings trace;
    bool watchConfig = true;
    std::string prefix;  ///< The first part of every key in Redis.
    bool publishProcess = true;
    std::chrono::milliseconds startupTimeout{0};
    std::chrono::milliseconds shutdownGrace{0};
    std::string controlSocket;  ///< Empty: none.

    /// Reads all. Throws ConfigException with every problem of the configuration, one per line.
    [[nodiscard]] static Settings read(const Configuration& config);
    /// Returns the problems that read() would throw, one each.
    [[nodiscard]] static std::vector<std::string> check(const Configuration& config);

    [[nodiscard]] static Redis::Settings redisServer(const Configuration& config);
    /// Returns the settings of a queue. One that has no alias is worked under its own name with the defaults.
    [[nodiscard]] static QueueSettings queue(const Configuration& config, const std::string& alias);
    /// Returns the settings of a queue by its name in Redis: those of its alias, as one of several shards its part of them, or
    /// else the defaults.
    [[nodiscard]] static QueueSettings queueNamed(const Configuration& config,
                                                  const std::string& name);
    /// Returns the queues that have shards.
    [[nodiscard]] static ShardedQueues sharded(const Configuration& config);
    [[nodiscard]] static LogSettings logging(const Configuration& config);
    [[nodiscard]] static PluginSettings plugin(const Configuration& config);
    /// Returns std::nullopt if the plugin's handlers run in threads of the engine.
    [[nodiscard]] static std::optional<ProcessIsolation> isolation(const Configuration& config,
                                                                   const std::string& plugin);
};

/// Returns the folders of sockets without a configured path, the first choice first: $XDG_RUNTIME_DIR, /run/drover, /tmp,
/// /dev/shm, /var/tmp. A process uses the first one that it can write to: in a container with a read-only root that is often
/// /dev/shm alone. Clients look for the process in the same order.
[[nodiscard]] std::vector<std::string> runtimeFolders(
    const std::map<std::string, std::string>& environment);
/// Returns why the socket of `settings` is not in the folder of first choice, or not there at all. Empty: it is there, or its
/// path is configured.
[[nodiscard]] std::string controlSocketNote(const Settings& settings,
                                            const Configuration& config,
                                            const std::map<std::string, std::string>& environment);

}  // namespace drover
