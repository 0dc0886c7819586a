#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/ConfigSchema.h"
#include "drover/PluginAbi.h"
#include "drover/Service.h"

namespace drover {

/// The configuration keys and suggestions of a plugin, copied out of its descriptor.
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

    /// Returns the whole key: "<plugin>.<name>", or `name` if it is shared.
    [[nodiscard]] static std::string fullKey(const std::string& plugin,
                                             const drover_config_key& key);
    /// Returns the spec of a declared key of the ABI.
    [[nodiscard]] static KeySpec specOf(const std::string& plugin, const drover_config_key& key);

    /// Returns the declaration of a handler plugin, without suggestions.
    [[nodiscard]] static PluginDeclaration of(const drover_plugin_descriptor& descriptor);
    /// Returns the declaration of a service plugin.
    [[nodiscard]] static PluginDeclaration of(const ServiceDescriptor& descriptor);
};

/// The source of declarations: the plugin loader.
class PluginCatalog {
public:
    virtual ~PluginCatalog() = default;
    /// Throws PluginException if the plugin is missing or refused.
    [[nodiscard]] virtual PluginDeclaration declaration(const std::string& name) = 0;
};

}  // namespace drover
