#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/QueueSettings.h"
#include "queue/QueueContext.h"
#include "queue/ops/Advance.h"
#include "queue/ops/Settle.h"
#include "worker/JobRun.h"

namespace drover {

/// An item for a script together with the run that it settles.
template <typename Item>
struct Pending {
    std::shared_ptr<JobRun> run;
    Item item;
    bool sentBefore = false;  ///< A reply was lost: the script may have run already.
};

/// Gathers the outcomes that Redis is to get, between two calls and over an outage.
///
/// No I/O. Threads: the claim loop's only.
class Settlement {
public:
    /// Outcomes per call: a script holds up every other client of the server.
    static constexpr int kMostPerCall = 256;
    /// Bytes of outcomes that are enough for a call; each call has one outcome at least.
    static constexpr std::size_t kEnoughBytes = 8 << 20;

    std::vector<Pending<FinishItem>> finish;
    std::vector<Pending<RetryItem>> retry;
    std::vector<Pending<HandBackItem>> handBack;
    std::vector<Pending<ChildrenWaitItem>> childrenWait;
    /// For how long the queue's limiter is to close; 0: it stays as it is.
    std::chrono::milliseconds rateLimit{0};

    /// `settings` must outlive this object.
    explicit Settlement(const QueueSettings& settings) : settings_(settings) {}

    /// Adds the entry that the run's outcome calls for. `pluginVersion` goes into stack traces.
    void add(const std::shared_ptr<JobRun>& run,
             const std::string& pluginVersion,
             std::int64_t nowMs);
    /// Adds a job that goes back: to the front of the queue, or delayed until an epoch time. See HandBackItem.
    void giveBack(const std::shared_ptr<JobRun>& run, std::int64_t untilMs, bool uncountStart);
    /// Returns true if there are entries besides finished jobs: those go with calls of their own.
    [[nodiscard]] bool hasMoreThanFinished() const {
        return !retry.empty() || !handBack.empty() || !childrenWait.empty() ||
               rateLimit.count() > 0;
    }

private:
    void end(const std::shared_ptr<JobRun>& run,
             bool completed,
             std::string value,
             std::string stacktrace);
    void fail(const std::shared_ptr<JobRun>& run, const std::string& pluginVersion);
    [[nodiscard]] static std::string reasonOf(const JobRun& run);

    const QueueSettings& settings_;
};

/// A failed attempt: repeated after its backoff, or failed for good.
struct FailureDecision {
    bool retry = false;
    std::int64_t backoffMs = 0;
};
/// Decides by the job's options (docs/wire-format.md#retry). `random` in [0, 1) places the backoff within its jitter.
/// `maxStartedAttempts` 0: no limit.
[[nodiscard]] FailureDecision decideFailure(const JobRun& run,
                                            double random,
                                            int maxStartedAttempts = 0);

/// Returns the job's stack trace with the newest attempt at the end, as its options limit it: a JSON array of strings.
/// An attempt has one line per nested exception, then the plugin's name and version.
[[nodiscard]] std::string stacktraceOf(const JobRun& run, const std::string& pluginVersion);

}  // namespace drover
