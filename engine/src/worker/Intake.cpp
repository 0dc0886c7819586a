#include "worker/Intake.h"

#include <cstddef>
#include <optional>
#include <utility>

#include <Poco/Exception.h>

#include "core/JobFields.h"
#include "core/JsonText.h"

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

/// Returns the JSON of the member `tm` of stored options, a text with its quotes; empty: it has none.
std::string_view metadataIn(std::string_view opts) {
    constexpr std::string_view kMember = R"("tm":")";
    if (opts.find(kMember) == std::string_view::npos) {
        return {};
    }
    int depth = 0;
    for (std::size_t at = 0; at < opts.size(); ++at) {
        const char c = opts[at];
        depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
        if (c != '"') {
            continue;
        }
        const bool isMember = depth == 1 && opts.substr(at, kMember.size()) == kMember;
        at += isMember ? kMember.size() - 1 : 0;
        const std::size_t begin = at;
        for (++at; at < opts.size() && opts[at] != '"'; ++at) {
            at += opts[at] == '\\' ? 1 : 0;
        }
        if (isMember) {
            return opts.substr(begin, at + 1 - begin);
        }
    }
    return {};
}

/// Returns the context of a job by the JSON of its `tm`; not set if it has none.
TraceContext contextOf(std::string_view metadata) {
    if (metadata.empty()) {
        return {};
    }
    // Nearly every text has this form; reading it needs no memory.
    constexpr std::string_view kBefore = R"("{\"traceparent\":\")";
    constexpr std::string_view kAfter = R"(\"}")";
    constexpr std::size_t kTraceparent = 55;
    if (metadata.size() == kBefore.size() + kTraceparent + kAfter.size() &&
        metadata.substr(0, kBefore.size()) == kBefore) {
        return TraceContext::parse(metadata.substr(kBefore.size(), kTraceparent))
            .value_or(TraceContext());
    }
    return TraceContext::parseMetadata(parseJsonString(metadata).value_or(""))
        .value_or(TraceContext());
}

}  // namespace

Intake::Runs Intake::runsOf(std::vector<ClaimedJob> jobs, Time now) {
    Runs runs;
    runs.reserve(jobs.size());
    for (ClaimedJob& job : jobs) {
        const std::string_view metadata = metadataIn(job.opts);
        auto options = optionsOf(job, metadata);
        std::optional<SpanStart> span;
        if (tracer_) {
            span = tracer_->start(contextOf(metadata), 0);
        }
        runs.push_back(
            std::make_shared<JobRun>(std::move(job), std::move(options), calls_, ++claimed_, now));
        if (span) {
            runs.back()->traceAs(*std::move(span));
        }
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

std::shared_ptr<const JobOptions> Intake::optionsOf(const ClaimedJob& job,
                                                    std::string_view metadata) {
    // Jobs of one producer mostly carry the same text, but for the context of their trace.
    const std::string_view opts = job.opts;
    const std::size_t at =
        metadata.empty() ? opts.size() : static_cast<std::size_t>(metadata.data() - opts.data());
    const std::string_view before = opts.substr(0, at);
    const std::string_view behind = opts.substr(at + metadata.size());
    if (cachedOptions_ && cachedBefore_ == before && cachedBehind_ == behind) {
        return cachedOptions_;
    }
    try {
        JobOptions options = JobOptions::parseStored(opts);
        if (options.telemetry) {
            options.telemetry->metadata.reset();  // Each run has its own.
        }
        cachedOptions_ = std::make_shared<const JobOptions>(std::move(options));
        cachedBefore_ = before;
        cachedBehind_ = behind;
        return cachedOptions_;
    } catch (const Poco::Exception& error) {
        Log("worker").warning(
            "the job's options cannot be read (" + error.message() + "); the defaults apply",
            fieldsOf(job));
        return std::make_shared<const JobOptions>();
    }
}

}  // namespace drover
