#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "drover/PluginAbi.h"
#include "drover/Service.h"

namespace drover {

/// A checked plugin file in this process. A value; its pointers are valid as long as the process lives.
struct LoadedPlugin {
    std::string path;
    std::string sha256;     ///< The sum of the loaded bytes, in hex.
    std::size_t bytes = 0;  ///< How many.
    int copy = -1;          ///< Descriptor of the private copy in memory that they came from.
    std::string name;       ///< Also the file's stem and the prefix of its configuration keys.
    std::string version;
    std::string description;
    std::vector<const drover_config_key*> configKeys;
    std::vector<std::string> warnings;  ///< Surprises for its author, a sentence each.
    /// The kind: a handler plugin behind the C ABI, or a service of this very build.
    std::variant<const drover_plugin_descriptor*, const ServiceDescriptor*> descriptor;

    [[nodiscard]] bool isService() const { return descriptor.index() == 1; }
};

/// Opens plugin files, decides their kind and checks their descriptors.
///
/// Runs no more of a plugin than its static constructors and the functions that hand out its descriptor; PluginGeneration
/// goes on with a handler plugin, the owner of the ServiceContext with a service. A plugin that crashes there ends
/// the process: a probe of an unknown file therefore belongs into a child process, which needs nothing but load().
class PluginLoader {
public:
    /// `allowed`: SHA-256 sums in hex; empty: every file.
    explicit PluginLoader(std::vector<std::string> allowed = {}) : allowed_(std::move(allowed)) {}

    /// Throws PluginException, naming the file and both sides of the disagreement. `tried`: the SHA-256 of the bytes
    /// that were tried; a file with any other sum is refused. Empty: none were.
    [[nodiscard]] LoadedPlugin load(const std::string& path, const std::string& tried = "") const;
    /// The same for the private copy that another process of this engine has checked and loaded from `path`.
    [[nodiscard]] LoadedPlugin loadCopy(const std::string& path,
                                        const std::string& sha256,
                                        int copy) const;

private:
    std::vector<std::string> allowed_;
};

}  // namespace drover
