#include "worker/JobRun.h"

#include <utility>

namespace drover {

JobRun::JobRun(ClaimedJob job,
               std::shared_ptr<const JobOptions> options,
               const JobCalls& calls,
               std::uint64_t sequence,
               Time claimedAt)
    : job_(std::move(job)),
      options_(std::move(options)),
      calls_(calls),
      sequence_(sequence),
      claimedAt_(claimedAt) {}

const std::string& JobRun::workerName() const {
    return calls_.workerName();
}

HostStatus JobRun::call(HostCall function, std::string_view text, std::string& answer) {
    if (function == HostCall::TraceContext) {
        answer = trace_ ? trace_->start.context.metadata() : "";
        return HostStatus::Ok;
    }
    return cancel_.isLost() ? HostStatus::Lost
                            : calls_.call(job_,
                                          *options_,
                                          trace_ ? trace_->start.context : TraceContext(),
                                          function,
                                          text,
                                          answer);
}

bool JobRun::setOutcome(JobOutcome outcome) {
    const std::lock_guard lock(outcomeMutex_);
    if (outcome_.kind != JobOutcome::Kind::Unset) {
        return false;
    }
    outcome_ = std::move(outcome);
    return true;
}

void JobRun::refuse(JobOutcome instead) {
    const std::lock_guard lock(outcomeMutex_);
    outcome_ = std::move(instead);
    state_ = State::Refused;
}

CancelReason JobRun::cancelled() const {
    return cancel_.reason(std::chrono::steady_clock::now());
}

CancelReason JobRun::waitCancelled(std::chrono::milliseconds timeout) {
    return cancel_.wait(timeout, std::chrono::steady_clock::now());
}

}  // namespace drover
