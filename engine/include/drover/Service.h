#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "drover/BuildStamp.h"
#include "drover/Export.h"
#include "drover/Metrics.h"
#include "drover/PluginAbi.h"
#include "drover/Queue.h"
#include "drover/QueueReader.h"
#include "drover/Redis.h"
#include "drover/Routes.h"
#include "drover/Shards.h"

namespace Poco {
class Logger;
}

namespace drover {

/// The values of the keys that a service declared, checked by the engine.
class DROVER_API ServiceConfig {
public:
    virtual ~ServiceConfig() = default;
    /// Throw Poco::NotFoundException for a key that was not declared or has neither value nor default.
    [[nodiscard]] virtual std::string text(const std::string& key) const = 0;
    [[nodiscard]] virtual std::int64_t integer(const std::string& key) const = 0;
    [[nodiscard]] virtual bool boolean(const std::string& key) const = 0;
    [[nodiscard]] virtual bool has(const std::string& key) const = 0;
    /// Every key and raw value below `prefix` (for tables such as api.route.<name>.*), the prefix cut off, sorted.
    [[nodiscard]] virtual std::vector<std::pair<std::string, std::string>> below(
        const std::string& prefix) const = 0;
    /// Returns the source of a key's value, also for keys of below(), for messages: "conf/producer.properties:12".
    /// Empty: no value was given.
    [[nodiscard]] virtual std::string origin(const std::string& key) const = 0;
};

/// One named answer to "is this process fit for work?".
struct HealthReport {
    bool ok = true;
    std::string detail;  ///< Shown; no secrets.
    /// Numbers for programs, name to value; members of "counts" in the JSON of health.
    std::vector<std::pair<std::string, std::int64_t>> counts = {};
    /// A thread does not come back, and only a restart helps: /livez answers 503 and no watchdog is fed. Not for an outage of a
    /// server.
    bool standsStill = false;
};

/// The engine for a service: one configuration, and all that belongs to it. The context of its constructor outlives it.
class DROVER_API ServiceContext {
public:
    virtual ~ServiceContext() = default;
    [[nodiscard]] virtual const ServiceConfig& config() const = 0;
    [[nodiscard]] virtual Routes& routes() = 0;
    /// Returns the queue with this alias (`queue.<alias>.*`), to add jobs to or to read; made on first use and shared.
    /// Throw ConfigException if the alias is not configured; the reader also if the queue has shards.
    [[nodiscard]] virtual Queue& queue(const std::string& alias) = 0;
    [[nodiscard]] virtual const QueueReader& queueReader(const std::string& alias) = 0;
    /// Returns the server of all queues, for those that the configuration does not name.
    [[nodiscard]] virtual const Redis& redis() const = 0;
    /// Returns the settings of the queue `name`: those of its alias, as a shard its part of them, or else the defaults. As for
    /// the next two, the context of the constructor has those in force by now.
    [[nodiscard]] virtual Queue::Settings queueSettings(const std::string& name) const = 0;
    /// Returns the queues of the configuration that have shards.
    [[nodiscard]] virtual ShardedQueues shardedQueues() const = 0;
    /// Returns the queues of the process in Redis, shards one by one: those of the configuration, then others that its workers
    /// serve. `name` is unique; the first alias of a name counts.
    [[nodiscard]] virtual std::vector<QueueReader::Settings> queues() const = 0;
    [[nodiscard]] virtual Poco::Logger& logger() = 0;
    /// Adds a check to the process's readiness; must answer within milliseconds, from any thread.
    virtual void addHealthCheck(const std::string& name, std::function<HealthReport()> check) = 0;
    /// The readiness of the process: every check with its name.
    [[nodiscard]] virtual std::vector<std::pair<std::string, HealthReport>> health() const = 0;
    /// Adds figures to each collection; `measure` must return within milliseconds, from any thread. An exception is logged.
    virtual void addMetrics(std::function<void(Metrics&)> measure) = 0;
    /// Returns the figures of the process as of now, those of services included. Makes no call to Redis.
    [[nodiscard]] virtual Metrics collectMetrics() const = 0;
};

/// A plugin of the second kind: it uses the engine's C++ API and is loaded only by the very build it was made with.
///
/// Life: constructed with its context (adds its routes there), start() once every service is constructed, stop() when
/// the process ends, in the reverse order. Loaded at the start of a process only.
class DROVER_API Service {
public:
    virtual ~Service() = default;
    virtual void start() {}
    /// Prepares a change of the configuration, by a file or by a plugin that comes or goes. `next`, valid during the call,
    /// has the future configuration and a copy of the route table: changes to it are served once every part has agreed;
    /// health checks are not added here. An exception refuses the configuration, and then nothing changes anywhere.
    /// Returns a function that makes the rest of the change, or an empty one; it must not throw, and is not called if
    /// another part refuses. Called between start() and stop(), while requests are served.
    [[nodiscard]] virtual std::function<void()> prepareReload(ServiceContext& next) {
        (void)next;
        return {};
    }
    /// Stops within `grace`: work in flight may end, then it is cut off.
    virtual void stop(std::chrono::milliseconds grace) { (void)grace; }
    /// Returns true, after stop(), if something cut off still runs. The process then ends without destroying the service.
    [[nodiscard]] virtual bool stillBusy() const { return false; }
};

/// The result of `drover_service()`.
struct ServiceDescriptor {
    const char* buildStamp;  ///< DROVER_BUILD_STAMP of the headers it was built with.
    const char* name;        ///< Also the prefix of its configuration keys.
    const char* version;
    const char* description;
    std::vector<drover_config_key> configKeys;
    /// Prefixes of open tables below the service's name, such as "route": keys there are not declared one by one, and
    /// reach prepareReload() when they change.
    std::vector<std::string> configTables;
    std::unique_ptr<Service> (*create)(ServiceContext&);
};

#define DROVER_SERVICE_SYMBOL "drover_service"
#define DROVER_BUILD_STAMP_SYMBOL "drover_build_stamp"

/// Exports a service plugin. The stamp is a symbol of its own, in C, so that it can be compared before any C++ type of
/// the plugin is read.
#define DROVER_SERVICE(descriptor)                                                 \
    extern "C" DROVER_EXPORT const char* drover_build_stamp();                     \
    extern "C" DROVER_EXPORT const char* drover_build_stamp() {                    \
        return DROVER_BUILD_STAMP;                                                 \
    }                                                                              \
    extern "C" DROVER_EXPORT const ::drover::ServiceDescriptor* drover_service();  \
    extern "C" DROVER_EXPORT const ::drover::ServiceDescriptor* drover_service() { \
        return &(descriptor);                                                      \
    }                                                                              \
    static_assert(true, "a semicolon follows")

}  // namespace drover
