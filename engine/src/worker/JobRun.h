#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/HandlerType.h"
#include "queue/QueueBackend.h"
#include "redis/ClientPool.h"

namespace drover {

class HandlerPool;

/// A claimed job on its way through this process: from the claim, through a handler, to its outcome.
///
/// Owned together by the worker that claimed it and whoever works on it. The host calls take a connection from the pool.
class JobRun final : public RunningJob {
public:
    using Time = std::chrono::steady_clock::time_point;

    /// `options` is the parsed job().opts.
    JobRun(ClaimedJob job,
           std::shared_ptr<const JobOptions> options,
           const QueueBackend& backend,
           ClientPool& clients,
           Time claimedAt);

    [[nodiscard]] const ClaimedJob& job() const override { return job_; }
    bool setOutcome(JobOutcome outcome) override;
    [[nodiscard]] CancelReason cancelled() const override;
    CancelReason waitCancelled(std::chrono::milliseconds timeout) override;
    HostStatus updateProgress(std::string_view json) override;
    HostStatus updateData(std::string_view json) override;
    HostStatus addLog(std::string_view row) override;
    HostStatus addChildren(std::string_view childrenJson, std::string& ids) override;
    HostStatus childrenValues(std::string& values) override;

    /// Sets the token; the first reason stands, but for a lost lock: it overrides the others, since whatever is returned
    /// is discarded then. Returns whether the token says something new.
    /// `why` is for people: what the one who cancels says.
    bool cancel(CancelReason reason, const std::string& why = "");
    /// What was said with the reason; mostly empty.
    [[nodiscard]] std::string cancelledWhy() const;
    /// From now on the token is set after this time, unless it is set before. Nobody's thread waits for it: the token finds
    /// out when it is asked.
    void limitTo(std::chrono::milliseconds timeout);
    /// The outcome, once the handler is through with it.
    [[nodiscard]] const JobOutcome& outcome() const { return outcome_; }

    [[nodiscard]] const JobOptions& options() const { return *options_; }
    /// Bytes of the job as it came.
    [[nodiscard]] std::int64_t bytes() const {
        return static_cast<std::int64_t>(job_.data.size() + job_.opts.size() +
                                         job_.stacktrace.size() + job_.progress.size());
    }
    [[nodiscard]] Time claimedAt() const { return claimedAt_; }
    /// Whether it stalled or failed before: then it runs alone, so that a crasher never burns its neighbours.
    [[nodiscard]] bool runsAlone() const { return job_.stalledCount > 0 || job_.attemptsMade > 0; }

    /// Replaces the outcome: Redis refused the handler's (children pending). The worker's only.
    void overrideOutcome(JobOutcome outcome);
    [[nodiscard]] bool overridden() const { return overridden_; }

    /// Its outcome is on the way to Redis, which may have dropped the lock already. Set by the claim loop.
    std::atomic<bool> settling{false};
    std::uint64_t sequence = 0;  ///< In the order of claims. The worker's to set.
    HandlerPool* pool =
        nullptr;  ///< Which handler's; null: no handler serves its name. The worker's to set.
    bool begun =
        false;  ///< A handler thread took it. Written by the pool before, read after the hand-over.
    /// On the first run of a batch, of which `most` jobs could be: how long the handler had it. Set by the pool.
    struct Batch {
        int jobs, most;
        std::chrono::nanoseconds took;
    };
    std::optional<Batch> batch;
    std::optional<std::int64_t> customBackoffMs;  ///< The handler's own answer; set by the pool.

private:
    template <typename Call>
    HostStatus hostCall(Call call);

    const ClaimedJob job_;
    const std::shared_ptr<const JobOptions> options_;
    const QueueBackend& backend_;
    ClientPool& clients_;
    const Time claimedAt_;

    mutable std::mutex mutex_;
    std::condition_variable cancelledSignal_;
    std::string cancelWhy_;
    std::atomic<CancelReason> cancelReason_{CancelReason::None};
    std::atomic<Time> limit_{Time::max()};
    JobOutcome outcome_;
    bool overridden_ = false;
};

}  // namespace drover
