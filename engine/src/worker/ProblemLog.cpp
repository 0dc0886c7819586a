#include "worker/ProblemLog.h"

#include <Poco/Logger.h>

namespace drover {

namespace {

constexpr int kLinesPerMinute = 20;

}  // namespace

std::uint64_t ProblemLog::report(const std::string& queue,
                                 const std::vector<JobProblem>& problems) {
    if (problems.empty()) {
        return 0;
    }
    Poco::Logger& logger = Poco::Logger::get("worker");
    if (clock_.monotonic() >= minuteEnds_) {
        if (unlogged_ > 0) {
            logger.error("%s: %Lu more jobs were set aside in the minute before",
                         queue,
                         static_cast<Poco::UInt64>(unlogged_));
        }
        minuteEnds_ = clock_.monotonic() + std::chrono::minutes(1);
        lines_ = 0;
        unlogged_ = 0;
    }
    std::uint64_t jobs = 0;
    for (const JobProblem& problem : problems) {
        jobs += problem.id.empty() ? 0 : 1;
        if (lines_ >= kLinesPerMinute) {
            ++unlogged_;
            continue;
        }
        ++lines_;
        if (problem.id.empty()) {
            logger.error("%s: %s", queue, problem.text);
        } else {
            logger.error("job %s of %s: %s; it is set aside", problem.id, queue, problem.text);
        }
    }
    return jobs;
}

}  // namespace drover
