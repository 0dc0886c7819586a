#include "worker/JobRun.h"

#include <algorithm>
#include <utility>

#include "worker/JobCalls.h"

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

HostStatus JobRun::updateProgress(std::string_view json) {
    return cancel_.isLost() ? HostStatus::Lost : calls_.updateProgress(job_, json);
}

HostStatus JobRun::updateData(std::string_view json) {
    return cancel_.isLost() ? HostStatus::Lost : calls_.updateData(job_, json);
}

HostStatus JobRun::addLog(std::string_view row) {
    const std::int64_t keep = std::max<std::int64_t>(options_->keepLogs.value_or(0), 0);
    return cancel_.isLost() ? HostStatus::Lost : calls_.addLog(job_, row, keep);
}

HostStatus JobRun::addChildren(std::string_view childrenJson, std::string& ids) {
    return cancel_.isLost() ? HostStatus::Lost : calls_.addChildren(job_, childrenJson, ids);
}

HostStatus JobRun::childrenValues(std::string& values) {
    return cancel_.isLost() ? HostStatus::Lost : calls_.childrenValues(job_, values);
}

}  // namespace drover
