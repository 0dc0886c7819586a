#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/HandlerType.h"
#include "drover/JobOptions.h"
#include "drover/Trace.h"
#include "queue/QueueContext.h"
#include "redis/ClientPool.h"
#include "worker/HandlerJobs.h"
#include "worker/JointAdds.h"
#include "worker/TargetQueues.h"

namespace drover {

/// Carries out the calls by which a handler changes or reads Redis while it runs.
///
/// Every call returns HostStatus::Unavailable if Redis is away or refuses it: no exception reaches a plugin. Threads:
/// every method may be called from any thread; each call takes a connection from the pool.
class JobCalls {
public:
    /// Returns the clients of the server that has the queue "<prefix>:<name>".
    using ClientsOf = std::function<ClientPool&(const std::string& queue)>;

    /// Queue and clients must outlive this object. `targets` counts for what handlers add to other queues.
    /// `tracer` gets the spans of what handlers add; nullptr: there are none. `slot`: the queue's in a cluster, whose other slots
    /// are reached by `clientsOf`; -1: Redis is not a cluster.
    JobCalls(const QueueContext& queue,
             ClientPool& clients,
             std::string workerName,
             TargetQueues::Known targets = {},
             std::shared_ptr<Tracer> tracer = nullptr,
             int slot = -1,
             ClientsOf clientsOf = {})
        : queue_(queue),
          clients_(clients),
          workerName_(std::move(workerName)),
          tracer_(std::move(tracer)),
          slot_(slot),
          clientsOf_(std::move(clientsOf)),
          targets_(queue, std::move(targets)) {}

    [[nodiscard]] const std::string& workerName() const { return workerName_; }

    /// As RunningJob::call(). `options` is the parsed job.opts, `cause` the span of the run.
    HostStatus call(const ClaimedJob& job,
                    const JobOptions& options,
                    const TraceContext& cause,
                    HostCall function,
                    std::string_view text,
                    std::string& answer) const;

private:
    HostStatus addChildren(const ClaimedJob& job,
                           const TraceContext& cause,
                           std::string_view json,
                           std::string& answer) const;
    HostStatus addJobs(const ClaimedJob& job,
                       const TraceContext& cause,
                       std::string_view json,
                       std::string& answer) const;
    HostStatus dependencies(const ClaimedJob& job,
                            std::string_view text,
                            std::string& answer) const;
    HostStatus failedChildren(const ClaimedJob& job, std::string& answer) const;
    HostStatus upsertScheduler(const ClaimedJob& job,
                               const TraceContext& cause,
                               std::string_view text,
                               std::string& answer) const;
    HostStatus removeScheduler(const ClaimedJob& job,
                               std::string_view text,
                               std::string& answer) const;
    /// Returns why a cluster cannot have the queue, or the job in it with that parent; empty: it can.
    [[nodiscard]] std::string slotProblem(const std::string& prefix,
                                          const std::string& queue,
                                          const std::string& parentKey = "") const;
    /// Returns what finds the shards of jobs; empty: no queue has any.
    [[nodiscard]] PlaceJob placeJob() const;
    /// Returns the clients of the server that has the queue.
    [[nodiscard]] ClientPool& clientsFor(const QueueContext& queue) const;
    HostStatus removeUnprocessedChildren(const ClaimedJob& job, std::string& answer) const;
    /// Calls `act(redis)` with a client of the worker's queue, or of `clients`. Returns HostStatus::Lost if that is negative.
    template <typename Act>
    HostStatus reach(const ClaimedJob& job, Act act) const {
        return reach(clients_, job, std::move(act));
    }
    template <typename Act>
    HostStatus reach(ClientPool& clients, const ClaimedJob& job, Act act) const;

    const QueueContext& queue_;
    ClientPool& clients_;
    const std::string workerName_;
    const std::shared_ptr<Tracer> tracer_;
    const int slot_;
    const ClientsOf clientsOf_;
    mutable TargetQueues targets_;
    mutable JointAdds adds_;
};

}  // namespace drover
