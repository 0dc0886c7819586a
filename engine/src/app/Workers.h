#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "app/Component.h"
#include "app/Settings.h"
#include "core/Clock.h"
#include "plugin/PluginGeneration.h"
#include "redis/RedisOptions.h"
#include "worker/LockKeeper.h"
#include "worker/StalledSweeper.h"
#include "worker/Worker.h"

namespace drover {

/// The consuming side of a process: a worker for each queue that a loaded handler serves, and the two threads that they
/// share. Locks are renewed until the last worker has ended, also while draining.
class Workers : public Component {
public:
    /// Sets up each plugin with its configuration. Throws PluginException and ConfigException.
    Workers(const Configuration& config,
            const Settings& settings,
            const std::vector<LoadedPlugin>& plugins);

    [[nodiscard]] const std::string& name() const override { return name_; }
    void start() override;
    void quiet() override;
    void resume() override;
    void reload(const Configuration& config) override;
    void drain(Component::Clock::time_point deadline) override;
    [[nodiscard]] bool stillBusy() const override;
    void stopNow() override { stopNow_ = true; }
    [[nodiscard]] HealthReports health() const override;

private:
    [[nodiscard]] bool allFinished() const;

    const std::string name_ = "workers";
    const SystemClock clock_;
    std::vector<std::shared_ptr<PluginGeneration>> plugins_;
    std::vector<std::unique_ptr<Worker>> workers_;
    LockKeeper keeper_;
    StalledSweeper sweeper_;
    std::atomic<bool> stopNow_{false};
};

/// The engine's view of the redis.* keys.
[[nodiscard]] RedisOptions redisOptions(const RedisSettings& settings);

}  // namespace drover
