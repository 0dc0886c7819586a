#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/ConfigSchema.h"
#include "drover/PluginAbi.h"
#include "drover/Service.h"

namespace drover {

/// What a plugin tells about its configuration, in the form that Configuration wants; copied out of the plugin.
struct PluginDeclaration {
    /// The queue settings that a handler suggests for its queue.
    struct Suggestion {
        std::string handler;
        std::string queue;  ///< Alias, or else the queue's own name.
        std::map<std::string, std::string>
            options;  ///< Worker setting ("maxStalledCount") to value.
    };

    std::string name;
    std::vector<KeySpec> keys;        ///< Patterns are whole keys ("echo.delayMs").
    std::vector<std::string> tables;  ///< Whole prefixes ("api.route").
    std::vector<Suggestion> suggestions;

    /// The key as a whole: "<plugin>.<name>", or `name` if it is a shared one.
    [[nodiscard]] static std::string fullKey(const std::string& plugin,
                                             const drover_config_key& key);
    /// A declared key of the ABI.
    [[nodiscard]] static KeySpec specOf(const std::string& plugin, const drover_config_key& key);

    /// Of a handler plugin, without suggestions.
    [[nodiscard]] static PluginDeclaration of(const drover_plugin_descriptor& descriptor);
    /// Of a service plugin.
    [[nodiscard]] static PluginDeclaration of(const ServiceDescriptor& descriptor);
};

/// Where declarations come from: the plugin loader.
class PluginCatalog {
public:
    virtual ~PluginCatalog() = default;
    /// Throws PluginException if there is no such plugin or it is refused.
    [[nodiscard]] virtual PluginDeclaration declaration(const std::string& name) = 0;
};

}  // namespace drover
