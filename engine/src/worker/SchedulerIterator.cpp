#include "worker/SchedulerIterator.h"

#include <memory>
#include <optional>
#include <utility>

#include <Poco/Exception.h>

#include "core/JobFields.h"
#include "core/JsonText.h"
#include "core/NodeNumber.h"
#include "core/SchedulerSlots.h"
#include "drover/JsonWriter.h"
#include "drover/Trace.h"
#include "queue/AddSpans.h"
#include "queue/JobRecord.h"
#include "queue/ops/Schedulers.h"

namespace drover {

namespace {

/// Sets what the next job's opts.repeat depends on: its members are the job's, with the count raised.
void setRepeat(SchedulerItem& item, std::string_view repeat, const Schedule& schedule) {
    item.pattern = schedule.everyMs == 0 && !schedule.pattern.empty();
    item.everyMs = schedule.everyMs;
    JsonWriter out;
    out.beginObject();
    const auto members = splitJsonObject(repeat);
    for (const auto& [name, value] : *members) {
        if (name == "offset") {
            item.offsetMs = schedule.offsetMs;
        } else if (name != "count") {
            out.key(name).raw(value);
        }
    }
    item.repeat = std::move(out.key("count").number(schedule.count + 1).endObject()).str();
}

/// The span of adding a scheduler's next job, below the one that the claimed job has in its options.
class IterationSpan {
public:
    IterationSpan(const std::shared_ptr<Tracer>& tracer,
                  const std::string& queue,
                  const ClaimedJob& job,
                  const TraceContext& cause)
        : tracer_(tracer) {
        if (!tracer) {
            return;
        }
        if (const SpanStart start = tracer->start(cause); start.context.sampled) {
            span_ = upsertSpan(start, queue, job.scheduler, job.name);
        }
    }

    /// Records it; an iteration that made no job has none.
    void end(const SchedulerResult& result) {
        const bool isMade = result.code == SchedulerResult::Code::Made;
        if (!span_ || (!isMade && result.code != SchedulerResult::Code::Exists)) {
            return;
        }
        span_->attributes.set("bullmq.job.id", result.nextId);
        if (!isMade) {
            span_->fail("the next job exists already");
        }
        span_->endedNs = Tracer::nowNs();
        tracer_->record(*std::move(span_));
    }

private:
    const std::shared_ptr<Tracer>& tracer_;
    std::optional<Span> span_;
};

}  // namespace

Iteration SchedulerIterator::tryToIterate(RedisClient& redis,
                                          const ClaimedJob& job,
                                          std::int64_t nowMs) const {
    const auto members = splitJsonObject(job.opts);
    if (!members) {
        return {Iteration::State::Failed, "its job's opts are not a JSON object"};
    }
    SchedulerItem item;
    item.scheduler = job.scheduler;
    item.claimedId = job.id;
    item.next = nextRecordOf(job);
    std::optional<Schedule> schedule;
    TraceContext cause;
    for (const auto& [name, value] : *members) {
        if (name == "prevMillis") {
            item.prevMillis = wholePart(nodeNumber(value));
        } else if (name == "repeat") {
            schedule = parseSchedule(value);
            if (schedule) {
                setRepeat(item, value, *schedule);
            }
        } else if (name == "tm") {
            cause = TraceContext::parseMetadata(parseJsonString(value).value_or(""))
                        .value_or(TraceContext());
        }
    }
    if (!schedule) {
        return {Iteration::State::Failed, "its job's opts have no repeat"};
    }
    if (isOver(*schedule, nowMs)) {
        return {Iteration::State::Nothing, ""};
    }
    try {
        if (item.pattern) {
            item.nextByPatternMs = nextCron(*schedule, job.scheduler, item.prevMillis, nowMs);
        }
    } catch (const Poco::InvalidArgumentException& error) {
        return {Iteration::State::Unreadable, error.message()};
    }
    IterationSpan span(redis.options().tracer, queue_.keys().queue(), job, cause);
    const SchedulerResult result = ops::iterateScheduler(queue_, redis, item, nowMs);
    span.end(result);
    switch (result.code) {
        case SchedulerResult::Code::Made:
            return {Iteration::State::Done, result.nextId};
        case SchedulerResult::Code::Nothing:
            return {Iteration::State::Nothing, ""};
        case SchedulerResult::Code::Legacy:
            return {Iteration::State::Legacy, ""};
        case SchedulerResult::Code::Exists:
            break;
    }
    return {Iteration::State::Failed, "its next job " + result.nextId + " exists already"};
}

Iteration SchedulerIterator::iterate(RedisClient& redis,
                                     const ClaimedJob& job,
                                     std::int64_t nowMs) {
    Iteration iteration = tryToIterate(redis, job, nowMs);
    const Log log("worker", fieldsOf(job));
    if (iteration.state == Iteration::State::Legacy && isNews(job.scheduler)) {
        log.warning(
            "\"" + job.scheduler +
            "\" is a repeatable job of 5.x without a scheduler; it runs, and is not repeated "
            "from here");
    } else if (iteration.state == Iteration::State::Unreadable && isNews(job.scheduler)) {
        log.warning("the next run of the scheduler \"" + job.scheduler +
                    "\" cannot be computed here (" + iteration.text +
                    "); its jobs go back, for a worker with a repeat strategy of its own");
    } else if (iteration.state == Iteration::State::Failed && isNews(job.scheduler)) {
        log.error("the scheduler \"" + job.scheduler + "\" stands still: " + iteration.text);
    }
    return iteration;
}

bool SchedulerIterator::isNews(const std::string& scheduler) {
    const std::lock_guard lock(mutex_);
    return logged_.insert(scheduler).second;
}

}  // namespace drover
