#include "worker/JobRun.h"

#include <algorithm>

#include <Poco/Logger.h>

#include "core/JsonText.h"
#include "drover/Exceptions.h"
#include "worker/ChildJobs.h"

namespace drover {

namespace {

/// "For ever" must not overflow the clock.
constexpr std::chrono::milliseconds kLongestWait = std::chrono::hours(24 * 365);

}  // namespace

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
    overridden_ = true;
}

bool JobRun::cancel(CancelReason reason, const std::string& why) {
    {
        const std::lock_guard lock(mutex_);
        const CancelReason before = cancelReason_;
        if (before == reason || (before != CancelReason::None && reason != CancelReason::Lost)) {
            return false;
        }
        cancelReason_ = reason;
        cancelWhy_ = why;
    }
    cancelledSignal_.notify_all();
    return true;
}

std::string JobRun::cancelledWhy() const {
    const std::lock_guard lock(mutex_);
    return cancelWhy_;
}

void JobRun::limitTo(std::chrono::milliseconds timeout) {
    limit_ = std::chrono::steady_clock::now() + timeout;
}

CancelReason JobRun::cancelled() const {
    const CancelReason reason = cancelReason_;
    if (reason != CancelReason::None) {
        return reason;
    }
    const Time limit = limit_;
    return limit != Time::max() && std::chrono::steady_clock::now() >= limit ? CancelReason::Timeout
                                                                             : CancelReason::None;
}

CancelReason JobRun::waitCancelled(std::chrono::milliseconds timeout) {
    const Time until =
        std::min(std::chrono::steady_clock::now() + std::min(timeout, kLongestWait), limit_.load());
    std::unique_lock lock(mutex_);
    cancelledSignal_.wait_until(
        lock, until, [this] { return cancelReason_ != CancelReason::None; });
    return cancelled();
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
    // One value that is none ends the event loop of every BullMQ client of the queue (docs/wire-format.md#events).
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
    const std::int64_t keep = std::max<std::int64_t>(options_->keepLogs.value_or(0), 0);
    return hostCall([&](RedisClient& redis) { return backend_.addLog(redis, job_.id, row, keep); });
}

HostStatus JobRun::addChildren(std::string_view childrenJson, std::string& ids) {
    std::int64_t nowMs = 0;
    const HostStatus status = hostCall([&](RedisClient& redis) {
        nowMs = redis.nowMs();
        return 0;
    });
    if (status != HostStatus::Ok) {
        return status;
    }
    std::string problem;
    const auto children = parseChildren(childrenJson, job_, nowMs, problem);
    if (!children) {
        Poco::Logger::get("worker").error(
            "job %s of %s: add_children: %s", job_.id, job_.queue, problem);
        return HostStatus::Argument;
    }
    ids = "[";
    return hostCall([&](RedisClient& redis) {
        // Neighbours for the same queue travel together.
        for (std::size_t from = 0; from < children->size();) {
            const ChildJob& first = (*children)[from];
            std::vector<AddItem> items;
            while (from < children->size() && (*children)[from].prefix == first.prefix &&
                   (*children)[from].queue == first.queue) {
                items.push_back((*children)[from++].item);
            }
            const QueueBackend queue(QueueKeys(first.prefix, first.queue), backend_.bullmq5Mode());
            for (const AddedId& added : queue.addJobs(redis, items, nowMs)) {
                if (added.code < 0) {
                    return added.code;
                }
                if (!added.error.empty()) {
                    throw ScriptException("add_children: " + added.error);
                }
                ids += ids.size() > 1 ? "," : "";
                appendJsonString(ids, added.id);
            }
        }
        ids += "]";
        return 0;
    });
}

HostStatus JobRun::childrenValues(std::string& values) {
    return hostCall([&](RedisClient& redis) {
        values = "{";
        for (const auto& [child, value] : backend_.childrenValues(redis, job_.id)) {
            values += values.size() > 1 ? "," : "";
            appendJsonString(values, child);
            values += ":" + value;
        }
        values += "}";
        return 0;
    });
}

}  // namespace drover
