#pragma once

#include <memory>
#include <string>
#include <utility>

#include "drover/Trace.h"
#include "worker/JobRun.h"
#include "worker/SettledRun.h"

namespace drover {

/// Records the spans of runs that have ended, with the names and attributes of BullMQ's telemetry.
/// Threads: const methods may be called from any thread.
class RunSpans {
public:
    /// `tracer` nullptr: there are none. `workerId` differs between all workers.
    RunSpans(std::shared_ptr<Tracer> tracer,
             std::string queue,
             std::string workerName,
             std::string workerId)
        : tracer_(std::move(tracer)),
          queue_(std::move(queue)),
          workerName_(std::move(workerName)),
          workerId_(std::move(workerId)) {}

    /// Records the span of a run that left active, and below it that of its settlement. A job that went back before a handler
    /// had it has none.
    void record(const JobRun& run, Ending ending) const;
    /// Records the span of a run whose job another worker has.
    void recordLost(const JobRun& run) const;

private:
    [[nodiscard]] Span spanOf(const JobRun& run, const char* outcome) const;
    void recordSettlement(const Span& whole, const JobRun& run, Ending ending) const;

    const std::shared_ptr<Tracer> tracer_;
    const std::string queue_;
    const std::string workerName_;
    const std::string workerId_;
};

}  // namespace drover
