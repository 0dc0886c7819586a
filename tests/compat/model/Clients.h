#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <rapidjson/document.h>
#include <string>
#include <vector>

#include "compat/CompatFixture.h"
#include "core/ClaimedJob.h"
#include "core/Clock.h"
#include "drover/FlowProducer.h"
#include "drover/JobControl.h"
#include "drover/JobSchedulers.h"
#include "drover/QueueMaintenance.h"
#include "queue/QueueContext.h"
#include "queue/ops/Advance.h"
#include "redis/RedisClient.h"
#include "support/NodePeer.h"
#include "support/WholeQueue.h"
#include "worker/SchedulerIterator.h"

namespace drover::test {

/// The machine's clock of Drover's clients, which the test moves, also back.
class ModelClock final : public Clock {
public:
    void set(std::int64_t nowMs) { nowMs_ = nowMs; }
    [[nodiscard]] std::int64_t wallMs() const override { return nowMs_; }
    [[nodiscard]] Monotonic monotonic() const override { return std::chrono::steady_clock::now(); }

private:
    std::atomic<std::int64_t> nowMs_{0};
};

/// BullMQ's and Drover's clients of the same queues. Keys are "<prefix>:<queue>:<id>", queues "<prefix>:<queue>".
class ModelClients {
public:
    /// Drover's classes for one queue.
    struct Ours {
        std::unique_ptr<QueueContext> context;
        std::unique_ptr<WholeQueue> queue;
        std::unique_ptr<JobControl> control;
        std::unique_ptr<QueueMaintenance> maintenance;
        std::unique_ptr<JobSchedulers> schedulers;
        std::unique_ptr<SchedulerIterator> iterator;
    };

    /// Opens the queues on both sides. `peer`, and `redis`, which is of the server of `options`, must outlive this object.
    /// Until its end the server refuses the command TIME: the clients have the time of setTime().
    ModelClients(NodePeer& peer,
                 RedisClient& redis,
                 RedisOptions options,
                 const std::vector<std::string>& queues);
    ~ModelClients();

    /// Sets the clock of both sides.
    void setTime(std::int64_t nowMs) { clock_->set(nowMs); }

    // ---- BullMQ.

    rapidjson::Document node(const std::string& operation,
                             const std::string& queue,
                             const std::string& arguments);
    /// Calls a method of the queue; `args`: JSON values with commas between.
    rapidjson::Document nodeQueue(const std::string& queue,
                                  const std::string& method,
                                  const std::string& args = "");
    rapidjson::Document nodeJob(const std::string& key,
                                const std::string& method,
                                const std::string& args = "");
    /// Calls a method of the job as its worker has it.
    rapidjson::Document nodeWorkerJob(const std::string& key,
                                      const std::string& method,
                                      const std::string& args);
    /// Adds a flow and returns the id of its root.
    std::string nodeFlow(const std::string& flow);

    // ---- Drover.

    /// `key`: of a job or a queue.
    Ours& ours(const std::string& key);
    FlowProducer& flows() { return *flows_; }
    RedisClient& redis() { return redis_; }
    [[nodiscard]] std::int64_t now() const { return clock_->wallMs(); }

    /// Claims jobs, makes the next jobs of their schedulers as a worker does, and returns the ids.
    std::string claim(const std::string& queue, int count, const std::string& token);
    /// Ends a job, perhaps with a claim, and returns the code and the ids.
    std::string finish(const std::string& queue,
                       const FinishItem& item,
                       int claim,
                       const std::string& nextToken);
    /// Returns the last claim of the job by Drover, or nullptr.
    [[nodiscard]] const ClaimedJob* claimed(const std::string& key) const;

    // ---- Both.

    /// Sends one command as a third client.
    Reply command(const std::vector<std::string>& args);
    /// Deletes everything but what the clients themselves have written to the queues.
    void restart();

private:
    std::string remember(const std::string& queue, const std::vector<ClaimedJob>& jobs);

    NodePeer& peer_;
    RedisClient& redis_;
    const std::shared_ptr<ModelClock> clock_ = std::make_shared<ModelClock>();
    std::map<std::string, Ours> ours_;
    std::unique_ptr<FlowProducer> flows_;
    std::map<std::string, ClaimedJob> claimed_;
};

/// Returns what `act` does, or the code of a script in place of an exception that has one.
std::string coded(const std::function<std::string()>& act);
/// Returns the name of a queue without its prefix.
std::string plainName(const std::string& queue);

}  // namespace drover::test
