#include "BoardJson.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "drover/Exceptions.h"
#include "drover/Json.h"
#include "drover/NodeNumber.h"

namespace drover::board {

namespace {

void optionalNumber(JsonWriter& out, std::string_view name, std::optional<std::int64_t> value) {
    if (value) {
        out.key(name).number(*value);
    }
}

void optionalText(JsonWriter& out, std::string_view name, const std::optional<std::string>& value) {
    if (value) {
        out.key(name).text(*value);
    }
}

/// Returns true in JavaScript's sense.
bool isTruthy(const JsonView& json) {
    switch (json.type()) {
        case JsonView::Type::Null:
            return false;
        case JsonView::Type::Boolean:
            return json.boolean().value_or(false);
        case JsonView::Type::Number:
            return json.number().value_or(0) != 0;
        case JsonView::Type::String:
            return json.text() != "\"\"";
        case JsonView::Type::Array:
        case JsonView::Type::Object:
            break;
    }
    return true;
}

/// Returns the traces, the latest first.
std::vector<JsonView> tracesOf(const Job& job) {
    std::vector<JsonView> traces;
    if (!job.stacktrace) {
        return traces;
    }
    const auto all = JsonView::tryParse(*job.stacktrace);
    if (all && all->isArray()) {
        const auto elements = all->elements();
        std::copy_if(elements.rbegin(), elements.rend(), std::back_inserter(traces), isTruthy);
    }
    return traces;
}

void writeDiagnostics(JsonWriter& out, const Job& job) {
    if (job.priority != 0) {
        out.key("priority").number(job.priority);
    }
    if (job.attemptsStarted > job.attemptsMade) {
        out.key("attemptsStarted").number(job.attemptsStarted);
    }
    if (job.stalledCounter != 0) {
        out.key("stalledCounter").number(job.stalledCounter);
    }
    if (job.deduplicationId && !job.deduplicationId->empty()) {
        out.key("deduplicationId").text(*job.deduplicationId);
    }
    if (job.deferredFailure && !job.deferredFailure->empty()) {
        out.key("deferredFailure").text(*job.deferredFailure);
    }
}

void writeGroup(JsonWriter& out, const Job& job) {
    for (const auto& [name, value] : job.opts.extra) {
        if (name == "group") {
            const auto group = JsonView::tryParse(value);
            const auto id = group && group->isObject() ? group->member("id") : std::nullopt;
            if (id) {
                out.key("groupId").raw(id->text());
            }
        }
    }
}

void writeCounts(JsonWriter& out, const JobCounts& counts) {
    out.beginObject();
    for (const JobState state : shownStates()) {
        out.key(toString(state)).number(counts.of(state));
    }
    out.endObject();
}

/// Writes "jobs" and "pagination".
void writeJobs(JsonWriter& out,
               const BoardQueue& queue,
               const BoardPageOf& shown,
               const JobCounts& counts) {
    const bool latest = shown.states.size() > 1;
    const std::int64_t start = latest ? 0 : (shown.page - 1) * shown.jobsPerPage;
    const std::int64_t end = start + shown.jobsPerPage - 1;
    const std::int64_t total = counts.of(shown.states.front());
    const std::int64_t pages = latest ? 1 : (total + shown.jobsPerPage - 1) / shown.jobsPerPage;
    out.key("jobs").beginArray();
    if (shown.withJobs) {
        for (const Job& job : queue.reader.jobs(shown.states, {start, end}).jobs) {
            writeJob(out, job);
        }
    }
    out.endArray();
    out.key("pagination").beginObject().key("pageCount").number(pages);
    out.key("range").beginObject().key("start").number(start).key("end").number(end).endObject();
    out.endObject();
}

/// Returns the workers; std::nullopt if Redis does not list its clients.
std::optional<std::vector<WorkerInfo>> workersOf(const BoardQueue& queue) {
    try {
        return queue.reader.workers();
    } catch (const ScriptException&) {
        return std::nullopt;  // The page then does not know.
    }
}

/// The id of a scheduler's run, as the contract makes it.
std::string runId(const JobScheduler& scheduler, std::int64_t dueMs) {
    return "repeat:" + scheduler.key + ":" + std::to_string(dueMs);
}

void writeRuns(JsonWriter& out, const BoardQueue& queue, const JobScheduler& scheduler) {
    if (scheduler.nextMs == 0) {
        return;
    }
    const std::optional<Job> pending = queue.reader.job(runId(scheduler, scheduler.nextMs));
    if (!pending) {
        return;
    }
    out.key("nextRunJobId").text(pending->id);
    // The run before made the pending job when it began; the first job was made by the upsert.
    if (scheduler.iterationCount.value_or(0) <= 1) {
        return;
    }
    out.key("lastRun").number(pending->timestampMs);
    if (scheduler.repeat.every) {
        const std::int64_t before = scheduler.nextMs - scheduler.repeat.every->count();
        if (const auto last = queue.reader.job(runId(scheduler, before))) {
            out.key("lastRunJobId").text(last->id);
        }
    }
}

}  // namespace

const std::vector<JobState>& shownStates() {
    static const std::vector<JobState> kStates = {JobState::Active,
                                                  JobState::Waiting,
                                                  JobState::WaitingChildren,
                                                  JobState::Prioritized,
                                                  JobState::Completed,
                                                  JobState::Failed,
                                                  JobState::Delayed};
    return kStates;
}

void writeJob(JsonWriter& out, const Job& job) {
    const std::vector<JsonView> traces = tracesOf(job);
    out.beginObject().key("id").text(job.id).key("timestamp").number(job.timestampMs);
    optionalNumber(out, "processedOn", job.processedOnMs);
    optionalText(out, "processedBy", job.processedBy);
    optionalNumber(out, "finishedOn", job.finishedOnMs);
    out.key("progress").raw(job.progress).key("attempts").number(job.attemptsMade);
    optionalNumber(out, "delay", job.delayMs);
    optionalText(out, "failedReason", job.failedReason);
    out.key("stacktrace").beginArray();
    for (const JsonView& trace : traces) {
        out.raw(trace.text());
    }
    out.endArray().key("opts").raw(job.opts.toPublicJson()).key("data").raw(job.data);
    out.key("name").text(job.name).key("returnValue").raw(job.returnValue.value_or("null"));
    const bool hasReason = job.failedReason && !job.failedReason->empty();
    out.key("isFailed").boolean(hasReason || !traces.empty());
    writeGroup(out, job);
    writeDiagnostics(out, job);
    out.endObject();
}

void writeQueue(JsonWriter& out, const BoardQueue& queue, const BoardPageOf& shown, bool readOnly) {
    const JobCounts counts = queue.reader.counts();
    const QueueMeta meta = queue.reader.meta();
    const auto workers = workersOf(queue);
    out.beginObject().key("name").text(queue.settings.name);
    out.key("statuses").beginArray().text("latest");
    for (const JobState state : shownStates()) {
        out.text(toString(state));
    }
    out.endArray().key("counts");
    writeCounts(out, counts);
    writeJobs(out, queue, shown, counts);
    out.key("readOnlyMode").boolean(readOnly);
    out.key("allowRetries").boolean(!readOnly).key("allowCompletedRetries").boolean(!readOnly);
    out.key("isPaused").boolean(meta.paused).key("type").text("bullmq").key("delimiter").text("");
    out.key("globalConcurrency");
    meta.concurrency ? out.number(*meta.concurrency) : out.null();
    out.key("activeRateLimitTtl").number(std::max<std::int64_t>(0, queue.reader.rateLimitTtl()));
    out.key("supportsGlobalRateLimit").boolean(true);
    out.key("jobSchedulerCount").number(queue.schedulers.count()).key("hasWorkers");
    workers ? out.boolean(!workers->empty()) : out.null();
    out.endObject();
}

void writeScheduler(JsonWriter& out, const BoardQueue& queue, const JobScheduler& scheduler) {
    const RepeatOptions& repeat = scheduler.repeat;
    out.beginObject().key("id").text(scheduler.key).key("name").text(scheduler.name);
    if (!repeat.pattern.empty()) {
        out.key("pattern").text(repeat.pattern);
    }
    if (repeat.every) {
        out.key("every").number(repeat.every->count());
    }
    if (!repeat.tz.empty()) {
        out.key("tz").text(repeat.tz);
    }
    optionalNumber(out, "limit", repeat.limit);
    optionalNumber(out, "startDate", repeat.startDateMs);
    optionalNumber(out, "endDate", repeat.endDateMs);
    out.key("next").number(scheduler.nextMs);
    optionalNumber(out, "iterationCount", scheduler.iterationCount);
    if (scheduler.data || scheduler.opts) {
        out.key("template").beginObject();
        if (scheduler.data) {
            out.key("data").raw(*scheduler.data);
        }
        if (scheduler.opts) {
            out.key("opts").raw(*scheduler.opts);
        }
        out.endObject();
    }
    writeRuns(out, queue, scheduler);
    out.key("queueName").text(queue.settings.name).endObject();
}

void writeWorkers(JsonWriter& out, const BoardQueue& queue) {
    const auto workers = workersOf(queue);
    if (!workers) {
        out.null();
        return;
    }
    out.beginArray();
    for (const WorkerInfo& worker : *workers) {
        out.beginObject();
        for (const auto& [name, value] : worker.fields) {
            if (name == "id") {
                out.key("id").text(value);
            }
        }
        out.key("name");
        worker.name.empty() ? out.null() : out.text(worker.name);
        out.key("addr").text(worker.address).key("age").number(worker.age.count()).endObject();
    }
    out.endArray();
}

void writeMetrics(JsonWriter& out, const QueueMetrics& metrics) {
    out.beginObject().key("meta").beginObject().key("count").number(metrics.count);
    out.key("prevTS").number(metrics.previousMs.value_or(0));
    out.key("prevCount").number(metrics.previousCount).endObject();
    out.key("data").beginArray();
    for (const std::int64_t ends : metrics.endsPerMinute) {
        out.number(ends);
    }
    out.endArray().key("count").number(metrics.points).endObject();
}

void writeRedisStats(JsonWriter& out, const std::map<std::string, std::string>& info) {
    const auto textOf = [&info](const char* name) {
        const auto found = info.find(name);
        return found == info.end() ? std::string() : found->second;
    };
    const auto number = [&](const char* member, const char* name) {
        out.key(member).number(nodeNumberOfText(textOf(name)));
    };
    out.beginObject().key("backend").text("redis");
    out.key("version").text(textOf("redis_version"));
    // Valkey has none.
    if (const std::string mode = textOf("redis_mode"); !mode.empty()) {
        out.key("mode").text(mode);
    }
    number("port", "tcp_port");
    out.key("os").text(textOf("os"));
    number("uptime", "uptime_in_seconds");
    const bool limited = nodeNumberOfText(textOf("maxmemory")) > 0;
    out.key("memory").beginObject();
    number("total", limited ? "maxmemory" : "total_system_memory");
    number("used", "used_memory");
    number("fragmentationRatio", "mem_fragmentation_ratio");
    number("peak", "used_memory_peak");
    out.endObject().key("clients").beginObject();
    number("connected", "connected_clients");
    number("blocked", "blocked_clients");
    out.endObject().endObject();
}

}  // namespace drover::board
