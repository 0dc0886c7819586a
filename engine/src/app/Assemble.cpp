#include "app/Assemble.h"

#include <functional>
#include <memory>
#include <variant>
#include <vector>

#include "app/Services.h"
#include "app/Workers.h"
#include "plugin/DefaultOptions.h"
#include "redis/Connection.h"

namespace drover {

namespace {

ServerProbe redisProbe(const RedisSettings& redis) {
    const std::string name = "redis " + redis.host + ":" + std::to_string(redis.port);
    // Introducing itself says whether it is loading, a replica, or refuses the password.
    return {name, [options = redisOptions(redis)] {
                const Connection connection(options, "drover:startup");
            }};
}

}  // namespace

PluginDeclaration PluginHost::declaration(const std::string& name) {
    auto known = opened_.find(name);
    if (known == opened_.end()) {
        known = opened_.emplace(name, loader_.load(folder_ + "/" + name + ".so")).first;
    }
    const LoadedPlugin& plugin = known->second;
    if (const auto* service = std::get_if<const ServiceDescriptor*>(&plugin.descriptor)) {
        return PluginDeclaration::of(**service);
    }
    const drover_plugin_descriptor& descriptor =
        *std::get<const drover_plugin_descriptor*>(plugin.descriptor);
    PluginDeclaration declaration = PluginDeclaration::of(descriptor);
    for (std::uint32_t i = 0; i < descriptor.handler_count; ++i) {
        const drover_handler& handler = *descriptor.handlers[i];
        if (handler.default_queue != nullptr) {
            declaration.suggestions.push_back(
                {handler.name,
                 handler.default_queue,
                 parseDefaultOptions(
                     handler.default_options == nullptr ? "{}" : handler.default_options)});
        }
    }
    return declaration;
}

Assembly assemble(const Configuration& config, const Settings& settings, PluginHost& plugins) {
    std::vector<LoadedPlugin> handlers;
    std::vector<LoadedPlugin> services;
    for (const std::string& name : settings.plugins.names) {
        const LoadedPlugin& plugin = plugins.plugin(name);
        (plugin.isService() ? services : handlers).push_back(plugin);
    }
    Assembly assembly;
    assembly.probes = {redisProbe(settings.redis)};
    assembly.construct = [&config, &settings, handlers, services] {
        std::vector<std::unique_ptr<Component>> components;
        std::function<HealthReports()> workersHealth = [] { return HealthReports(); };
        if (!handlers.empty()) {
            auto workers = std::make_unique<Workers>(config, settings, handlers);
            workersHealth = [&workers = *workers] { return workers.health(); };
            components.push_back(std::move(workers));
        }
        // Last to start and first to end: requests find everything running.
        if (!services.empty()) {
            components.push_back(
                std::make_unique<Services>(config, settings, services, workersHealth));
        }
        return components;
    };
    return assembly;
}

}  // namespace drover
