#include "worker/JobCalls.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <Poco/Exception.h>

#include "core/JobFields.h"
#include "core/JsonText.h"
#include "drover/Exceptions.h"
#include "drover/JobChildren.h"
#include "queue/QueueContext.h"
#include "queue/SchedulerRecord.h"
#include "queue/ops/Add.h"
#include "queue/ops/Children.h"
#include "queue/ops/JobChanges.h"
#include "queue/ops/JobUpdates.h"
#include "queue/ops/Read.h"
#include "queue/ops/Schedulers.h"
#include "worker/CallTexts.h"
#include "worker/HandlerJobs.h"

namespace drover {

template <typename Act>
HostStatus JobCalls::reach(const ClaimedJob& job, Act act) const {
    try {
        return act(*clients_.lease()) < 0 ? HostStatus::Lost : HostStatus::Ok;
    } catch (const RedisIoException&) {
        return HostStatus::Unavailable;
    } catch (const Exception& error) {
        // Nothing is thrown into a plugin.
        Log("worker").error(error.message(), fieldsOf(job));
        return HostStatus::Unavailable;
    }
}

HostStatus JobCalls::call(const ClaimedJob& job,
                          const JobOptions& options,
                          HostCall function,
                          std::string_view text,
                          std::string& answer) const {
    switch (function) {
        case HostCall::UpdateProgress:
        case HostCall::UpdateData:
            // Text that is not JSON ends the event loop of every BullMQ client of the queue (docs/wire-format.md#events).
            if (!isJson(text)) {
                return HostStatus::Argument;
            }
            return reach(job, [&](RedisClient& redis) {
                return function == HostCall::UpdateData
                           ? ops::updateData(queue_, redis, job.id, text)
                           : ops::updateProgress(queue_, redis, job.id, text);
            });
        case HostCall::AddLog:
            if (!isUtf8(text)) {
                return HostStatus::Argument;
            }
            return reach(job, [&](RedisClient& redis) {
                const std::int64_t most = std::max<std::int64_t>(options.keepLogs.value_or(0), 0);
                const std::int64_t rows = ops::addLog(queue_, redis, job.id, text, most);
                answer = std::to_string(rows);
                return rows;
            });
        case HostCall::AddChildren:
            return addChildren(job, text, answer);
        case HostCall::ChildrenValues:
            return reach(job, [&](RedisClient& redis) {
                answer = callText(ops::childrenValues(queue_, redis, job.id));
                return 0;
            });
        case HostCall::AddJobs:
            return addJobs(job, text, answer);
        case HostCall::StoredJob:
            return reach(job, [&](RedisClient& redis) {
                const std::optional<Job> stored = ops::job(queue_, redis, job.id);
                answer = stored ? stored->toJson() : "";
                return stored ? 0 : -1;
            });
        case HostCall::Dependencies:
            return dependencies(job, text, answer);
        case HostCall::DependenciesCount:
            return reach(job, [&](RedisClient& redis) {
                answer = callText(ops::childCounts(queue_, redis, job.id));
                return 0;
            });
        case HostCall::FailedChildren:
            return failedChildren(job, answer);
        case HostCall::RemoveUnprocessedChildren:
            return removeUnprocessedChildren(job, answer);
        case HostCall::UpsertScheduler:
            return upsertScheduler(job, text, answer);
        case HostCall::RemoveScheduler:
            return removeScheduler(job, text, answer);
    }
    return HostStatus::Unsupported;
}

HostStatus JobCalls::addChildren(const ClaimedJob& job,
                                 std::string_view json,
                                 std::string& answer) const {
    const auto children = parseChildren(json, job, answer);
    if (!children) {
        Log("worker").error("add_children: " + answer, fieldsOf(job));
        return HostStatus::Argument;
    }
    answer = "[";
    return reach(job, [&](RedisClient& redis) {
        const std::int64_t nowMs = redis.nowMs();
        // Neighbours for the same queue travel together.
        for (std::size_t from = 0; from < children->size();) {
            const HandlerJob& first = (*children)[from];
            std::vector<JobRecord> records;
            while (from < children->size() && (*children)[from].prefix == first.prefix &&
                   (*children)[from].queue == first.queue) {
                records.push_back((*children)[from++].record);
            }
            const QueueContext childQueue(QueueKeys(first.prefix, first.queue),
                                          queue_.bullmq5Mode());
            for (const AddedId& added : ops::addJobs(childQueue, redis, records, nowMs)) {
                if (added.code < 0) {
                    return added.code;
                }
                if (!added.error.empty()) {
                    throw ScriptException("add_children: " + added.error);
                }
                answer += answer.size() > 1 ? "," : "";
                appendJsonString(answer, added.id);
            }
        }
        answer += "]";
        return 0;
    });
}

HostStatus JobCalls::addJobs(const ClaimedJob& job,
                             std::string_view json,
                             std::string& answer) const {
    auto jobs = parseHandlerJobs(json, job, answer);
    if (!jobs) {
        return HostStatus::Argument;
    }
    std::vector<AddResult> results(jobs->size());
    std::map<std::pair<std::string, std::string>, std::vector<std::size_t>> byQueue;
    for (std::size_t i = 0; i < jobs->size(); ++i) {
        HandlerJob& one = (*jobs)[i];
        if (one.refusal.empty()) {
            byQueue[{one.prefix, one.queue}].push_back(i);
        } else {
            results[i].status = AddResult::Status::Rejected;
            results[i].message = std::move(one.refusal);
        }
    }
    for (const auto& [queue, places] : byQueue) {
        std::vector<JobRecord> records;
        records.reserve(places.size());
        for (const std::size_t place : places) {
            records.push_back(std::move((*jobs)[place].record));
        }
        std::vector<AddResult> added =
            adds_.add(contextOf(queue.first, queue.second), std::move(records));
        for (std::size_t i = 0; i < added.size(); ++i) {
            results[places[i]] = std::move(added[i]);
        }
    }
    answer = callText(results);
    const bool noneSent = std::all_of(results.begin(), results.end(), [](const AddResult& result) {
        return result.status == AddResult::Status::Unavailable;
    });
    return noneSent && !results.empty() ? HostStatus::Unavailable : HostStatus::Ok;
}

HostStatus JobCalls::dependencies(const ClaimedJob& job,
                                  std::string_view text,
                                  std::string& answer) const {
    if (text.empty()) {
        return reach(job, [&](RedisClient& redis) {
            answer = callText(ops::children(queue_, redis, job.id));
            return 0;
        });
    }
    ChildPages pages;
    answer = readChildPages(text, pages);
    if (!answer.empty()) {
        return HostStatus::Argument;
    }
    return reach(job, [&](RedisClient& redis) {
        answer = callText(ops::childrenPage(queue_, redis, job.id, pages), pages);
        return 0;
    });
}

HostStatus JobCalls::upsertScheduler(const ClaimedJob& job,
                                     std::string_view text,
                                     std::string& answer) const {
    HandlerScheduler wanted;
    answer = parseHandlerScheduler(text, job, true, wanted);
    if (!answer.empty()) {
        return HostStatus::Argument;
    }
    const QueueContext queue = contextOf(wanted.prefix, wanted.queue);
    try {
        bool busy = false;
        const HostStatus status = reach(job, [&](RedisClient& redis) {
            const std::int64_t nowMs = redis.nowMs();
            const auto record = schedulerRecordOf(wanted.id, wanted.repeat, wanted.jobs, nowMs);
            const UpsertResult result =
                record ? ops::upsertScheduler(queue, redis, *record, nowMs) : UpsertResult{};
            busy = result.code < 0;
            answer = !record ? "null"
                     : busy  ? "the next run has a job already (" + std::to_string(result.code) +
                                  "): " + result.jobId
                            : callText(ScheduledRun{result.jobId, result.dueMs});
            return 0;
        });
        return status == HostStatus::Ok && busy ? HostStatus::Argument : status;
    } catch (const Poco::InvalidArgumentException& error) {
        answer = error.message();
        return HostStatus::Argument;
    }
}

HostStatus JobCalls::removeScheduler(const ClaimedJob& job,
                                     std::string_view text,
                                     std::string& answer) const {
    HandlerScheduler wanted;
    answer = parseHandlerScheduler(text, job, false, wanted);
    if (!answer.empty()) {
        return HostStatus::Argument;
    }
    const QueueContext queue = contextOf(wanted.prefix, wanted.queue);
    return reach(job, [&](RedisClient& redis) {
        answer = ops::removeScheduler(queue, redis, wanted.id) ? "true" : "false";
        return 0;
    });
}

QueueContext JobCalls::contextOf(const std::string& prefix, const std::string& queue) const {
    const bool own = prefix + ":" + queue == queue_.keys().qualifiedName();
    return own ? queue_ : QueueContext(QueueKeys(prefix, queue), queue_.bullmq5Mode());
}

HostStatus JobCalls::removeUnprocessedChildren(const ClaimedJob& job, std::string& answer) const {
    std::size_t removed = 0;
    std::string cursor = "0";
    const HostStatus status = reach(job, [&](RedisClient& redis) {
        for (;;) {
            const ops::RemovedChildren step =
                ops::removeUnprocessedChildren(queue_, redis, job.id, ops::kRemovalBudget, cursor);
            removed += step.removed;
            if (step.done) {
                return 0;
            }
        }
    });
    answer = std::to_string(removed);
    return status;
}

HostStatus JobCalls::failedChildren(const ClaimedJob& job, std::string& answer) const {
    return reach(job, [&](RedisClient& redis) {
        answer = callText(FailedChildren{ops::failedChildren(queue_, redis, job.id),
                                         ops::ignoredChildrenFailures(queue_, redis, job.id)});
        return 0;
    });
}

}  // namespace drover
