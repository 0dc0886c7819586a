#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "config/Settings.h"
#include "core/Clock.h"
#include "drover/QueueReader.h"
#include "drover/Redis.h"
#include "plugin/loading/HandlerRegistry.h"
#include "process/Component.h"
#include "worker/Worker.h"
#include "worker/upkeep/CancelListener.h"
#include "worker/upkeep/LockKeeper.h"
#include "worker/upkeep/StalledSweeper.h"

namespace drover {

/// The consuming side of a process: a worker for each queue in Redis, or shard, that a handler serves or has served, and the
/// two threads that they share. Locks are renewed until the last worker has ended, also while draining.
class Consumers : public Component {
public:
    explicit Consumers(Redis redis);

    /// Makes ready for the handlers of `registry`, with the settings of `config`: all of them, or none if one refuses.
    /// Called by HandlerPlugins, which has the handlers; prepare() alone changes nothing. Before start() no instances
    /// are made yet. Throws PluginException.
    [[nodiscard]] Change prepareHandlers(const HandlerRegistry& registry,
                                         const Configuration& config);
    /// Returns the handlers in force.
    [[nodiscard]] const HandlerRegistry& registry() const { return registry_; }

    [[nodiscard]] const std::string& name() const override { return name_; }
    void start() override;
    void quiet() override;
    void resume() override;
    void drain(Component::Clock::time_point deadline) override;
    [[nodiscard]] bool stillBusy() const override;
    void stopNow() override { stopNow_ = true; }
    [[nodiscard]] HealthReports health() const override;
    void measure(Metrics& metrics) const override;
    /// Returns the queues in Redis that are served or have been. Any thread.
    [[nodiscard]] std::vector<QueueReader::Settings> queues() const;

private:
    struct Next;

    void switchTo(Next& next);
    void startOne(Worker& worker);
    [[nodiscard]] CancelListener& cancelListener(const QueueContext& queue);
    /// Returns a client for the upkeep of the queue in a cluster; nullptr: all queues share one.
    [[nodiscard]] std::shared_ptr<RedisClient> ownClient(const QueueContext& queue,
                                                         const std::string& label) const;
    /// Returns nullptr if no worker works the queue of that name in Redis.
    [[nodiscard]] Worker* workerOf(const std::string& queue) const;
    [[nodiscard]] bool allFinished() const;

    const std::string name_ = "workers";
    const Redis redis_;
    const SystemClock clock_;
    mutable std::mutex mutex_;  ///< For the list; a worker stays where it is until the end.
    std::vector<std::unique_ptr<Worker>> workers_;
    LockKeeper keeper_;
    std::vector<std::unique_ptr<CancelListener>> cancels_;  ///< One, or in a cluster one per queue.
    StalledSweeper sweeper_;
    HandlerRegistry registry_;
    /// The queue of each shard that is worked, by the shard's name; guarded by mutex_.
    std::map<std::string, std::string> wholes_;
    bool started_ = false;
    bool quiet_ = false;
    std::atomic<bool> stopNow_{false};
};

}  // namespace drover
