#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "core/Clock.h"
#include "queue/QueueBackend.h"

namespace drover {

/// Logs jobs that a script failed or set aside since something under their own keys stops them.
///
/// One line each, and at most 20 a minute: what comes beyond is counted, and the count is logged with the next line.
/// Threads: one.
class ProblemLog {
public:
    /// `clock` must outlive it.
    explicit ProblemLog(const Clock& clock) : clock_(clock) {}

    /// Returns how many of them concern a job.
    std::uint64_t report(const std::string& queue, const std::vector<JobProblem>& problems);

private:
    const Clock& clock_;
    Clock::Monotonic minuteEnds_{};
    int lines_ = 0;
    std::uint64_t unlogged_ = 0;
};

}  // namespace drover
