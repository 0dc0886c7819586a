#include "drover/operate/OperateJson.h"

#include <cmath>

#include "drover/Json.h"

namespace drover::operate {

namespace {

/// Returns a rate with one decimal: no more of it means anything.
double rounded(double rate) {
    return std::round(rate * 10) / 10;
}

template <typename Number>
void writeOptional(JsonWriter& json, const char* name, const std::optional<Number>& value) {
    if (value) {
        json.key(name).number(*value);
    }
}

}  // namespace

void write(JsonWriter& json, const JobCounts& counts) {
    json.beginObject();
    json.key("waiting").number(counts.waiting);
    json.key("active").number(counts.active);
    json.key("delayed").number(counts.delayed);
    json.key("prioritized").number(counts.prioritized);
    json.key("waiting-children").number(counts.waitingChildren);
    json.key("completed").number(counts.completed);
    json.key("failed").number(counts.failed);
    json.key("paused").number(counts.paused);
    json.endObject();
}

void write(JsonWriter& json, const QueueSummary& queue) {
    json.beginObject();
    json.key("name").text(queue.name);
    if (!queue.problem.empty()) {
        json.key("problem").text(queue.problem);
        json.endObject();
        return;
    }
    json.key("paused").boolean(queue.paused);
    json.key("counts");
    write(json, queue.counts);
    writeOptional(json, "concurrency", queue.concurrency);
    if (queue.version) {
        json.key("version").text(*queue.version);
    }
    if (queue.oldestWaitMs) {
        json.key("oldestWaitMs").number(*queue.oldestWaitMs);
        json.key("oldestId").text(queue.oldestId);
    }
    json.key("perMinute").beginObject();
    for (const auto& [name, rate] : {std::pair("added", queue.added),
                                     std::pair("ended", queue.ended),
                                     std::pair("failed", queue.failed)}) {
        if (rate) {
            json.key(name).number(rounded(*rate));
        }
    }
    json.endObject();
    writeOptional(json, "workers", queue.workers);
    json.endObject();
}

void write(JsonWriter& json, const Job& job, JobState state) {
    std::string text = job.toJson();
    text.pop_back();
    json.raw(text + R"(,"state":")" + toString(state) + "\"}");
}

void write(JsonWriter& json, const JobPage& page, JobState state, std::int64_t count) {
    json.beginObject();
    json.key("jobs").beginArray();
    for (const Job& job : page.jobs) {
        write(json, job, state);
    }
    json.endArray();
    json.key("unreadable").beginArray();
    for (const JobPage::Unreadable& job : page.unreadable) {
        json.beginObject();
        json.key("id").text(job.id);
        json.key("why").text(job.why);
        json.endObject();
    }
    json.endArray();
    json.key("count").number(count);
    json.endObject();
}

void write(JsonWriter& json, const JobLogs& logs) {
    json.beginObject();
    json.key("rows").texts(logs.rows);
    json.key("count").number(logs.count);
    json.endObject();
}

void write(JsonWriter& json, const JobScheduler& scheduler) {
    json.raw(scheduler.toJson());
}

void write(JsonWriter& json, const WorkerInfo& worker, const std::string& queue) {
    json.beginObject();
    json.key("queue").text(queue);
    json.key("name").text(worker.name);
    json.key("address").text(worker.address);
    json.key("ageSeconds").number(worker.age.count());
    json.endObject();
}

void write(JsonWriter& json, const FlowNode& node) {
    json.raw(node.toJson());
}

void write(JsonWriter& json, const QueueMetrics& metrics) {
    json.beginObject();
    json.key("count").number(metrics.count);
    writeOptional(json, "previousMs", metrics.previousMs);
    json.key("previousCount").number(metrics.previousCount);
    json.key("endsPerMinute").beginArray();
    for (const std::int64_t ends : metrics.endsPerMinute) {
        json.number(ends);
    }
    json.endArray();
    json.key("points").number(metrics.points);
    json.endObject();
}

void write(JsonWriter& json, const JobChildren& children) {
    json.beginObject();
    json.key("processed").beginArray();
    for (const auto& [key, value] : children.processed) {
        json.beginObject().key("key").text(key).key("value");
        JsonView::tryParse(value) ? json.raw(value) : json.text(value);
        json.endObject();
    }
    json.endArray();
    json.key("unprocessed").texts(children.unprocessed);
    json.key("ignored").beginArray();
    for (const auto& [key, reason] : children.ignored) {
        json.beginObject().key("key").text(key).key("reason").text(reason).endObject();
    }
    json.endArray();
    json.key("failed").texts(children.failed);
    json.endObject();
}

void write(JsonWriter& json, const ChildCounts& counts) {
    json.beginObject();
    json.key("processed").number(counts.processed);
    json.key("unprocessed").number(counts.unprocessed);
    json.key("ignored").number(counts.ignored);
    json.key("failed").number(counts.failed);
    json.endObject();
}

void write(JsonWriter& json, const QueueFinding& finding) {
    json.beginObject();
    json.key("kind").text(finding.kind);
    json.key("key").text(finding.key);
    if (!finding.id.empty()) {
        json.key("id").text(finding.id);
    }
    json.key("sentence").text(finding.sentence);
    json.key("fixable").boolean(finding.fixable);
    json.endObject();
}

void write(JsonWriter& json,
           const std::string& queue,
           const QueueDoctor::Report& report,
           const std::vector<QueueFinding>& repaired) {
    json.beginObject().key("queue").text(queue);
    json.key("complete").boolean(report.complete);
    for (const bool isRepaired : {false, true}) {
        json.key(isRepaired ? "repaired" : "findings").beginArray();
        for (const QueueFinding& finding : report.findings) {
            if (finding.isAmong(repaired) == isRepaired) {
                write(json, finding);
            }
        }
        json.endArray();
    }
    json.endObject();
}

}  // namespace drover::operate
