#include "worker/JobRun.h"

#include <Poco/Logger.h>

#include "core/JsonText.h"
#include "drover/Exceptions.h"

namespace drover {

JobRun::JobRun(ClaimedJob job,
               std::shared_ptr<const JobOptions> options,
               const QueueBackend& backend,
               ClientPool& clients,
               Time claimedAt)
    : job_(std::move(job)),
      options_(std::move(options)),
      backend_(backend),
      clients_(clients),
      claimedAt_(claimedAt) {}

bool JobRun::setOutcome(JobOutcome outcome) {
    const std::lock_guard lock(mutex_);
    if (outcome_.kind != JobOutcome::Kind::Unset) {
        return false;
    }
    outcome_ = std::move(outcome);
    return true;
}

void JobRun::overrideOutcome(JobOutcome outcome) {
    const std::lock_guard lock(mutex_);
    outcome_ = std::move(outcome);
}

void JobRun::cancel(CancelReason reason) {
    {
        const std::lock_guard lock(mutex_);
        CancelReason none = CancelReason::None;
        cancelReason_.compare_exchange_strong(none, reason);
    }
    cancelledSignal_.notify_all();
}

CancelReason JobRun::waitCancelled(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    cancelledSignal_.wait_for(
        lock, timeout, [this] { return cancelReason_ != CancelReason::None; });
    return cancelReason_;
}

template <typename Call>
HostStatus JobRun::hostCall(Call call) {
    if (cancelReason_ == CancelReason::Lost) {
        return HostStatus::Lost;
    }
    try {
        return call(*clients_.lease()) < 0 ? HostStatus::Lost : HostStatus::Ok;
    } catch (const RedisIoException&) {
        return HostStatus::Unavailable;
    } catch (const Exception& error) {
        // Nothing is thrown into a plugin.
        Poco::Logger::get("worker").error("job %s of %s: %s", job_.id, job_.queue, error.message());
        return HostStatus::Unavailable;
    }
}

HostStatus JobRun::updateProgress(std::string_view json) {
    // One value that is none ends the event loop of every BullMQ client of the queue (contract section 5.2).
    if (!isJson(json)) {
        return HostStatus::Argument;
    }
    return hostCall(
        [&](RedisClient& redis) { return backend_.updateProgress(redis, job_.id, json); });
}

HostStatus JobRun::updateData(std::string_view json) {
    if (!isJson(json)) {
        return HostStatus::Argument;
    }
    return hostCall([&](RedisClient& redis) { return backend_.updateData(redis, job_.id, json); });
}

HostStatus JobRun::addLog(std::string_view row) {
    const std::int64_t keep = options_->keepLogs.value_or(0);
    return hostCall([&](RedisClient& redis) { return backend_.addLog(redis, job_.id, row, keep); });
}

HostStatus JobRun::addChildren(std::string_view /*childrenJson*/, std::string& /*ids*/) {
    return HostStatus::Unsupported;
}

HostStatus JobRun::childrenValues(std::string& /*values*/) {
    return HostStatus::Unsupported;
}

}  // namespace drover
