#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/HandlerType.h"
#include "drover/JobOptions.h"
#include "worker/CancelToken.h"
#include "worker/JobCalls.h"
#include "worker/RunTrace.h"

namespace drover {

class HandlerPool;

/// A claimed job on its way through this process: from the claim, through a handler, to its outcome.
///
/// Owned together by the worker that claimed it and the threads that work on it.
/// Threads: the methods of RunningJob, cancel() and state() from any; the rest from the thread that has the run: the claim
/// loop, or a handler's thread between the pool's queue and the inbox.
class JobRun final : public RunningJob {
public:
    using Time = Clock::Monotonic;

    /// How far the run has come; it never goes back.
    enum class State {
        Claimed,   ///< Waits for a thread of its handler.
        Running,   ///< A thread of its handler has it.
        Settling,  ///< Its outcome is on the way to Redis, which may have dropped the lock already.
        Refused    ///< Redis refused the handler's outcome; another one is on the way.
    };

    /// `options` is the parsed job().opts. `sequence` counts claimed jobs in their order. `calls` must outlive the run.
    JobRun(ClaimedJob job,
           std::shared_ptr<const JobOptions> options,
           const JobCalls& calls,
           std::uint64_t sequence,
           Time claimedAt);

    [[nodiscard]] const ClaimedJob& job() const override { return job_; }
    [[nodiscard]] const std::string& workerName() const override;
    bool setOutcome(JobOutcome outcome) override;
    [[nodiscard]] CancelReason cancelled() const override;
    CancelReason waitCancelled(std::chrono::milliseconds timeout) override;
    [[nodiscard]] std::string cancelledWhy() const override { return cancel_.why(); }
    HostStatus call(HostCall function, std::string_view text, std::string& answer) override;

    /// Sets the cancel token; see CancelToken::set(). `why`: words for people, UTF-8.
    bool cancel(CancelReason reason, const std::string& why = "") {
        return cancel_.set(reason, why);
    }
    /// From `limit` on the cancel token reads as CancelReason::Timeout.
    void limitTo(Time limit) { cancel_.limitTo(limit); }
    /// Returns the outcome, which stands once the handler has returned.
    [[nodiscard]] const JobOutcome& outcome() const { return outcome_; }

    [[nodiscard]] const JobOptions& options() const { return *options_; }
    /// Returns the bytes of the job as it came.
    [[nodiscard]] std::int64_t bytes() const {
        return static_cast<std::int64_t>(job_.data.size() + job_.opts.size() +
                                         job_.stacktrace.size() + job_.progress.size());
    }
    [[nodiscard]] std::uint64_t sequence() const { return sequence_; }
    [[nodiscard]] Time claimedAt() const { return claimedAt_; }
    /// Returns true if the job stalled or failed before: it runs alone then, so that a crasher never burns its neighbours.
    [[nodiscard]] bool runsAlone() const { return job_.stalledCount > 0 || job_.attemptsMade > 0; }

    [[nodiscard]] State state() const { return state_; }
    void markRunning() { state_ = State::Running; }
    /// Leaves State::Refused as it is.
    void markSettling() { state_ = std::max(state_.load(), State::Settling); }
    /// Replaces the outcome, which Redis refused (children are pending).
    void refuse(JobOutcome instead);

    /// Names the handler that gets the job; null: no handler serves its name, or the job ends unrun.
    void assignTo(const HandlerPool* pool) { pool_ = pool; }
    [[nodiscard]] const HandlerPool* pool() const { return pool_; }
    /// Stores the handler's own backoff in ms; std::nullopt: it has none for the job's backoff type.
    void setCustomBackoff(std::optional<std::int64_t> ms) { customBackoffMs_ = ms; }
    [[nodiscard]] std::optional<std::int64_t> customBackoffMs() const { return customBackoffMs_; }

    /// Gives the run a span. Before a handler has it.
    void traceAs(SpanStart start) { trace_.emplace(RunTrace{std::move(start)}); }
    /// Returns nullptr if there are no traces.
    [[nodiscard]] RunTrace* trace() { return trace_ ? &*trace_ : nullptr; }
    [[nodiscard]] const RunTrace* trace() const { return trace_ ? &*trace_ : nullptr; }

private:
    const ClaimedJob job_;
    const std::shared_ptr<const JobOptions> options_;
    const JobCalls& calls_;
    const std::uint64_t sequence_;
    const Time claimedAt_;

    CancelToken cancel_;
    std::mutex outcomeMutex_;
    JobOutcome outcome_;
    std::atomic<State> state_{State::Claimed};
    const HandlerPool* pool_ = nullptr;
    std::optional<std::int64_t> customBackoffMs_;
    std::optional<RunTrace> trace_;
};

}  // namespace drover
