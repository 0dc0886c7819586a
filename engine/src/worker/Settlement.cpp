#include "worker/Settlement.h"

#include <algorithm>

#include "core/JobFields.h"
#include "core/JsonText.h"
#include "core/Random.h"

namespace drover {

namespace {

/// A job without outcome shows a defect of its handler: without a pause it would come back at once, for ever.
constexpr std::int64_t kUndecidedDelayMs = 1000;

}  // namespace

void Settlement::giveBack(const std::shared_ptr<JobRun>& run,
                          std::int64_t untilMs,
                          bool uncountStart) {
    run->markSettling();
    handBack.push_back({run, {run->job().id, run->job().token, untilMs, uncountStart}});
}

void Settlement::end(const std::shared_ptr<JobRun>& run,
                     bool completed,
                     std::string value,
                     std::string stacktrace) {
    const ClaimedJob& job = run->job();
    const auto& own = completed ? run->options().removeOnComplete : run->options().removeOnFail;
    finish.push_back({run,
                      {job.id,
                       job.token,
                       completed,
                       std::move(value),
                       std::move(stacktrace),
                       own.value_or(completed ? settings_.keepCompleted : settings_.keepFailed),
                       run->options().attempts,
                       job.attemptsMade + 1,
                       job.deduplicationId,
                       job.parentKey.empty() ? job.idCounter : ""}});
}

/// Returns the handler's reason, with the text of the request that cancelled the job.
std::string Settlement::reasonOf(const JobRun& run) {
    const std::string why = run.cancelledWhy();
    return run.outcome().text + (why.empty() ? "" : " (cancelled: " + why + ")");
}

void Settlement::fail(const std::shared_ptr<JobRun>& run, const std::string& pluginVersion) {
    const FailureDecision decision =
        decideFailure(*run, randomUnit(), settings_.maxStartedAttempts);
    std::string trace = stacktraceOf(*run, pluginVersion);
    if (!decision.retry) {
        end(run, false, reasonOf(*run), std::move(trace));
        return;
    }
    if (RunTrace* const trace = run->trace()) {
        trace->isDelayed = decision.backoffMs > 0;
    }
    retry.push_back({run,
                     {run->job().id,
                      run->job().token,
                      decision.backoffMs,
                      run->options().lifo,
                      reasonOf(*run),
                      std::move(trace),
                      run->job().attemptsMade + 1}});
}

void Settlement::add(const std::shared_ptr<JobRun>& run,
                     const std::string& pluginVersion,
                     std::int64_t nowMs) {
    run->markSettling();
    const ClaimedJob& job = run->job();
    const JobOutcome& outcome = run->outcome();
    switch (outcome.kind) {
        case JobOutcome::Kind::Completed:
            end(run, true, outcome.text.empty() ? "null" : outcome.text, "");
            break;
        case JobOutcome::Kind::Failed:
        case JobOutcome::Kind::Unrecoverable:
            fail(run, pluginVersion);
            break;
        case JobOutcome::Kind::Unavailable:
            giveBack(run, 0, true);
            break;
        case JobOutcome::Kind::Delayed:
            giveBack(run, std::max<std::int64_t>(outcome.ms, 1), false);
            break;
        case JobOutcome::Kind::RateLimited:
            rateLimit = std::max(rateLimit, std::chrono::milliseconds(outcome.ms));
            giveBack(run, 0, false);
            break;
        case JobOutcome::Kind::Wait:
            giveBack(run, 0, false);
            break;
        case JobOutcome::Kind::WaitingChildren:
            childrenWait.push_back({run, {job.id, job.token, outcome.text}});
            break;
        case JobOutcome::Kind::Unset:
            Log("worker").warning(
                "the handler returned without an outcome for the job, which is tried again in " +
                    std::to_string(kUndecidedDelayMs) + " ms",
                fieldsOf(job));
            giveBack(run, nowMs + kUndecidedDelayMs, false);
            break;
    }
}

FailureDecision decideFailure(const JobRun& run, double random, int maxStartedAttempts) {
    const ClaimedJob& job = run.job();
    const JobOptions& options = run.options();
    if (run.outcome().kind == JobOutcome::Kind::Unrecoverable ||
        job.attemptsMade + 1 >= options.attempts ||
        (maxStartedAttempts > 0 && job.attemptsStarted >= maxStartedAttempts)) {
        return {};
    }
    if (!options.backoff) {
        return {true, 0};
    }
    if (options.backoff->isBuiltIn()) {
        const auto delay = options.backoff->delayAfter(job.attemptsMade + 1, random).count();
        return delay == -1 ? FailureDecision{} : FailureDecision{true, delay};
    }
    if (run.state() == JobRun::State::Refused) {
        return {true,
                0};  // The handler had returned before the job failed: it decided on no backoff.
    }
    if (!run.customBackoffMs()) {
        Log("worker").warning("the job's backoff type \"" + options.backoff->type +
                                  "\" is neither built in nor offered by the handler; the job is "
                                  "not retried",
                              fieldsOf(job));
        return {};
    }
    return *run.customBackoffMs() < 0 ? FailureDecision{}
                                      : FailureDecision{true, *run.customBackoffMs()};
}

std::string stacktraceOf(const JobRun& run, const std::string& pluginVersion) {
    std::vector<std::string> entries;
    // Node reads anything but an array as an empty one.
    const JsonView earlier = JsonView::tryParse(run.job().stacktrace).value_or(JsonView());
    for (const JsonView& entry : earlier.elements()) {
        if (auto text = entry.string()) {
            entries.push_back(std::move(*text));
        }
    }
    const JobOutcome& outcome = run.outcome();
    entries.push_back((outcome.trace.empty() ? outcome.text : outcome.trace) + "\n    at " +
                      pluginVersion);
    // As Array.prototype.slice(-limit): a negative limit leaves out as many from the beginning.
    const auto count = static_cast<std::int64_t>(entries.size());
    const std::int64_t limit = run.options().stackTraceLimit.value_or(count);
    const auto from =
        static_cast<std::size_t>(limit >= 0 ? std::max<std::int64_t>(count - limit, 0)
                                            : std::min(count, -std::max(limit, -count)));
    std::string text = "[";
    for (std::size_t i = from; i < entries.size(); ++i) {
        if (i > from) {
            text += ',';
        }
        appendJsonString(text, entries[i]);
    }
    return text + "]";
}

}  // namespace drover
