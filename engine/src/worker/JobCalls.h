#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/HandlerType.h"
#include "drover/JobOptions.h"
#include "drover/Trace.h"
#include "queue/QueueContext.h"
#include "redis/ClientPool.h"
#include "worker/JointAdds.h"
#include "worker/TargetQueues.h"

namespace drover {

/// Carries out the calls by which a handler changes or reads Redis while it runs.
///
/// Every call returns HostStatus::Unavailable if Redis is away or refuses it: no exception reaches a plugin. Threads:
/// every method may be called from any thread; each call takes a connection from the pool.
class JobCalls {
public:
    /// Queue and clients must outlive this object. `modes` counts for what handlers add to other queues.
    /// `tracer` gets the spans of what handlers add; nullptr: there are none. `slot`: the queue's in a cluster, whose other slots
    /// the calls do not reach; -1: Redis is no cluster.
    JobCalls(const QueueContext& queue,
             ClientPool& clients,
             std::string workerName,
             TargetQueues::Modes modes = {},
             std::shared_ptr<Tracer> tracer = nullptr,
             int slot = -1)
        : queue_(queue),
          clients_(clients),
          workerName_(std::move(workerName)),
          tracer_(std::move(tracer)),
          slot_(slot),
          targets_(queue, std::move(modes)),
          adds_(clients) {}

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
    /// Returns why the calls do not reach a queue; empty: they do.
    [[nodiscard]] std::string slotProblem(const std::string& prefix,
                                          const std::string& queue) const {
        return otherSlotError(slot_, prefix + ":" + queue, queue_);
    }
    HostStatus removeUnprocessedChildren(const ClaimedJob& job, std::string& answer) const;
    /// Calls `act(redis)`. Returns HostStatus::Lost if that is negative.
    template <typename Act>
    HostStatus reach(const ClaimedJob& job, Act act) const;

    const QueueContext& queue_;
    ClientPool& clients_;
    const std::string workerName_;
    const std::shared_ptr<Tracer> tracer_;
    const int slot_;
    mutable TargetQueues targets_;
    mutable JointAdds adds_;
};

}  // namespace drover
