#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/ClaimedJob.h"
#include "drover/JobOptions.h"
#include "queue/QueueContext.h"
#include "queue/ops/Replies.h"
#include "redis/RedisClient.h"

namespace drover {

/// A job to end.
struct FinishItem {
    std::string id;
    std::string token;
    bool completed = true;
    std::string value;  ///< Return value (JSON), or the reason.
    std::string stacktrace;
    KeepJobs keep;
    int attempts = 0;      ///< Allowed.
    int attemptsMade = 1;  ///< This one included.
    std::string deduplicationId;
    /// The counter at the claim, if the job had no parent then; empty: the script reads its parent.
    std::string idCounter;
};

/// At most `max` jobs are started in `duration`; max 0: no limit. Counted in Redis, by all workers of the queue together.
struct WorkerLimiter {
    int max = 0;
    std::chrono::milliseconds duration{0};
};

struct AdvanceRequest {
    std::vector<FinishItem> finish;
    int claim = 0;
    std::string token;  ///< For what is claimed.
    std::chrono::milliseconds lockDuration{0};
    std::string workerName;
    WorkerLimiter limiter;
    int metricsPoints = 0;  ///< Minutes of metrics that are kept; 0: none are counted.
    /// Bytes of jobs that are enough: no further job is claimed then; 0: no such bound. One job is always claimed.
    std::int64_t enoughBytes = 0;
    /// Job names that are served: jobs of other names are delayed instead of claimed. nullptr: all are.
    std::shared_ptr<const std::vector<std::string>> served;
};

/// The answer of `advance`. The jobs stay as they came until jobs() reads them, so that reading can wait until Redis has
/// its next call.
class AdvanceResult {
public:
    std::vector<int>
        codes;  ///< One per finish item; 0 done, else a code of docs/wire-format.md#codes.
    std::chrono::milliseconds rateLimited{0};
    std::int64_t nextDelayedMs = 0;  ///< Epoch; 0: no delayed job, or something was claimed.

    /// `queue` and `nowMs` go into the jobs. Throws ScriptException for a reply of another shape.
    AdvanceResult(Reply reply,
                  const AdvanceRequest& request,
                  const std::string& queue,
                  std::int64_t nowMs);

    [[nodiscard]] std::size_t claimed() const;
    [[nodiscard]] std::vector<ClaimedJob> jobs() const;
    /// Returns the jobs of the call, or due ones that it promoted, that could not go on. Mostly none.
    [[nodiscard]] std::vector<JobProblem> problems() const;
    /// Returns true if the claim found that 5.x clients share the queue.
    [[nodiscard]] bool sawBullmq5() const;
    /// Returns true if the claim found that 5.x clients share the queue and that it is paused.
    [[nodiscard]] bool sawBullmq5Paused() const;
    /// Returns true if the claim stopped before it had as many jobs as it may, and more jobs wait.
    [[nodiscard]] bool more() const;
    /// Returns names that are not served, and how many jobs of each were delayed instead of claimed.
    [[nodiscard]] std::vector<std::pair<std::string, std::size_t>> unserved() const;

private:
    Reply reply_;
    std::string token_;
    std::string queue_;
    std::int64_t nowMs_;
};

namespace ops {

/// Finishes jobs, promotes delayed ones that are due and claims new ones, in one step.
/// Throws RedisIoException (or a child) when Redis is away and ScriptException for a reply of another shape.
AdvanceResult advance(const QueueContext& queue,
                      RedisClient& redis,
                      const AdvanceRequest& request,
                      std::int64_t nowMs);

/// Returns the call alone, for RedisClient::send(). It refers to the request and to the keys of `queue`.
[[nodiscard]] Command advanceCall(const QueueContext& queue,
                                  const RedisClient& redis,
                                  const AdvanceRequest& request,
                                  std::int64_t nowMs);
/// Reads the reply to advanceCall(). Throws ScriptException for one of another shape.
[[nodiscard]] AdvanceResult advanceResult(const QueueContext& queue,
                                          Reply reply,
                                          const AdvanceRequest& request,
                                          std::int64_t nowMs);

}  // namespace ops

}  // namespace drover
