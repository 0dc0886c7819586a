#include "worker/Intake.h"

#include <optional>
#include <utility>

#include <Poco/Exception.h>

#include "core/JobFields.h"

namespace drover {

namespace {

/// Returns why the job is to fail unrun; empty: it is to run.
std::string reasonNotToRun(const JobRun& run, int maxStartedAttempts, std::int64_t nowMs) {
    const ClaimedJob& job = run.job();
    if (job.deferredFailure) {
        return *job.deferredFailure;
    }
    // A job that has begun before kept its term.
    const std::optional<std::int64_t>& expiresAt = run.options().expiresAtMs;
    if (expiresAt && nowMs > *expiresAt && job.attemptsStarted <= 1) {
        return "expired before it began: expiresAt is " + std::to_string(*expiresAt) + ", " +
               std::to_string(nowMs - *expiresAt) + " ms ago";
    }
    return maxStartedAttempts > 0 && job.attemptsStarted > maxStartedAttempts
               ? "job started more than allowable limit"
               : "";
}

}  // namespace

Intake::Runs Intake::runsOf(std::vector<ClaimedJob> jobs, Time now) {
    Runs runs;
    runs.reserve(jobs.size());
    for (ClaimedJob& job : jobs) {
        auto options = optionsOf(job);
        runs.push_back(
            std::make_shared<JobRun>(std::move(job), std::move(options), calls_, ++claimed_, now));
    }
    return runs;
}

Intake::Sorted Intake::sort(Runs runs,
                            const HandlerRouter& router,
                            int maxStartedAttempts,
                            std::int64_t nowMs) const {
    Sorted sorted;
    sorted.run.reserve(runs.size());
    for (auto& run : runs) {
        const ClaimedJob& job = run->job();
        const bool served = router.serves(job.name);
        const std::string reason = reasonNotToRun(*run, maxStartedAttempts, nowMs);
        // A deferred failure goes to the handler, if there is one: the job's effect may exist already.
        const bool endsHere = !reason.empty() && (!served || !job.deferredFailure);
        // The handler went while the claim was under way: a peer may have it.
        const bool isGone = !served && !endsHere;
        if (isGone || (!job.scheduler.empty() && !iterate_(job))) {
            sorted.putOff.push_back(std::move(run));
        } else if (endsHere) {
            run->setOutcome({JobOutcome::Kind::Unrecoverable, reason, "", 0});
            sorted.settle.push_back(std::move(run));
        } else {
            sorted.run.push_back(std::move(run));
        }
    }
    return sorted;
}

std::shared_ptr<const JobOptions> Intake::optionsOf(const ClaimedJob& job) {
    // Jobs of one producer mostly carry the same text.
    if (cachedOptions_ && cachedOptionsText_ == job.opts) {
        return cachedOptions_;
    }
    try {
        cachedOptions_ = std::make_shared<const JobOptions>(JobOptions::parseStored(job.opts));
        cachedOptionsText_ = job.opts;
        return cachedOptions_;
    } catch (const Poco::Exception& error) {
        Log("worker").warning(
            "the job's options cannot be read (" + error.message() + "); the defaults apply",
            fieldsOf(job));
        return std::make_shared<const JobOptions>();
    }
}

}  // namespace drover
