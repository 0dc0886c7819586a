#include "worker/SchedulerIterator.h"

#include <utility>

#include <Poco/Exception.h>

#include "core/JobFields.h"
#include "core/JsonText.h"
#include "core/NodeNumber.h"
#include "core/SchedulerSlots.h"
#include "drover/JsonWriter.h"
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
    for (const auto& [name, value] : *members) {
        if (name == "prevMillis") {
            item.prevMillis = wholePart(nodeNumber(value));
        } else if (name == "repeat") {
            schedule = parseSchedule(value);
            if (schedule) {
                setRepeat(item, value, *schedule);
            }
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
    const SchedulerResult result = ops::iterateScheduler(queue_, redis, item, nowMs);
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
