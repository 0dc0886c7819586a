#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "queue/QueueContext.h"
#include "queue/ops/Replies.h"
#include "redis/RedisClient.h"

namespace drover {

/// Searches a queue once for jobs that have a hash and are in no state, and puts them back.
///
/// Reads the ids of all states once, then walks the keyspace page by page; a script checks each candidate again before it
/// moves it. A job that was added after the search began is left to the next search.
/// Every method throws RedisIoException when Redis is away; the search can go on afterwards. Threads: one.
class LostJobsSearch {
public:
    /// `queue` must outlive it. The search begins at `nowMs`.
    LostJobsSearch(const QueueContext& queue, std::int64_t nowMs);

    /// Reads up to `pages` pages of a thousand keys. Returns whether the search is complete.
    bool step(RedisClient& redis, int pages, std::int64_t nowMs);

    [[nodiscard]] std::size_t rescued() const { return rescued_; }
    /// Returns the jobs that could not be put back since the last call.
    [[nodiscard]] std::vector<JobProblem> popProblems();

private:
    const QueueContext& queue_;
    const std::int64_t beganMs_;
    const std::string pattern_;
    bool statesRead_ = false;
    std::unordered_set<std::string> known_;  ///< Ids that were in some state when the search began.
    std::string cursor_ = "0";
    std::size_t rescued_ = 0;
    std::vector<JobProblem> problems_;
};

}  // namespace drover
