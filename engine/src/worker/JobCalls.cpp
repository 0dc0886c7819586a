#include "worker/JobCalls.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <Poco/Exception.h>

#include "core/HashSlot.h"
#include "core/JobFields.h"
#include "core/JsonText.h"
#include "drover/Exceptions.h"
#include "drover/JobChildren.h"
#include "queue/AddSpans.h"
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

namespace {

/// The span of a handler's add, from before the jobs are read: they carry its context.
class HandlerAdd {
public:
    HandlerAdd(const std::shared_ptr<Tracer>& tracer, const TraceContext& cause)
        : tracer_(tracer), start_(tracer ? tracer->start(cause) : SpanStart()) {}

    [[nodiscard]] std::string metadata() const {
        return tracer_ ? tracer_->metadataOf(start_) : std::string();
    }
    [[nodiscard]] bool isRecorded() const { return start_.context.sampled; }
    /// Notes a job on its way to a queue.
    void note(const std::string& queue, const std::string& name) {
        if (isRecorded()) {
            isOneQueue_ = names_.empty() || (isOneQueue_ && queue_ == queue);
            queue_ = queue;
            names_.push_back(name);
        }
    }
    /// Records the span. `result` is that of the only job, or of one that was refused.
    void end(const AddResult& result) {
        if (!isRecorded() || names_.empty()) {
            return;
        }
        const bool isOne = names_.size() == 1;
        Span span = isOne ? addSpan(start_, queue_, names_.front())
                          : bulkSpan(start_, isOneQueue_ ? queue_ : "", std::move(names_));
        drover::end(span, result);
        tracer_->record(std::move(span));
    }

private:
    const std::shared_ptr<Tracer>& tracer_;
    const SpanStart start_;
    std::string queue_;
    bool isOneQueue_ = true;
    std::vector<std::string> names_;
};

/// Returns the result that stands for all: the first that is not an added job. Several added jobs have no id here.
AddResult resultOfAll(const std::vector<AddResult>& results) {
    const auto refused = std::find_if(results.begin(), results.end(), [](const auto& result) {
        return result.status != AddResult::Status::Added;
    });
    if (refused != results.end()) {
        return *refused;
    }
    AddResult added;
    added.status = AddResult::Status::Added;
    added.id = results.size() == 1 ? results.front().id : "";
    return added;
}

}  // namespace

template <typename Act>
HostStatus JobCalls::reach(ClientPool& clients, const ClaimedJob& job, Act act) const {
    try {
        return act(*clients.lease()) < 0 ? HostStatus::Lost : HostStatus::Ok;
    } catch (const RedisIoException&) {
        return HostStatus::Unavailable;
    } catch (const Exception& error) {
        // Nothing is thrown into a plugin.
        Log("worker").error(error.message(), fieldsOf(job));
        return HostStatus::Unavailable;
    }
}

std::string JobCalls::slotProblem(const std::string& prefix,
                                  const std::string& queue,
                                  const std::string& parentKey) const {
    if (slot_ < 0) {
        return "";
    }
    const QueueContext target = targets_.at(prefix, queue);
    const std::string& name = target.keys().qualifiedName();
    std::string problem = slotError(name);
    return problem.empty() && !parentKey.empty() ? otherSlotError(hashSlot(name), parentKey, target)
                                                 : problem;
}

ClientPool& JobCalls::clientsFor(const QueueContext& queue) const {
    const std::string& name = queue.keys().qualifiedName();
    return slot_ < 0 || !clientsOf_ || hashSlot(name) == slot_ ? clients_ : clientsOf_(name);
}

HostStatus JobCalls::call(const ClaimedJob& job,
                          const JobOptions& options,
                          const TraceContext& cause,
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
            return addChildren(job, cause, text, answer);
        case HostCall::ChildrenValues:
            return reach(job, [&](RedisClient& redis) {
                answer = callText(ops::childrenValues(queue_, redis, job.id));
                return 0;
            });
        case HostCall::AddJobs:
            return addJobs(job, cause, text, answer);
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
            return upsertScheduler(job, cause, text, answer);
        case HostCall::RemoveScheduler:
            return removeScheduler(job, text, answer);
        case HostCall::TraceContext:
            break;  // The run has it.
    }
    return HostStatus::Unsupported;
}

PlaceJob JobCalls::placeJob() const {
    if (!targets_.haveShards()) {
        return {};
    }
    return [this](const std::string& prefix,
                  const std::string& queue,
                  const NewJob& one,
                  std::string_view parentQueue) {
        return targets_.placeOf(prefix, queue, one, parentQueue);
    };
}

