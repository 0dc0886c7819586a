#pragma once

#include <memory>
#include <string>
#include <vector>

#include "queue/QueueBackend.h"
#include "worker/JobRun.h"

namespace drover {

/// An item for a script together with the run that it settles.
template <typename Item>
struct Settled {
    std::shared_ptr<JobRun> run;
    Item item;
    bool sentBefore = false;  ///< A reply was lost: the script may have run already.
};

/// What Redis has to be told about jobs, gathered between two calls and kept over an outage.
struct Settlement {
    std::vector<Settled<FinishItem>> finish;
    std::vector<Settled<RetryItem>> retry;
    std::vector<Settled<HandBackItem>> handBack;

    [[nodiscard]] bool empty() const { return finish.empty() && retry.empty() && handBack.empty(); }
    /// Jobs that still count as held only because of the entries here.
    [[nodiscard]] std::size_t size() const {
        return finish.size() + retry.size() + handBack.size();
    }
};

/// A failed attempt: repeated after its backoff, or failed for good. Decided by the job's options (contract section 4.6).
/// `random` in [0, 1) places the backoff within its jitter.
struct FailureDecision {
    bool retry = false;
    std::int64_t backoffMs = 0;
};
[[nodiscard]] FailureDecision decideFailure(const JobRun& run, double random);

/// The job's stack trace with the newest attempt at the end, as its options limit it: a JSON array of strings.
/// One line per nested exception, then the plugin's name and version.
[[nodiscard]] std::string stacktraceOf(const JobRun& run, const std::string& pluginVersion);

}  // namespace drover
