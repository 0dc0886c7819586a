#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "app/Component.h"
#include "app/HealthChecks.h"
#include "app/PluginConfig.h"
#include "app/Settings.h"
#include "drover/Queue.h"
#include "drover/Routes.h"
#include "drover/Service.h"
#include "plugin/PluginLoader.h"
#include "redis/RedisOptions.h"

namespace drover {

/// The service plugins of a process, and what they share: route table, producer queues, health checks.
/// All are constructed, then started in the order of plugins.load, and stopped in the reverse one.
class Services : public Component {
public:
    /// `others` adds what other components say to the readiness that services see; called from any thread.
    /// Throws what the services' constructors throw.
    Services(const Configuration& config,
             const Settings& settings,
             const std::vector<LoadedPlugin>& plugins,
             std::function<HealthReports()> others);
    ~Services() override;

    [[nodiscard]] const std::string& name() const override { return name_; }
    void start() override;
    void drain(Clock::time_point deadline) override;
    [[nodiscard]] bool stillBusy() const override;
    void stopNow() override { stopNow_ = true; }
    [[nodiscard]] HealthReports health() const override { return checks_.run(); }

private:
    class Context;

    struct Loaded {
        std::unique_ptr<Context> context;
        std::unique_ptr<Service> service;  ///< Goes before its context.
    };

    [[nodiscard]] Queue& queue(const std::string& alias);

    const std::string name_ = "services";
    const Configuration config_;
    const RedisOptions redis_;
    const std::string prefix_;
    std::function<HealthReports()> others_;
    Routes routes_;
    HealthChecks checks_;
    std::mutex mutex_;
    std::map<std::string, std::unique_ptr<Queue>> queues_;  ///< By alias.
    std::vector<Loaded> services_;
    std::size_t started_ = 0;
    std::atomic<bool> stopNow_{false};
};

}  // namespace drover
