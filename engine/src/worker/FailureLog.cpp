#include "worker/FailureLog.h"

#include <algorithm>

#include "core/JobFields.h"

namespace drover {

void FailureLog::report(const JobRun& run) {
    if (isDecision(run)) {
        if (log_.writesDebug()) {
            log_.debug(describe(run), fieldsOf(run.job()));
        }
    } else if (limit_.admit()) {
        log_.warning(describe(run), fieldsOf(run.job()));
    }
}

void FailureLog::reportWithheld() {
    if (const std::size_t more = limit_.popWithheld(); more > 0) {
        log_.warning(std::to_string(more) + " more jobs failed for good");
    }
}

bool FailureLog::isDecision(const JobRun& run) {
    return run.outcome().kind == JobOutcome::Kind::Unrecoverable && run.pool() != nullptr &&
           !run.job().deferredFailure && run.state() != JobRun::State::Refused;
}

std::string FailureLog::describe(const JobRun& run) {
    const ClaimedJob& job = run.job();
    return "the job failed for good after " + std::to_string(job.attemptsMade + 1) + " of " +
           std::to_string(std::max(run.options().attempts, 1)) +
           " attempts: " + oneLine(run.outcome().text);
}

}  // namespace drover
