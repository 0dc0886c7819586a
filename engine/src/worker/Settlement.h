#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "queue/QueueBackend.h"
#include "worker/JobRun.h"
#include "worker/WorkerSettings.h"

namespace drover {

/// An item for a script together with the run that it settles.
template <typename Item>
struct Settled {
    std::shared_ptr<JobRun> run;
    Item item;
    bool sentBefore = false;  ///< A reply was lost: the script may have run already.
};

/// What Redis has to be told about jobs, gathered between two calls and kept over an outage.
class Settlement {
public:
    std::vector<Settled<FinishItem>> finish;
    std::vector<Settled<RetryItem>> retry;
    std::vector<Settled<HandBackItem>> handBack;
    std::vector<Settled<ChildrenWaitItem>> childrenWait;
    std::chrono::milliseconds rateLimit{
        0};  ///< How long the queue's limiter shall close; 0: it need not.

    /// `settings` must outlive it.
    explicit Settlement(const WorkerSettings& settings) : settings_(settings) {}

    /// Adds what the run's outcome asks for. `pluginVersion` goes into stack traces.
    void add(const std::shared_ptr<JobRun>& run,
             const std::string& pluginVersion,
             std::int64_t nowMs);
    /// Whether there is something that calls of its own tell: anything but finished jobs.
    [[nodiscard]] bool others() const {
        return !retry.empty() || !handBack.empty() || !childrenWait.empty() ||
               rateLimit.count() > 0;
    }
    /// Gives a job back: to the front of the queue, or delayed until an epoch time. See HandBackItem.
    void giveBack(const std::shared_ptr<JobRun>& run, std::int64_t untilMs, bool uncountStart);

private:
    void end(const std::shared_ptr<JobRun>& run,
             bool completed,
             std::string value,
             std::string stacktrace);
    void fail(const std::shared_ptr<JobRun>& run, const std::string& pluginVersion);
    [[nodiscard]] static std::string reasonOf(const JobRun& run);

    const WorkerSettings& settings_;
};

/// A failed attempt: repeated after its backoff, or failed for good. Decided by the job's options (docs/wire-format.md#retry).
/// `random` in [0, 1) places the backoff within its jitter. `maxStartedAttempts` 0: no limit.
struct FailureDecision {
    bool retry = false;
    std::int64_t backoffMs = 0;
};
[[nodiscard]] FailureDecision decideFailure(const JobRun& run,
                                            double random,
                                            int maxStartedAttempts = 0);

/// The job's stack trace with the newest attempt at the end, as its options limit it: a JSON array of strings.
/// One line per nested exception, then the plugin's name and version.
[[nodiscard]] std::string stacktraceOf(const JobRun& run, const std::string& pluginVersion);

}  // namespace drover
