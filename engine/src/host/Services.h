#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "config/PluginConfig.h"
#include "config/Settings.h"
#include "drover/Metrics.h"
#include "drover/Queue.h"
#include "drover/QueueReader.h"
#include "drover/Redis.h"
#include "drover/Routes.h"
#include "drover/Service.h"
#include "plugin/loading/PluginLoader.h"
#include "process/Component.h"
#include "process/HealthChecks.h"

namespace drover {

/// The service plugins of a process, and the route table, producer queues and health checks that they share.
/// All are constructed, then started in the order of plugins.load, and stopped in the reverse one. Each prepares for every
/// configuration that follows; the routes of all change at once.
class Services : public Component {
public:
    /// The components beside the services, as the services see them. Each function is called from any thread.
    struct Neighbours {
        std::function<HealthReports()> health;
        std::function<void(Metrics&)> measure;
        std::function<std::vector<QueueReader::Settings>()> queues;
    };
    /// Throws what the services' constructors throw.
    Services(const Configuration& config,
             Redis redis,
             const std::vector<LoadedPlugin>& plugins,
             Neighbours neighbours);
    ~Services() override;

    [[nodiscard]] const std::string& name() const override { return name_; }
    void start() override;
    [[nodiscard]] Change prepare(const Configuration& config) override;
    void drain(Clock::time_point deadline) override;
    [[nodiscard]] bool stillBusy() const override;
    void stopNow() override { stopNow_ = true; }
    [[nodiscard]] HealthReports health() const override { return checks_.run(); }
    /// Adds what producers have added.
    void measure(Metrics& metrics) const override;

private:
    class Context;

    struct Producer;
    using Queues = std::map<std::string, std::shared_ptr<Producer>>;  ///< By alias.
    struct Next;

    struct Loaded {
        const ServiceDescriptor* descriptor;
        std::unique_ptr<Context> context;
        std::unique_ptr<Service> service;  ///< Goes before its context.
    };

    /// Returns the producer of an alias out of `queues`, and makes it first if it is not there.
    [[nodiscard]] Producer& producer(const std::string& alias,
                                     const Configuration& config,
                                     Queues& queues);
    /// Holds a producer until the end, since services have references, and checks its health.
    void hold(const std::shared_ptr<Producer>& producer);
    void switchTo(Next& next);
    [[nodiscard]] Metrics collect() const;
    [[nodiscard]] std::shared_ptr<const Configuration> inForce() const;

    const std::string name_ = "services";
    const Configuration config_;
    const Redis redis_;
    const Neighbours neighbours_;
    Routes routes_;
    HealthChecks checks_;
    mutable std::mutex mutex_;
    std::vector<std::function<void(Metrics&)>> measures_;  ///< Guarded by mutex_.
    std::shared_ptr<const Configuration> inForce_;         ///< Guarded by mutex_.
    Queues queues_;                                        ///< Guarded by mutex_, as is
    std::vector<std::shared_ptr<Producer>> held_;          ///< each that was in use at some time.
    std::vector<Loaded> services_;
    std::size_t started_ = 0;
    std::atomic<bool> stopNow_{false};
};

}  // namespace drover
