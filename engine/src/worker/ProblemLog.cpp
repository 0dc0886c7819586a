#include "worker/ProblemLog.h"

#include <Poco/Logger.h>

namespace drover {

std::uint64_t ProblemLog::report(const std::string& queue,
                                 const std::vector<JobProblem>& problems) {
    if (problems.empty()) {
        return 0;
    }
    Poco::Logger& logger = Poco::Logger::get("worker");
    if (const std::size_t withheld = limit_.popWithheld(); withheld > 0) {
        logger.error("%s: %z more jobs were set aside in the minute before", queue, withheld);
    }
    std::uint64_t jobs = 0;
    for (const JobProblem& problem : problems) {
        jobs += problem.id.empty() ? 0 : 1;
        if (!limit_.admit()) {
            continue;
        }
        if (problem.id.empty()) {
            logger.error("%s: %s", queue, problem.text);
        } else {
            logger.error("job %s of %s: %s; it is set aside", problem.id, queue, problem.text);
        }
    }
    return jobs;
}

}  // namespace drover
