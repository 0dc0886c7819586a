#pragma once

#include <mutex>
#include <set>
#include <string>

#include "core/ClaimedJob.h"
#include "queue/QueueBackend.h"

namespace drover {

/// What became of a scheduler when one of its jobs was taken.
struct Iteration {
    enum class State {
        Done,     ///< The next job is there.
        Nothing,  ///< No next job is due: the scheduler is gone, over, or has gone on already.
        Legacy,   ///< A repeatable job of 5.x, which this engine does not repeat.
        Unreadable,  ///< Only a worker with a repeat strategy of its own can tell the next run; nothing was changed.
        Failed  ///< The scheduler stands still; `text` says why.
    };
    State state = State::Nothing;
    std::string text;  ///< Done: the id of the next job.
};

/// Keeps job schedulers going: whoever takes a job of one makes the next, before the job runs. Retries of the same job and
/// jobs taken again after a stall make none.
/// Threads: any, each with its own client.
class SchedulerIterator {
public:
    /// `backend` must outlive this object.
    explicit SchedulerIterator(const QueueBackend& backend) : backend_(backend) {}

    /// For a job with a scheduler. Logs what stands still and what is not repeated, once per scheduler.
    /// Throws as QueueBackend does when Redis is away; it is safe to ask again.
    Iteration iterate(RedisClient& redis, const ClaimedJob& job, std::int64_t nowMs);

private:
    Iteration tryToIterate(RedisClient& redis, const ClaimedJob& job, std::int64_t nowMs) const;
    bool isNews(const std::string& scheduler);

    const QueueBackend& backend_;
    std::mutex mutex_;
    std::set<std::string> told_;
};

}  // namespace drover
