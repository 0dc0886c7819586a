#include "host/ProcessReport.h"

#include <algorithm>
#include <utility>

#include "drover/Json.h"
#include "drover/JsonWriter.h"

namespace drover {

namespace {

std::string cut(std::string_view text) {
    std::size_t end = std::min(text.size(), ProcessReport::kMostText);
    while (end > 0 && end < text.size() &&
           (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) {
        --end;
    }
    return std::string(text.substr(0, end));
}

/// Writes arrays of at most kMostEntries, and counts what they leave out.
class Lists {
public:
    explicit Lists(JsonWriter& out) : out_(out) {}

    template <typename Entries, typename Write>
    void write(const char* name, const Entries& entries, Write writeOne) {
        out_.key(name).beginArray();
        std::size_t written = 0;
        for (const auto& entry : entries) {
            if (written == ProcessReport::kMostEntries) {
                ++leftOut_;
                continue;
            }
            ++written;
            writeOne(entry);
        }
        out_.endArray();
    }
    [[nodiscard]] std::size_t leftOut() const { return leftOut_; }

private:
    JsonWriter& out_;
    std::size_t leftOut_ = 0;
};

double figureOf(const Metrics& metrics, const std::string& family, const std::string& plugin) {
    for (const auto& figure : metrics.samples(family)) {
        if (figure.label("plugin") == plugin) {
            return figure.value;
        }
    }
    return 0;
}

}  // namespace

ProcessReport::ProcessReport(std::string id, std::string host, std::vector<std::string> load)
    : id_(std::move(id)), host_(std::move(host)), load_(std::move(load)) {}

ProcessReport::Queues ProcessReport::queuesOf(const Metrics& metrics) {
    Queues queues;
    for (const auto& one : metrics.samples("drover_worker_jobs_in_flight")) {
        std::optional<double>& held = queues[one.label("queue")].held;
        held =
            held.value_or(0) + one.value;  // A queue may have several workers, one for each shard.
    }
    for (const auto& one : metrics.samples("drover_worker_concurrency")) {
        queues[one.label("queue")].concurrency += one.value;
    }
    for (const auto& one : metrics.samples("drover_jobs_completed_total")) {
        queues[one.label("queue")].completed += one.value;
    }
    for (const auto& one : metrics.samples("drover_jobs_failed_total")) {
        queues[one.label("queue")].failed += one.value;
    }
    for (const auto& one : metrics.samples("drover_jobs_added_total")) {
        if (one.label("result") == "added") {
            queues[one.label("queue")].added += one.value;
        }
    }
    return queues;
}

std::string ProcessReport::write(std::string_view health, const Metrics& metrics, Moment now) {
    JsonWriter out;
    Lists lists(out);
    out.beginObject().key("id").text(id_).key("host").text(cut(host_));
    lists.write("load", load_, [&](const std::string& name) { out.text(cut(name)); });
    const JsonView members = JsonView::parse(health);
    for (const auto& [name, value] : members.members()) {
        if (name != "checks") {
            out.key(name).raw(value.text());
        }
    }
    lists.write("checks", members["checks"].elements(), [&](const JsonView& check) {
        out.beginObject().key("name").text(cut(check["name"].string().value_or("")));
        out.key("ok").boolean(check["ok"].boolean().value_or(false));
        out.key("detail").text(cut(check["detail"].string().value_or(""))).endObject();
    });
    Queues queues = queuesOf(metrics);
    const double seconds = at_ ? std::chrono::duration<double>(now - *at_).count() : 0;
    lists.write("queues", queues, [&](const auto& entry) {
        const auto& [name, queue] = entry;
        out.beginObject().key("name").text(cut(name));
        if (queue.held) {
            out.key("held").number(*queue.held).key("concurrency").number(queue.concurrency);
        }
        const auto then = before_.find(name);
        const std::pair<const char*, double Queue::*> counts[] = {
            {"completed", &Queue::completed}, {"failed", &Queue::failed}, {"added", &Queue::added}};
        for (const auto& [counted, member] : counts) {
            out.key(counted).number(queue.*member);
            if (seconds > 0) {
                const double known = then == before_.end() ? 0 : then->second.*member;
                out.key(std::string(counted) + "PerSecond")
                    .number(std::max(queue.*member - known, 0.0) / seconds);
            }
        }
        out.endObject();
    });
    before_ = std::move(queues);
    at_ = now;
    lists.write("plugins", metrics.samples("drover_plugin_info"), [&](const auto& plugin) {
        const std::string name = plugin.label("plugin");
        out.beginObject().key("name").text(cut(name));
        out.key("version").text(cut(plugin.label("version")));
        out.key("generation").number(figureOf(metrics, "drover_plugin_generations_total", name));
        out.key("draining").number(figureOf(metrics, "drover_plugin_generations_draining", name));
        out.key("refused").boolean(figureOf(metrics, "drover_plugin_refused", name) != 0);
        out.endObject();
    });
    std::vector<MetricFamily::Sample> open;
    for (const auto& breaker : metrics.samples("drover_breaker_open")) {
        if (breaker.value != 0) {
            open.push_back(breaker);
        }
    }
    lists.write("breakers", open, [&](const auto& breaker) {
        out.beginObject().key("queue").text(cut(breaker.label("queue")));
        out.key("handler").text(cut(breaker.label("handler"))).endObject();
    });
    return std::move(out.key("leftOut").number(lists.leftOut()).endObject()).str();
}

}  // namespace drover
