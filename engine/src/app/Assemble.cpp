#include "app/Assemble.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "app/ConfigWatch.h"
#include "app/Plugins.h"
#include "app/Services.h"
#include "app/Workers.h"
#include "drover/Exceptions.h"
#include "redis/Connection.h"

namespace drover {

namespace {

ServerProbe redisProbe(const RedisSettings& redis) {
    const std::string name = "redis " + redis.host + ":" + std::to_string(redis.port);
    // Introducing itself says whether it is loading, a replica, or refuses the password.
    return {name, [options = redisOptions(redis)] {
                try {
                    const Connection connection(options, "drover:startup");
                } catch (const RedisAuthException& error) {
                    // Waiting makes no database.
                    if (error.code() == Connection::kNoSuchDatabase) {
                        throw ConfigException(error.message() + "; redis.db is " +
                                              std::to_string(options.database));
                    }
                    throw;
                }
            }};
}

}  // namespace

Assembly assemble(const Configuration& config, const Settings& settings, PluginHost& plugins) {
    bool consumes = settings.plugins.all;
    std::vector<LoadedPlugin> services;
    for (const std::string& name : settings.plugins.names) {
        const LoadedPlugin& plugin = plugins.plugin(name);
        if (plugin.isService()) {
            services.push_back(plugin);
        } else {
            consumes = true;
        }
    }
    Assembly assembly;
    assembly.probes = {redisProbe(settings.redis)};
    assembly.construct = [&config, &settings, &plugins, consumes, services](Engine& engine) {
        std::vector<std::unique_ptr<Component>> components;
        std::function<HealthReports()> workersHealth = [] { return HealthReports(); };
        if (consumes) {
            auto workers = std::make_unique<Workers>(settings);
            workersHealth = [&workers = *workers] { return workers.health(); };
            auto handlers = std::make_unique<Plugins>(
                config,
                settings.plugins,
                plugins,
                *workers,
                settings.watchConfig && std::filesystem::is_directory(settings.plugins.folder),
                [&engine] { engine.rescan(); },
                [&engine](Configuration fresh) { engine.adopt(std::move(fresh)); });
            engine.commands().add("plugins", [&handlers = *handlers](const JsonView&) {
                return handlers.listJson();
            });
            components.push_back(std::move(workers));
            components.push_back(std::move(handlers));
        }
        if (settings.watchConfig) {
            components.push_back(std::make_unique<ConfigWatch>(
                config,
                [&engine] { engine.rescan(); },
                [&engine](const FileTexts& texts) { return engine.reload(texts); }));
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
