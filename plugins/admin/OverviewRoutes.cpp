#include "OverviewRoutes.h"

#include <chrono>
#include <mutex>

#include "Schemas.h"
#include "drover/Exceptions.h"
#include "drover/JobControl.h"
#include "drover/QueueControl.h"
#include "drover/QueueReader.h"
#include "drover/operate/OperateJson.h"
#include "drover/operate/ProcessList.h"
#include "drover/operate/QueueOverview.h"

namespace drover::admin {

namespace {

/// How long a request looks for names of queues, page by page of SCAN.
constexpr std::chrono::milliseconds kSearch{500};
constexpr std::size_t kQueuesOfAPage = 100;

/// Rates need the look before: one overview for all requests, whose looks take turns.
class SharedOverview {
public:
    explicit SharedOverview(const AdminQueues& queues)
        : overview_(queues.redis(), queues.prefix(), queues.sharded()) {}

    std::vector<QueueSummary> look(const std::vector<std::string>& names) {
        const std::lock_guard lock(mutex_);
        return overview_.look(names);
    }
    [[nodiscard]] std::vector<std::string> joined(const std::vector<std::string>& names) const {
        return overview_.joined(names);
    }

private:
    std::mutex mutex_;
    QueueOverview overview_;
};

/// One prefix is that of all queues: the configuration has no other.
std::shared_ptr<SharedOverview> overviewOf(const AdminQueues& queues) {
    return std::make_shared<SharedOverview>(queues);
}

Response list(const AdminQueues& queues, SharedOverview& overview, const Request& request) {
    const auto end = std::chrono::steady_clock::now() + kSearch;
    std::string cursor = textOr(request, "cursor", "0");
    std::vector<std::string> names;
    do {
        QueueNames page = QueueReader::queues(queues.redis(), queues.prefix(), cursor);
        cursor = page.cursor;
        for (std::string& name : page.names) {
            if (queues.has(name)) {
                names.push_back(std::move(name));
            }
        }
    } while (cursor != "0" && names.size() < kQueuesOfAPage &&
             std::chrono::steady_clock::now() < end);
    const std::vector<QueueSummary> found = overview.look(overview.joined(names));
    return json([&](JsonWriter& out) {
        out.beginObject().key("queues").beginArray();
        for (const QueueSummary& queue : found) {
            operate::write(out, queue);
        }
        out.endArray();
        if (cursor != "0") {
            out.key("cursor").text(cursor);
        }
        out.endObject();
    });
}

Response show(SharedOverview& overview, const std::string& name) {
    const QueueSummary queue = overview.look({name}).front();
    if (!queue.problem.empty()) {
        throw HttpError(409, name + ": " + queue.problem);
    }
    return json([&](JsonWriter& out) { operate::write(out, queue); });
}

Response paused(const Request& request, bool isPaused) {
    return json([&](JsonWriter& out) {
        out.beginObject().key("queue").text(request.text("queue"));
        out.key("paused").boolean(isPaused).endObject();
    });
}

Response workers(const AdminQueues& all, const Request& request) {
    return json([&](JsonWriter& out) {
        out.beginArray();
        all.each<QueueReader>(request.text("queue"), [&](QueueReader& reader, const auto& queue) {
            for (const WorkerInfo& worker : reader.workers()) {
                operate::write(out, worker, queue);
            }
        });
        out.endArray();
    });
}

Response metrics(QueueReader& reader, const Request& request) {
    const JobState state = parseJobState(textOr(request, "state", "completed"));
    PageRange range;
    range.start = integerOr(request, "start", 0);
    range.end = integerOr(request, "end", range.start + 59);
    const QueueMetrics points = reader.metrics(state, range);
    return json([&](JsonWriter& out) { operate::write(out, points); });
}

Route processRoute(const Queues& queues) {
    Route lists = describe(
        "GET", "/processes", Scope::Kind::Read, "List the processes of Drover on this Redis.");
    answers(lists, "The report of each process", kProcessesSchema);
    mayConflict(lists, "Redis does not allow the reading");
    lists.handler = pooled(queues, [](const AdminQueues& all, const Request&) {
        return json([&](JsonWriter& out) {
            out.beginArray();
            for (const std::string& report : operate::processReports(all.redis(), all.prefix())) {
                out.raw(report);
            }
            out.endArray();
        });
    });
    return lists;
}

std::vector<Route> deduplicationRoutes(const Queues& queues) {
    const std::string path = "/queues/{queue}/deduplication/{id}";
    Route shows =
        describe("GET", path, Scope::Kind::Read, "Look which job owns a deduplication id.");
    answers(
        shows,
        "The owner",
        R"({"type":"object","required":["id","jobId"],"properties":{"id":{"type":"string"},"jobId":{"type":"string"}}})");
    mayBeAbsent(shows, "No job owns the id");
    shows.handler = with<JobControl>(queues, [](JobControl& jobs, const Request& request) {
        const std::string& id = request.text("id");
        const auto job = jobs.deduplicationJobId(id);
        if (!job) {
            throw HttpError(404, "No job owns the deduplication id " + id);
        }
        return json([&](JsonWriter& out) {
            out.beginObject().key("id").text(id).key("jobId").text(*job).endObject();
        });
    });

    Route removes = describe(
        "DELETE", path, Scope::Kind::Operate, "Let the next job with a deduplication id be added.");
    answersEmpty(removes, "The id is free");
    mayBeAbsent(removes, "No job owns the id");
    removes.handler = with<JobControl>(queues, [](JobControl& jobs, const Request& request) {
        if (!jobs.removeDeduplicationKey(request.text("id"))) {
            throw HttpError(404, "No job owns the deduplication id " + request.text("id"));
        }
        return empty();
    });
    return {std::move(shows), std::move(removes)};
}

}  // namespace

std::vector<Route> overviewRoutes(const Queues& queues) {
    const std::shared_ptr<SharedOverview> overview = overviewOf(*queues);
    Route lists = describe("GET", "/queues", Scope::Kind::Read, "List the queues, page by page.");
    lists.parameters = {
        textParameter("cursor", "The cursor of the page before; the first page without it.")};
    answers(
        lists,
        "Some queues; with a cursor there are more, even if this page is empty",
        std::string(
            R"({"type":"object","required":["queues"],"properties":{"queues":{"type":"array","items":)") +
            kQueueSchema + R"(},"cursor":{"type":"string"}}})");
    lists.handler = pooled(queues, [overview](const AdminQueues& all, const Request& request) {
        return list(all, *overview, request);
    });

    Route shows = describe("GET", "/queues/{queue}", Scope::Kind::Read, "Look at a queue.");
    answers(shows, "The queue; one without jobs has zeros", kQueueSchema);
    mayConflict(shows, "A key of the queue has another type");
    shows.handler = pooled(queues, [overview](const AdminQueues&, const Request& request) {
        return show(*overview, request.text("queue"));
    });

    constexpr const char* kPausedSchema =
        R"({"type":"object","properties":{"queue":{"type":"string"},"paused":{"type":"boolean"}}})";
    Route pauses = describe("POST",
                            "/queues/{queue}/pause",
                            Scope::Kind::Operate,
                            "Let no worker claim jobs; running jobs go on.");
    answers(pauses, "The queue is paused", kPausedSchema);
    pauses.handler = pooled(queues, [](const AdminQueues& all, const Request& request) {
        all.each<QueueControl>(request.text("queue"),
                               [](QueueControl& queue, const auto&) { queue.pause(); });
        return paused(request, true);
    });
    Route resumes = describe(
        "POST", "/queues/{queue}/resume", Scope::Kind::Operate, "Let workers claim jobs again.");
    answers(resumes, "The queue is not paused", kPausedSchema);
    resumes.handler = pooled(queues, [](const AdminQueues& all, const Request& request) {
        all.each<QueueControl>(request.text("queue"),
                               [](QueueControl& queue, const auto&) { queue.resume(); });
        return paused(request, false);
    });

    Route listsWorkers = describe("GET",
                                  "/queues/{queue}/workers",
                                  Scope::Kind::Read,
                                  "List the workers of a queue, of all processes and engines.");
    answers(
        listsWorkers,
        "The connections that wait for jobs",
        R"({"type":"array","items":{"type":"object","properties":{"queue":{"type":"string"},"name":{"type":"string"},)"
        R"("address":{"type":"string"},"ageSeconds":{"type":"integer"}}}})");
    mayConflict(listsWorkers, "Redis does not allow CLIENT LIST");
    listsWorkers.handler = pooled(queues, workers);

    Route hasMetrics = describe("GET",
                                "/queues/{queue}/metrics",
                                Scope::Kind::Read,
                                "Read how many jobs ended in each minute, if a worker counts.");
    hasMetrics.parameters.push_back(
        textParameter("state", "completed, which it is without it, or failed."));
    hasMetrics.parameters.push_back(
        numberParameter("start", "The first point, 0 being the latest.", 0, kFarthest));
    hasMetrics.parameters.push_back(
        numberParameter("end", "The last point; 60 of them without it.", 0, kFarthest));
    answers(
        hasMetrics,
        "The points, the latest first",
        R"({"type":"object","properties":{"count":{"type":"integer"},"previousMs":{"type":"integer"},)"
        R"("previousCount":{"type":"integer"},"endsPerMinute":{"type":"array","items":{"type":"integer"}},)"
        R"("points":{"type":"integer"}}})");
    hasMetrics.handler = with<QueueReader>(queues, metrics);

    std::vector<Route> routes = deduplicationRoutes(queues);
    routes.push_back(processRoute(queues));
    for (Route* route : {&lists, &shows, &pauses, &resumes, &listsWorkers, &hasMetrics}) {
        routes.push_back(std::move(*route));
    }
    return routes;
}

}  // namespace drover::admin
