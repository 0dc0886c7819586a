#include "ConsoleData.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "drover/Exceptions.h"
#include "drover/operate/OperateJson.h"
#include "drover/operate/ProcessList.h"

namespace drover::console {

namespace {

void numberOrNull(JsonWriter& out, const char* name, const std::optional<double>& value) {
    out.key(name);
    value ? out.number(*value) : out.null();
}

}  // namespace

std::string admissionText(const Queue::Admission& admission) {
    std::string text;
    const auto add = [&text](bool bounded, const std::string& bound) {
        if (bounded) {
            text += (text.empty() ? "at most " : ", ") + bound;
        }
    };
    add(admission.maxDepth > 0, std::to_string(admission.maxDepth) + " jobs");
    add(admission.maxWait.count() > 0, std::to_string(admission.maxWait.count()) + " ms");
    add(admission.maxMemoryPercent > 0,
        std::to_string(admission.maxMemoryPercent) + " % of Redis's memory");
    return text.empty() ? "no bound" : text;
}

QueueFigures::QueueFigures(Redis redis, std::string prefix, std::vector<Queue> queues)
    : redis_(std::move(redis)),
      prefix_(std::move(prefix)),
      queues_(std::move(queues)),
      overview_(redis_, prefix_) {
    queues_.resize(std::min(queues_.size(), kMostQueues));
}

void QueueFigures::write(JsonWriter& out) {
    const std::lock_guard lock(mutex_);
    if (std::chrono::steady_clock::now() >= lookAgain_) {
        look();
    }
    const JsonView members = JsonView::parse(json_);
    for (const auto& [name, value] : members.members()) {
        out.key(name).raw(value.text());
    }
}

void QueueFigures::look() {
    JsonWriter queues;
    JsonWriter workers;
    JsonWriter processes;
    std::string problem;
    queues.beginArray();
    workers.beginArray();
    processes.beginArray();
    try {
        std::vector<std::string> names;
        std::map<std::string, std::string> admissions;
        for (const Queue& queue : queues_) {
            names.push_back(queue.name);
            admissions.emplace(queue.name, queue.admission);
        }
        std::size_t listed = 0;
        for (const QueueSummary& queue : overview_.look(names)) {
            JsonWriter one;
            operate::write(one, queue);
            // The overview's members, and what the process's configuration says of the queue.
            std::string json = one.str();
            json.pop_back();
            JsonWriter more;
            more.key("admission").text(admissions[queue.name]);
            numberOrNull(more, "drainSeconds", queue.drainSeconds);
            queues.raw(json + "," + more.str() + "}");
            if (queue.workers.value_or(0) > 0 && listed < kMostListed) {
                ++listed;
                const QueueReader reader(redis_, {prefix_, queue.name});
                for (const WorkerInfo& worker : reader.workers()) {
                    operate::write(workers, worker, queue.name);
                }
            }
        }
        for (const std::string& report : operate::processReports(redis_, prefix_)) {
            processes.raw(report);
        }
    } catch (const Exception& error) {
        problem = error.message();
    }
    JsonWriter all;
    all.beginObject().key("queues").raw(queues.endArray().str());
    all.key("workers").raw(workers.endArray().str());
    all.key("processes").raw(processes.endArray().str());
    all.key("problem").text(problem).endObject();
    json_ = all.str();
    lookAgain_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(900);
}

void writePlugins(JsonWriter& out, const Metrics& metrics) {
    out.key("plugins").beginArray();
    for (const auto& plugin : metrics.samples("drover_plugin_info")) {
        const std::string name = plugin.label("plugin");
        out.beginObject().key("name").text(name).key("version").text(plugin.label("version"));
        const std::pair<const char*, const char*> kFigures[] = {
            {"generation", "drover_plugin_generations_total"},
            {"draining", "drover_plugin_generations_draining"},
            {"refused", "drover_plugin_refused"}};
        for (const auto& [member, family] : kFigures) {
            for (const auto& figure : metrics.samples(family)) {
                if (figure.label("plugin") == name) {
                    out.key(member).number(figure.value);
                }
            }
        }
        out.endObject();
    }
    out.endArray().key("breakers").beginArray();
    for (const auto& breaker : metrics.samples("drover_breaker_open")) {
        out.beginObject().key("queue").text(breaker.label("queue"));
        out.key("handler").text(breaker.label("handler"));
        out.key("open").boolean(breaker.value != 0).endObject();
    }
    out.endArray();
}

void writeChecks(JsonWriter& out, const std::vector<std::pair<std::string, HealthReport>>& health) {
    out.key("checks").beginArray();
    for (const auto& [name, report] : health) {
        out.beginObject().key("name").text(name).key("ok").boolean(report.ok);
        out.key("detail").text(report.detail).endObject();
    }
    out.endArray();
}

void writePoints(JsonWriter& out, const std::vector<Point>& points) {
    out.key("points").beginArray();
    for (const Point& point : points) {
        out.beginObject().key("atMs").number(point.atMs).key("completed").number(point.completed);
        out.key("failed").number(point.failed);
        numberOrNull(out, "runMedian", point.runMedianMs);
        numberOrNull(out, "runHigh", point.runHighMs);
        numberOrNull(out, "waitHigh", point.waitHighMs);
        out.endObject();
    }
    out.endArray();
}

}  // namespace drover::console
