#include "host/Assemble.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <Poco/Environment.h>

#include "core/Uuid.h"
#include "host/Consumers.h"
#include "host/HandlerPlugins.h"
#include "host/Presence.h"
#include "host/RedisProbe.h"
#include "host/Services.h"
#include "host/TraceExport.h"
#include "process/ConfigWatch.h"

namespace drover {

Assembly assemble(const Configuration& config, const Settings& settings, PluginOpener& plugins) {
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
    const std::shared_ptr<Tracer> tracer = tracerOf(settings.trace);
    Redis::Settings server = settings.redis;
    server.tracer = tracer;
    const Redis redis(server);
    assembly.probes = {redisProbe(redis)};
    assembly.construct = [&config, &settings, &plugins, redis, tracer, consumes, services](
                             Process& process) {
        std::vector<std::unique_ptr<Component>> components;
        if (tracer) {
            // First to start and last to end: the spans of all others are sent.
            components.push_back(std::make_unique<TraceExport>(settings.trace, tracer));
        }
        if (settings.publishProcess) {
            std::vector<std::string> load = settings.plugins.names;
            if (settings.plugins.all) {
                load.emplace_back("*");
            }
            // Withdrawn when all others have ended.
            components.push_back(std::make_unique<Presence>(
                redis,
                settings.prefix,
                ProcessReport(
                    randomUuids(1).front(), Poco::Environment::nodeName(), std::move(load)),
                [&process] { return process.healthJson(); },
                [&process](Metrics& metrics) { process.measure(metrics); }));
        }
        Services::Neighbours neighbours{[] { return HealthReports(); },
                                        [](Metrics&) {},
                                        [] { return std::vector<QueueReader::Settings>(); }};
        if (consumes) {
            auto workers = std::make_unique<Consumers>(redis);
            auto handlers = std::make_unique<HandlerPlugins>(
                config,
                settings.plugins,
                plugins,
                *workers,
                settings.watchConfig && std::filesystem::is_directory(settings.plugins.folder),
                [&process] { process.rescan(); });
            neighbours = {[&workers = *workers] { return workers.health(); },
                          [&workers = *workers, &handlers = *handlers](Metrics& metrics) {
                              workers.measure(metrics);
                              handlers.measure(metrics);
                          },
                          [&workers = *workers] { return workers.queues(); }};
            process.commands().add("plugins", [&handlers = *handlers](const JsonView&) {
                return handlers.listJson();
            });
            components.push_back(std::move(workers));
            components.push_back(std::move(handlers));
        }
        if (settings.watchConfig) {
            components.push_back(std::make_unique<ConfigWatch>(
                config,
                [&process] { process.rescan(); },
                [&process](const FileTexts& texts) { return process.reload(texts); }));
        }
        // Last to start and first to end: requests find everything running.
        if (!services.empty()) {
            components.push_back(std::make_unique<Services>(config, redis, services, neighbours));
        }
        return components;
    };
    return assembly;
}

}  // namespace drover
