#include "worker/ProblemLog.h"

#include "core/Log.h"
#include "queue/ops/Replies.h"

namespace drover {

std::uint64_t ProblemLog::report(const std::string& queue,
                                 const std::vector<JobProblem>& problems) {
    if (problems.empty()) {
        return 0;
    }
    const Log log("worker", {.queue = queue});
    if (const std::size_t withheld = limit_.popWithheld(); withheld > 0) {
        log.error(std::to_string(withheld) + " more jobs were set aside in the minute before");
    }
    std::uint64_t jobs = 0;
    for (const JobProblem& problem : problems) {
        jobs += problem.id.empty() ? 0 : 1;
        if (!limit_.admit()) {
            continue;
        }
        if (problem.id.empty()) {
            log.error(problem.text);
        } else {
            log.error(problem.text + "; the job is set aside", {.job = problem.id});
        }
    }
    return jobs;
}

}  // namespace drover
