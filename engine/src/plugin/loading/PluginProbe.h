#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace drover {

/// Tries a plugin file in a child process: `drover plugin check FILE`. A crash, an exit or a hang there does not concern
/// the engine (docs/pitfalls.md#d5).
/// Threads: any.
class PluginProbe {
public:
    /// `options`: those of this process's configuration (--config, --set, --env-file), so that the plugin is made with the
    /// values that it will have.
    PluginProbe(std::vector<std::string> options, std::chrono::milliseconds timeout);

    /// Throws PluginException with the child's reason, or with how the child ended.
    void check(const std::string& path) const;

private:
    std::vector<std::string> options_;
    std::chrono::milliseconds timeout_;
};

}  // namespace drover