HostStatus JobCalls::addChildren(const ClaimedJob& job,
                                 const TraceContext& cause,
                                 std::string_view json,
                                 std::string& answer) const {
    HandlerAdd span(tracer_, cause);
    const auto children = parseChildren(json, job, answer, span.metadata(), placeJob());
    if (!children) {
        Log("worker").error("add_children: " + answer, fieldsOf(job));
        return HostStatus::Argument;
    }
    for (const HandlerJob& child : *children) {
        span.note(child.queue, child.record.name);
        if (answer = slotProblem(child.prefix, child.queue, child.record.parentKey);
            !answer.empty()) {
            Log("worker").error("add_children: " + answer, fieldsOf(job));
            return HostStatus::Argument;
        }
    }
    answer = "[";
    AddResult result;
    result.status = AddResult::Status::Added;
    const HostStatus status = reach(job, [&](RedisClient& redis) {
        const std::int64_t nowMs = redis.nowMs();
        // Neighbours for the same queue travel together.
        for (std::size_t from = 0; from < children->size();) {
            const HandlerJob& first = (*children)[from];
            std::vector<JobRecord> records;
            while (from < children->size() && (*children)[from].prefix == first.prefix &&
                   (*children)[from].queue == first.queue) {
                records.push_back((*children)[from++].record);
            }
            const QueueContext childQueue = targets_.at(first.prefix, first.queue);
            for (const AddedId& added : ops::addJobs(childQueue, redis, records, nowMs)) {
                if (added.code < 0) {
                    return added.code;
                }
                if (!added.error.empty()) {
                    throw ScriptException("add_children: " + added.error);
                }
                answer += answer.size() > 1 ? "," : "";
                appendJsonString(answer, added.id);
                result.id = children->size() == 1 ? added.id : "";
            }
        }
        answer += "]";
        return 0;
    });
    if (status != HostStatus::Ok) {
        result.status = AddResult::Status::Rejected;
    }
    span.end(result);
    return status;
}

HostStatus JobCalls::addJobs(const ClaimedJob& job,
                             const TraceContext& cause,
                             std::string_view json,
                             std::string& answer) const {
    HandlerAdd span(tracer_, cause);
    auto jobs = parseHandlerJobs(json, job, answer, span.metadata(), placeJob());
    if (!jobs) {
        return HostStatus::Argument;
    }
    std::vector<AddResult> results(jobs->size());
    std::map<std::pair<std::string, std::string>, std::vector<std::size_t>> byQueue;
    for (std::size_t i = 0; i < jobs->size(); ++i) {
        HandlerJob& one = (*jobs)[i];
        if (one.refusal.empty()) {
            one.refusal = slotProblem(one.prefix, one.queue, one.record.parentKey);
        }
        if (one.refusal.empty()) {
            span.note(one.queue, one.record.name);
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
        const QueueContext target = targets_.at(queue.first, queue.second);
        std::vector<AddResult> added = adds_.add(target, clientsFor(target), std::move(records));
        for (std::size_t i = 0; i < added.size(); ++i) {
            results[places[i]] = std::move(added[i]);
        }
    }
    if (span.isRecorded()) {
        span.end(resultOfAll(results));
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
                                     const TraceContext& cause,
                                     std::string_view text,
                                     std::string& answer) const {
    HandlerScheduler wanted;
    answer = parseHandlerScheduler(text, job, true, wanted);
    if (!answer.empty()) {
        return HostStatus::Argument;
    }
    wanted.queue = targets_.placeOf(wanted.prefix, wanted.queue, wanted.id);
    if (answer = slotProblem(wanted.prefix, wanted.queue); !answer.empty()) {
        return HostStatus::Argument;
    }
    const QueueContext queue = targets_.at(wanted.prefix, wanted.queue);
    const SpanStart start = tracer_ ? tracer_->start(cause) : SpanStart();
    try {
        bool busy = false;
        const HostStatus status = reach(clientsFor(queue), job, [&](RedisClient& redis) {
            const std::int64_t nowMs = redis.nowMs();
            const auto record = schedulerRecordOf(wanted.id,
                                                  wanted.repeat,
                                                  wanted.jobs,
                                                  nowMs,
                                                  tracer_ ? tracer_->metadataOf(start) : "");
            const UpsertResult result =
                record ? ops::upsertScheduler(queue, redis, *record, nowMs) : UpsertResult{};
            busy = result.code < 0;
            if (start.context.sampled) {
                Span span = upsertSpan(start, wanted.queue, wanted.id, wanted.jobs.name);
                AddResult added;
                added.status = busy ? AddResult::Status::Rejected : AddResult::Status::Added;
                added.id = result.jobId;
                end(span, added);
                tracer_->record(std::move(span));
            }
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
    wanted.queue = targets_.placeOf(wanted.prefix, wanted.queue, wanted.id);
    if (answer = slotProblem(wanted.prefix, wanted.queue); !answer.empty()) {
        return HostStatus::Argument;
    }
    const QueueContext queue = targets_.at(wanted.prefix, wanted.queue);
    return reach(clientsFor(queue), job, [&](RedisClient& redis) {
        answer = ops::removeScheduler(queue, redis, wanted.id) ? "true" : "false";
        return 0;
    });
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
