#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "queue/QueueContext.h"
#include "queue/ops/Replies.h"
#include "worker/LineLimit.h"

namespace drover {

/// Logs jobs that a script failed or set aside, since something under their own keys stops them.
///
/// One line each, and at most 20 a minute; the rest is counted, and the count is logged before the next line.
/// Threads: one at a time.
class ProblemLog {
public:
    static constexpr LineLimit::Rule kRule{20, std::chrono::minutes(1)};

    /// `clock` must outlive this object.
    explicit ProblemLog(const Clock& clock) : limit_(clock, kRule) {}

    /// Logs the problems of one call. `queue` is the queue's own name. Returns how many of them concern a job.
    std::uint64_t report(const std::string& queue, const std::vector<JobProblem>& problems);

private:
    LineLimit limit_;
};

}  // namespace drover
