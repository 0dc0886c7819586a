#include "drover/JobControl.h"

#include <string_view>

#include <Poco/Exception.h>

#include "core/ErrorCode.h"
#include "core/Names.h"
#include "core/OptionsCheck.h"
#include "drover/Exceptions.h"
#include "drover/Json.h"
#include "queue/QueueOnServer.h"
#include "queue/ops/JobChanges.h"
#include "queue/ops/JobUpdates.h"
#include "queue/ops/Locks.h"
#include "queue/ops/Settle.h"

namespace drover {

namespace {

void requireId(const std::string& id) {
    if (const std::string error = storedJobIdError(id); !error.empty()) {
        throw Poco::InvalidArgumentException(error);
    }
}

void requireJson(const char* what, const std::string& text) {
    if (!isJson(text)) {
        throw Poco::InvalidArgumentException(
            std::string(what) + " must be JSON, got " +
            (text.empty() ? "an empty text" : text.substr(0, 100)));
    }
}

/// Throws unless the number is in [least, …).
void requireAtLeast(const char* what, std::int64_t least, std::int64_t value) {
    if (value < least) {
        throw Poco::InvalidArgumentException(std::string(what) + " must be at least " +
                                             std::to_string(least) + ", got " +
                                             std::to_string(value));
    }
}

}  // namespace

class JobControl::Impl : public QueueOnServer {
public:
    using QueueOnServer::QueueOnServer;
};

JobControl::JobControl(const Redis& redis, const Settings& settings)
    : impl_(std::make_unique<Impl>(redis, settings.prefix, settings.name, settings.bullmq5)) {}
JobControl::~JobControl() = default;

void JobControl::promote(const std::string& id) {
    requireId(id);
    requireNoError(ops::promoteJob(impl_->queue_, *impl_->redis_.shared().lease(), id),
                   {id, "promote", "delayed", ""});
}

void JobControl::changeDelay(const std::string& id, std::chrono::milliseconds delay) {
    requireId(id);
    requireAtLeast("delay", 0, delay.count());
    const ClientPool::Lease redis = impl_->redis_.shared().lease();
    requireNoError(ops::changeDelay(impl_->queue_, *redis, id, delay, (*redis).nowMs()),
                   {id, "changeDelay", "delayed", ""});
}

void JobControl::changePriority(const std::string& id, int priority, bool lifo) {
    requireId(id);
    JobOptions opts;
    opts.priority = priority;
    if (const std::string error = optionsError(opts); !error.empty()) {
        throw Poco::InvalidArgumentException(error);
    }
    requireNoError(
        ops::changePriority(impl_->queue_, *impl_->redis_.shared().lease(), id, priority, lifo),
        {id, "changePriority", "", ""});
}

void JobControl::moveToDelayed(const std::string& id,
                               std::int64_t dueMs,
                               const std::string& token) {
    requireId(id);
    requireAtLeast("dueMs", 1, dueMs);
    const ClientPool::Lease redis = impl_->redis_.shared().lease();
    const SettleResult moved =
        ops::handBackJobs(impl_->queue_, *redis, {{id, token, dueMs, false}}, (*redis).nowMs());
    if (!moved.problems.empty()) {
        throw ScriptException("moveToDelayed job " + id + ": " + moved.problems.front().text);
    }
    requireNoError(moved.codes.front(), {id, "moveToDelayed", "active", ""});
}

void JobControl::retry(const std::string& id, const Retry& options) {
    requireId(id);
    if (options.from != JobState::Failed && options.from != JobState::Completed) {
        throw Poco::InvalidArgumentException(
            std::string("a job can be retried from failed or completed, not from ") +
            toString(options.from));
    }
    requireNoError(ops::reprocessJob(impl_->queue_,
                                     *impl_->redis_.shared().lease(),
                                     id,
                                     options.from == JobState::Completed,
                                     options.resetAttemptsMade,
                                     options.resetAttemptsStarted),
                   {id, "reprocessJob", toString(options.from), ""});
}

void JobControl::updateData(const std::string& id, const std::string& json) {
    requireId(id);
    requireJson("data", json);
    requireNoError(ops::updateData(impl_->queue_, *impl_->redis_.shared().lease(), id, json),
                   {id, "updateData", "", ""});
}

void JobControl::updateProgress(const std::string& id, const std::string& json) {
    requireId(id);
    requireJson("progress", json);
    requireNoError(ops::updateProgress(impl_->queue_, *impl_->redis_.shared().lease(), id, json),
                   {id, "updateProgress", "", ""});
}

std::int64_t JobControl::addLog(const std::string& id,
                                const std::string& row,
                                std::int64_t mostRows) {
    requireId(id);
    requireAtLeast("mostRows", 0, mostRows);
    const std::int64_t rows =
        ops::addLog(impl_->queue_, *impl_->redis_.shared().lease(), id, row, mostRows);
    requireNoError(rows, {id, "addLog", "", ""});
    return rows;
}

void JobControl::clearLogs(const std::string& id, std::int64_t mostRows) {
    requireId(id);
    requireAtLeast("mostRows", 0, mostRows);
    ops::clearLogs(impl_->queue_, *impl_->redis_.shared().lease(), id, mostRows);
}

bool JobControl::remove(const std::string& id, bool withChildren) {
    requireId(id);
    for (;;) {
        const std::int64_t result = ops::removeJob(
            impl_->queue_, *impl_->redis_.shared().lease(), id, withChildren, ops::kRemovalBudget);
        requireNoError(result, {id, "removeJob", "", ""});
        if (result < 2) {
            return result == 1;
        }
    }
}

std::size_t JobControl::removeUnprocessedChildren(const std::string& id) {
    requireId(id);
    std::size_t removed = 0;
    std::string cursor = "0";
    for (;;) {
        const ops::RemovedChildren step = ops::removeUnprocessedChildren(
            impl_->queue_, *impl_->redis_.shared().lease(), id, ops::kRemovalBudget, cursor);
        removed += step.removed;
        if (step.done) {
            return removed;
        }
    }
}

bool JobControl::removeChildDependency(const std::string& id) {
    requireId(id);
    const ops::RemovedDependency removed =
        ops::removeChildDependency(impl_->queue_, *impl_->redis_.shared().lease(), id);
    requireNoError(removed.code, {id, "removeChildDependency", "", removed.parentKey});
    return removed.code == 0;
}

void JobControl::cancel(const std::string& id, const std::string& reason) {
    requireId(id);
    const ClientPool::Lease redis = impl_->redis_.shared().lease();
    const std::string& queue = impl_->queue_.keys().qualifiedName();
    switch (ops::cancelJob(impl_->queue_, *redis, id, reason)) {
        case CancelRequest::Requested:
            return;
        case CancelRequest::NotHeld:
            throw JobStateException("cancel job " + id + " of " + queue + ": no worker holds it",
                                    static_cast<int>(ErrorCode::JobNotInState));
        case CancelRequest::Unknown:
            throw JobStateException("cancel job " + id + " of " + queue + ": there is no such job",
                                    static_cast<int>(ErrorCode::JobNotExist));
    }
}

std::optional<std::string> JobControl::deduplicationJobId(const std::string& deduplicationId) {
    return ops::deduplicationJobId(impl_->queue_, *impl_->redis_.shared().lease(), deduplicationId);
}

bool JobControl::removeDeduplicationKey(const std::string& deduplicationId) {
    return ops::removeDeduplicationId(
        impl_->queue_, *impl_->redis_.shared().lease(), deduplicationId);
}

bool JobControl::removeDeduplicationKeyOf(const std::string& id) {
    requireId(id);
    return ops::removeDeduplicationKey(impl_->queue_, *impl_->redis_.shared().lease(), id);
}

}  // namespace drover
