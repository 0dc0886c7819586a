#include "plugin/abi/AbiJob.h"

#include <algorithm>
#include <limits>
#include <string_view>

#include "core/NodeNumber.h"
#include "drover/AbiText.h"
#include "drover/Json.h"

namespace drover {

namespace {

using abi::bytes;

/// Returns opts.attempts as the engine uses it; 0 if it is missing.
std::int32_t allowedAttempts(std::string_view opts) {
    // Most jobs have few options: parse them only if the name occurs at all.
    if (opts.find("\"attempts\"") == std::string_view::npos) {
        return 0;
    }
    const JsonView options = JsonView::tryParse(opts).value_or(JsonView());
    const std::int64_t attempts = roundedUp(nodeNumber(options["attempts"].text()));
    return static_cast<std::int32_t>(
        std::clamp<std::int64_t>(attempts, 0, std::numeric_limits<std::int32_t>::max()));
}

}  // namespace

drover_job abiJob(const ClaimedJob& job) {
    drover_job out{};
    out.struct_size = sizeof(out);
    out.attempts_made = job.attemptsMade;
    out.attempts_started = job.attemptsStarted;
    out.stalled_count = job.stalledCount;
    out.attempts = allowedAttempts(job.opts);
    out.priority = job.priority;
    out.timestamp_ms = job.timestampMs;
    out.delay_ms = job.delayMs;
    out.id = bytes(job.id);
    out.name = bytes(job.name);
    out.queue = bytes(job.queue);
    out.data = bytes(job.data);
    out.opts = bytes(job.opts);
    out.parent_key = bytes(job.parentKey);
    out.scheduler = bytes(job.scheduler);
    out.deduplication_id = bytes(job.deduplicationId);
    out.progress = bytes(job.progress);
    out.processed_on_ms = job.processedOnMs;
    out.token = bytes(job.token);
    out.stacktrace = bytes(job.stacktrace);
    out.failed_reason = bytes(job.failedReason);
    out.parent = bytes(job.parent);
    return out;
}

}  // namespace drover
