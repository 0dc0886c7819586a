#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/Assert.h"
#include "support/FakeHandler.h"
#include "support/LogCapture.h"
#include "support/RedisFixture.h"
#include "support/WholeQueue.h"
#include "worker/Worker.h"
#include "worker/upkeep/LockKeeper.h"
#include "worker/upkeep/StalledSweeper.h"

namespace drover::test {

/// Completes every job of a batch with a fixed result.
inline void completeAll(std::span<RunningJob* const> jobs) {
    for (RunningJob* job : jobs) {
        job->setOutcome({JobOutcome::Kind::Completed, "{\"ok\":true}", "", 0});
    }
}

/// A worker on the test's queue, with its lock keeper and its sweeper if the test starts them.
class WorkerFixture : public RedisFixture {
public:
    void setUp() override {
        log_ = std::make_unique<LogCapture>("worker");
        RedisFixture::setUp();
    }
    void tearDown() override {
        // Watchers go before the worker that they watch.
        keeper_.reset();
        sweeper_.reset();
        worker_.reset();
        log_.reset();
        settings_ = QueueSettings();
        targets_.clear();
        RedisFixture::tearDown();
    }

protected:
    /// Makes the worker and starts it; `through` is where it finds Redis, the fixture's server by default.
    void run(std::shared_ptr<HandlerType> handler) { run(std::move(handler), options()); }
    void run(std::shared_ptr<HandlerType> handler, const RedisOptions& through) {
        worker_ = makeWorker(std::move(handler), through);
        worker_->start();
    }
    std::unique_ptr<Worker> makeWorker(std::shared_ptr<HandlerType> handler,
                                       const RedisOptions& through) {
        settings_.prefix = "bull";
        settings_.name = keys().qualifiedName().substr(5);
        return std::make_unique<Worker>(
            settings_,
            through,
            clock_,
            std::vector<std::shared_ptr<HandlerType>>{std::move(handler)},
            targets_);
    }
    /// Starts a worker on the queue of that name.
    std::unique_ptr<Worker> startWorker(QueueSettings settings,
                                        const std::string& queue,
                                        std::shared_ptr<HandlerType> handler) {
        settings.prefix = "bull";
        settings.name = queue;
        auto worker =
            std::make_unique<Worker>(settings,
                                     options(),
                                     clock_,
                                     std::vector<std::shared_ptr<HandlerType>>{std::move(handler)});
        worker->start();
        return worker;
    }
    void keepLocks(const RedisOptions& through) {
        keeper_ =
            std::make_unique<LockKeeper>(std::make_unique<RedisClient>(through, "locks"), clock_);
        keeper_->watch(
            worker_->queue(), worker_->held(), settings_.lockDuration, settings_.lockRenewal());
        keeper_->start();
    }
    /// Returns a producer on the test's queue that finds Redis at `through`.
    [[nodiscard]] std::unique_ptr<WholeQueue> makeQueue(const RedisOptions& through) const {
        Queue::Settings settings;
        settings.name = keys().qualifiedName().substr(5);
        settings.addTimeout = std::chrono::seconds(10);
        return std::make_unique<WholeQueue>(through, settings);
    }
    void sweep(std::chrono::milliseconds interval, int maxStalledCount) {
        sweeper_ = std::make_unique<StalledSweeper>(
            std::make_unique<RedisClient>(options(), "stalled"), clock_);
        sweeper_->watch(context(), interval, maxStalledCount);
        sweeper_->start();
    }
    /// Waits until a worker's BZPOPMIN is armed on the server.
    void untilBlocked() {
        eventually("blocked", [this] {
            return !contains(text({"INFO", "clients"}), "blocked_clients:0");
        });
    }

    std::unique_ptr<LogCapture> log_;  ///< The lines of the logger "worker".
    TargetQueues::Known targets_;      ///< For makeWorker().
    QueueSettings settings_;
    std::unique_ptr<Worker> worker_;
    std::unique_ptr<LockKeeper> keeper_;
    std::unique_ptr<StalledSweeper> sweeper_;
};

}  // namespace drover::test
