#include "worker/SchedulerIterator.h"

#include <algorithm>
#include <cctype>

#include <Poco/Exception.h>

#include "core/JobFields.h"
#include "core/JsonText.h"
#include "core/NodeNumber.h"
#include "core/SchedulerSlots.h"
#include "queue/ops/Schedulers.h"

namespace drover {

namespace {

/// The lowest priority of 5.48.1.
constexpr std::int64_t kLowestPriority = 2097152;

void appendMember(std::string& out, std::string_view name, std::string_view value) {
    appendJsonString(out, name);
    out.append(":").append(value).append(",");
}

/// Adds an option as BullMQ writes it, which fills in options as it reads a job.
void addOption(std::string_view name, std::string_view value, SchedulerItem& item) {
    const bool isNumber = !value.empty() && (value[0] == '-' || std::isdigit(value[0]) != 0);
    if (name == "backoff" && isNumber) {
        appendMember(
            item.optsMembers, name, R"({"type":"fixed","delay":)" + std::string(value) + "}");
    } else {
        appendMember(item.optsMembers, name, value);
    }
}

/// Adds the job's opts.repeat for the script: the members that the next job inherits, with the count raised.
void addRepeat(std::string_view json, const Schedule& schedule, SchedulerItem& item) {
    item.pattern = schedule.everyMs == 0 && !schedule.pattern.empty();
    item.everyMs = schedule.everyMs;
    const auto members = splitJsonObject(json);
    for (const auto& [name, value] : *members) {
        if (name == "offset") {
            item.offsetMs = schedule.offsetMs;
        } else if (name != "count") {
            appendMember(item.repeatMembers, name, value);
        }
    }
    appendMember(item.repeatMembers, "count", std::to_string(schedule.count + 1));
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
    item.takenId = job.id;
    item.data = job.data;
    std::optional<Schedule> schedule;
    bool hasAttempts = false;
    for (const auto& [name, value] : *members) {
        if (name == "repeat") {
            schedule = parseSchedule(value);
            if (schedule) {
                addRepeat(value, *schedule, item);
            }
        } else if (name == "prevMillis") {
            item.prevMillis = wholePart(nodeNumber(value));
        } else if (name != "jobId" && name != "delay" && name != "timestamp") {
            addOption(name, value, item);
            hasAttempts = hasAttempts || name == "attempts";
            if (name == "priority") {
                item.priority = static_cast<int>(
                    std::clamp<std::int64_t>(wholePart(nodeNumber(value)), 0, kLowestPriority));
            } else if (name == "lifo") {
                item.lifo = nodeTruth(value);
            }
        }
    }
    if (!hasAttempts) {
        addOption("attempts", "0", item);
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
