#pragma once

#include <mutex>
#include <set>
#include <string>

#include "core/ClaimedJob.h"
#include "queue/QueueContext.h"
#include "redis/RedisClient.h"

namespace drover {

/// The result of an attempt to make a scheduler's next job.
struct Iteration {
    enum class State {
        Done,     ///< The next job is there.
        Nothing,  ///< No next job is due: the scheduler is gone, over, or has moved on already.
        Legacy,   ///< A repeatable job of 5.x, which this engine does not repeat.
        Unreadable,  ///< Only a worker with a repeat strategy of its own can compute the next run; nothing has changed.
        Failed  ///< The scheduler stands still; `text` has the reason.
    };
    State state = State::Nothing;
    std::string text;  ///< Done: the id of the next job.
};

/// Makes the next job of a scheduler when one of its jobs is claimed, before that job runs. A retry of the same job, or a
/// claim after a stall, makes none.
/// Threads: any, each with its own client.
class SchedulerIterator {
public:
    /// `queue` must outlive this object.
    explicit SchedulerIterator(const QueueContext& queue) : queue_(queue) {}

    /// Makes the next job of the claimed job's scheduler. Logs, once per scheduler, that it stands still or is not repeated.
    /// Throws as QueueContext does when Redis is away; it is safe to call again.
    Iteration iterate(RedisClient& redis, const ClaimedJob& job, std::int64_t nowMs);

private:
    Iteration tryToIterate(RedisClient& redis, const ClaimedJob& job, std::int64_t nowMs) const;
    bool isNews(const std::string& scheduler);

    const QueueContext& queue_;
    std::mutex mutex_;
    std::set<std::string> logged_;  ///< Schedulers.
};

}  // namespace drover
