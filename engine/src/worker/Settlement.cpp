#include "worker/Settlement.h"

#include <algorithm>
#include <rapidjson/document.h>

#include <Poco/Logger.h>

#include "core/JsonText.h"

namespace drover {

FailureDecision decideFailure(const JobRun& run, double random) {
    const ClaimedJob& job = run.job();
    const JobOptions& options = run.options();
    if (run.outcome().kind == JobOutcome::Kind::Unrecoverable ||
        job.attemptsMade + 1 >= options.attempts) {
        return {};
    }
    if (!options.backoff) {
        return {true, 0};
    }
    if (options.backoff->isBuiltIn()) {
        return {true, options.backoff->delayAfter(job.attemptsMade + 1, random).count()};
    }
    if (!run.customBackoffMs) {
        Poco::Logger::get("worker").warning(
            "job %s of %s: its backoff type \"%s\" is neither built in nor known to its "
            "handler; it is not retried",
            job.id,
            job.queue,
            options.backoff->type);
        return {};
    }
    return *run.customBackoffMs < 0 ? FailureDecision{}
                                    : FailureDecision{true, *run.customBackoffMs};
}

std::string stacktraceOf(const JobRun& run, const std::string& pluginVersion) {
    rapidjson::Document earlier;
    // Not recursive: the depth is whatever somebody wrote into the hash.
    earlier.Parse<rapidjson::kParseIterativeFlag>(run.job().stacktrace.data(),
                                                  run.job().stacktrace.size());
    std::vector<std::string> entries;
    // Node takes anything but an array for an empty one.
    if (!earlier.HasParseError() && earlier.IsArray()) {
        for (const auto& entry : earlier.GetArray()) {
            if (entry.IsString()) {
                entries.emplace_back(entry.GetString(), entry.GetStringLength());
            }
        }
    }
    const JobOutcome& outcome = run.outcome();
    entries.push_back((outcome.trace.empty() ? outcome.text : outcome.trace) + "\n    at " +
                      pluginVersion);
    std::size_t from = 0;
    if (run.options().stackTraceLimit) {
        const auto limit =
            static_cast<std::size_t>(std::max<std::int64_t>(*run.options().stackTraceLimit, 0));
        from = entries.size() > limit ? entries.size() - limit : 0;
    }
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
