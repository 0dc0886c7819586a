#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ClaimedJob.h"
#include "drover/Trace.h"
#include "worker/HandlerRouter.h"
#include "worker/JobCalls.h"
#include "worker/JobRun.h"

namespace drover {

/// Turns claimed jobs into runs, and decides which of them run.
///
/// No I/O but the scheduler's. Threads: the claim loop's only.
class Intake {
public:
    using Time = JobRun::Time;
    using Runs = std::vector<std::shared_ptr<JobRun>>;
    /// Makes the next job of the scheduler that a job belongs to. Returns false if that must be tried again.
    using Iterate = std::function<bool(const ClaimedJob&)>;

    /// `calls` must outlive this object and its runs.
    /// `tracer` decides on the spans of runs; nullptr: there are none.
    Intake(const JobCalls& calls, Iterate iterate, std::shared_ptr<Tracer> tracer = nullptr)
        : calls_(calls), iterate_(std::move(iterate)), tracer_(std::move(tracer)) {}

    /// Returns a run for each job, in the order of the claim. Options that cannot be read are logged; the defaults apply.
    [[nodiscard]] Runs runsOf(std::vector<ClaimedJob> jobs, Time now);

    struct Sorted {
        Runs run;     ///< For their handlers.
        Runs settle;  ///< Ended unrun: each has its outcome.
        Runs putOff;  ///< Cannot run here now; they go back for a moment.
    };
    /// Sorts runs by what is to become of them. Jobs of schedulers have their successors made before they run.
    [[nodiscard]] Sorted sort(Runs runs,
                              const HandlerRouter& router,
                              int maxStartedAttempts,
                              std::int64_t nowMs) const;

private:
    std::shared_ptr<const JobOptions> optionsOf(const ClaimedJob& job, std::string_view metadata);

    const JobCalls& calls_;
    const Iterate iterate_;
    const std::shared_ptr<Tracer> tracer_;
    std::uint64_t claimed_ = 0;
    std::string cachedBefore_;  ///< The text of the cached options before their trace context,
    std::string cachedBehind_;  ///< and behind it.
    std::shared_ptr<const JobOptions> cachedOptions_;
};

}  // namespace drover
