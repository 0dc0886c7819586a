#include "JobRoutes.h"

#include <chrono>

#include "Schemas.h"
#include "drover/FlowProducer.h"
#include "drover/JobControl.h"
#include "drover/QueueReader.h"
#include "drover/operate/OperateJson.h"

namespace drover::admin {

namespace {

using Kind = Scope::Kind;

constexpr const char* kJobs = "/queues/{queue}/jobs";
constexpr const char* kJob = "/queues/{queue}/jobs/{id}";
constexpr std::int64_t kMostJobs = 1000;
constexpr std::int64_t kMostRows = 10000;
constexpr std::int64_t kHighestPriority = 2097151;
constexpr std::int64_t kLongestDelayMs = 9007199254740991;

HttpError absent(const Request& request) {
    return {404, "There is no job " + request.text("id") + " in " + request.text("queue")};
}

PageRange::Order orderOf(const Request& request, const std::string& fallback) {
    const std::string order = textOr(request, "order", fallback);
    if (order != "ascending" && order != "descending") {
        throw HttpError(400, "order must be ascending or descending, not \"" + order + "\"");
    }
    return order == "ascending" ? PageRange::Order::Ascending : PageRange::Order::Descending;
}

/// Returns the range of `start` and `end`, which has at most `most` places.
PageRange rangeOf(const Request& request,
                  std::int64_t length,
                  std::int64_t most,
                  const std::string& order) {
    PageRange range;
    range.start = integerOr(request, "start", 0);
    range.end = integerOr(request, "end", range.start + length - 1);
    range.order = orderOf(request, order);
    if (range.end < range.start || range.end - range.start >= most) {
        throw HttpError(400,
                        "end must be in [" + std::to_string(range.start) + ", " +
                            std::to_string(range.start + most - 1) + "], not " +
                            std::to_string(range.end) + ": a page begins at start and has up to " +
                            std::to_string(most));
    }
    return range;
}

void addRange(Route& route, const std::string& ends, const std::string& order) {
    route.parameters.push_back(
        numberParameter("start", "The first place; 0 without it.", 0, kFarthest));
    route.parameters.push_back(numberParameter("end", ends, 0, kFarthest));
    route.parameters.push_back(textParameter("order", order));
}

Response list(QueueReader& reader, const Request& request) {
    const JobState state = parseJobState(textOr(request, "state", "waiting"));
    const PageRange range = rangeOf(request, 20, kMostJobs, "descending");
    const JobPage page = reader.jobs({state}, range);
    const std::int64_t count = reader.count({state});
    return json([&](JsonWriter& out) { operate::write(out, page, state, count); });
}

Response show(QueueReader& reader, const Request& request) {
    const std::string& id = request.text("id");
    const auto job = reader.job(id);
    if (!job) {
        throw absent(request);
    }
    const JobState state = reader.state(id);
    return json([&](JsonWriter& out) { operate::write(out, *job, state); });
}

Response logs(QueueReader& reader, const Request& request) {
    const JobLogs rows =
        reader.logs(request.text("id"), rangeOf(request, 1000, kMostRows, "ascending"));
    if (rows.count == 0 && !reader.job(request.text("id"))) {
        throw absent(request);
    }
    return json([&](JsonWriter& out) { operate::write(out, rows); });
}

Response children(QueueReader& reader, const Request& request) {
    const std::string& id = request.text("id");
    ChildPages pages;
    const std::int64_t count = integerOr(request, "count", 20);
    const auto page = [&](const char* name) {
        ChildPage one;
        one.cursor = static_cast<std::uint64_t>(integerOr(request, name, 0));
        one.count = count;
        return one;
    };
    pages = {page("processed"), page("unprocessed"), page("ignored"), page("failed")};
    const ChildCounts counts = reader.childCounts(id);
    const ChildrenPage found = reader.children(id, pages);
    if (counts.processed + counts.unprocessed + counts.ignored + counts.failed == 0 &&
        !reader.job(id)) {
        throw absent(request);
    }
    return json([&](JsonWriter& out) {
        out.beginObject().key("counts");
        operate::write(out, counts);
        out.key("children");
        operate::write(out, found.children);
        out.key("next").beginObject();
        for (const auto& [name, cursor] : {std::pair("processed", found.nextProcessed),
                                           std::pair("unprocessed", found.nextUnprocessed),
                                           std::pair("ignored", found.nextIgnored),
                                           std::pair("failed", found.nextFailed)}) {
            if (cursor != 0) {
                out.key(name).number(cursor);
            }
        }
        out.endObject().endObject();
    });
}

Response flow(const AdminQueues& all, const Request& request) {
    const std::string& queue = request.text("queue");
    const Queue::Settings settings = all.settings(queue);
    const FlowProducer flows(all.redis(), {settings.prefix, settings.bullmq5});
    FlowDepth depth;
    depth.levels = static_cast<int>(integerOr(request, "depth", depth.levels));
    depth.maxChildren = static_cast<int>(integerOr(request, "children", depth.maxChildren));
    const auto tree = flows.flow(queue, request.text("id"), depth);
    if (!tree) {
        throw absent(request);
    }
    return json([&](JsonWriter& out) { operate::write(out, *tree); });
}

Response remove(const AdminQueues& all, const Request& request) {
    const std::string& queue = request.text("queue");
    const std::string& id = request.text("id");
    if (all.part<QueueReader>(queue).state(id) == JobState::Unknown &&
        !all.part<QueueReader>(queue).job(id)) {
        throw absent(request);
    }
    if (!all.part<JobControl>(queue).remove(id, flagOr(request, "children", true))) {
        throw HttpError(409, "A worker holds job " + id + " of " + queue + ", or a job below it");
    }
    return empty();
}

/// A change of one job, answered with 204.
Route change(const Queues& queues,
             const std::string& method,
             const std::string& path,
             const std::string& summary,
             const std::function<void(JobControl&, const Request&)>& act) {
    Route route = describe(method, path, Kind::Operate, summary);
    answersEmpty(route, "Done");
    mayBeAbsent(route, "There is no such job");
    mayConflict(route, "The job is in another state");
    route.handler = with<JobControl>(queues, [act](JobControl& jobs, const Request& request) {
        act(jobs, request);
        return empty();
    });
    return route;
}

Parameter member(const std::string& name,
                 ParameterType type,
                 bool required,
                 std::int64_t least = 0,
                 std::int64_t most = 0) {
    Parameter parameter;
    parameter.name = name;
    parameter.in = Parameter::In::Body;
    parameter.type = type;
    parameter.required = required;
    if (type == ParameterType::Integer) {
        parameter.minimum = least;
        parameter.maximum = most;
    }
    return parameter;
}

std::vector<Route> changes(const Queues& queues) {
    const std::string job = kJob;
    Route retries = change(queues,
                           "POST",
                           job + "/retry",
                           "Let a failed or completed job run again.",
                           [](JobControl& jobs, const Request& request) {
                               JobControl::Retry retry;
                               retry.from = parseJobState(textOr(request, "state", "failed"));
                               retry.resetAttemptsMade = flagOr(request, "resetAttempts", false);
                               retry.resetAttemptsStarted = retry.resetAttemptsMade;
                               jobs.retry(request.text("id"), retry);
                           });
    retries.parameters.push_back(textParameter(
        "state", "The state that it is in: failed, which it is without it, or completed."));
    retries.parameters.push_back(
        flagParameter("resetAttempts", "Counts its attempts from 0 again; false without it."));
    Route promotes = change(queues,
                            "POST",
                            job + "/promote",
                            "Let a delayed job run now.",
                            [queues](JobControl& jobs, const Request& request) {
                                const std::string& id = request.text("id");
                                // BullMQ's code is the same for a job that does not exist.
                                if (!queues->part<QueueReader>(request.text("queue")).job(id)) {
                                    throw absent(request);
                                }
                                jobs.promote(id);
                            });
    Route cancels = change(queues,
                           "POST",
                           job + "/cancel",
                           "Set the cancel token of an active job, whichever process works on it.",
                           [](JobControl& jobs, const Request& request) {
                               jobs.cancel(request.text("id"), textOr(request, "reason", ""));
                           });
    cancels.parameters.push_back(
        textParameter("reason", "For the log, and for the reason of a job that fails."));

    Route data = change(queues,
                        "PUT",
                        job + "/data",
                        "Replace the data of a job by the body.",
                        [](JobControl& jobs, const Request& request) {
                            jobs.updateData(request.text("id"), request.body);
                        });
    data.anyJson = true;
    Route delay =
        change(queues,
               "PUT",
               job + "/delay",
               "Delay a delayed job until so many ms from now.",
               [](JobControl& jobs, const Request& request) {
                   jobs.changeDelay(request.text("id"),
                                    std::chrono::milliseconds(request.integer("delayMs")));
               });
    delay.parameters.push_back(member("delayMs", ParameterType::Integer, true, 0, kLongestDelayMs));
    Route priority = change(queues,
                            "PUT",
                            job + "/priority",
                            "Change the priority of a job.",
                            [](JobControl& jobs, const Request& request) {
                                jobs.changePriority(request.text("id"),
                                                    static_cast<int>(request.integer("priority")),
                                                    flagOr(request, "lifo", false));
                            });
    priority.parameters.push_back(
        member("priority", ParameterType::Integer, true, 0, kHighestPriority));
    priority.parameters.push_back(member("lifo", ParameterType::Boolean, false));
    return {std::move(retries),
            std::move(promotes),
            std::move(cancels),
            std::move(data),
            std::move(delay),
            std::move(priority)};
}

}  // namespace

std::vector<Route> jobRoutes(const Queues& queues) {
    Route lists = describe("GET", kJobs, Kind::Read, "List jobs of a state.");
    lists.parameters.push_back(textParameter("state",
                                             "waiting, which it is without it, active, delayed, "
                                             "prioritized, waiting-children, completed "
                                             "or failed."));
    addRange(lists,
             "The last place; a page has 20 without it, and up to 1000.",
             "descending, which it is without it: the latest jobs first; or ascending.");
    answers(
        lists,
        "A page, and how many jobs are in that state",
        std::string(R"({"type":"object","properties":{"jobs":{"type":"array","items":)") +
            kJobSchema +
            R"(},"unreadable":{"type":"array","items":{"type":"object","properties":{"id":{"type":"string"},)"
            R"("why":{"type":"string"}}}},"count":{"type":"integer"}}})");
    lists.handler = with<QueueReader>(queues, list);

    Route shows = describe("GET", kJob, Kind::Read, "Look at a job.");
    answers(shows, "The job as BullMQ shows it, and its state", kJobSchema);
    mayBeAbsent(shows, "There is no such job");
    mayConflict(shows, "A field of the job is unreadable");
    shows.handler = with<QueueReader>(queues, show);

    Route removes = describe("DELETE", kJob, Kind::Destroy, "Remove a job.");
    removes.parameters.push_back(
        flagParameter("children", "Removes the jobs below it as well; true without it."));
    answersEmpty(removes, "The job is gone");
    mayBeAbsent(removes, "There is no such job");
    mayConflict(removes, "A worker holds one of the jobs, or it is the next job of a scheduler");
    removes.handler = pooled(queues, remove);

    Route readsLogs =
        describe("GET", std::string(kJob) + "/logs", Kind::Read, "Read the log of a job.");
    addRange(readsLogs,
             "The last row; 1000 rows without it, and up to 10000.",
             "ascending, which it is without it: the oldest rows first; or descending.");
    answers(
        readsLogs,
        "Rows, and how many there are",
        R"({"type":"object","properties":{"rows":{"type":"array","items":{"type":"string"}},"count":{"type":"integer"}}})");
    mayBeAbsent(readsLogs, "There is no such job");
    readsLogs.handler = with<QueueReader>(queues, logs);

    Route readsChildren =
        describe("GET", std::string(kJob) + "/children", Kind::Read, "List the children of a job.");
    readsChildren.parameters.push_back(
        numberParameter("count", "About how many of each kind; 20 without it.", 1, kMostJobs));
    for (const char* kind : {"processed", "unprocessed", "ignored", "failed"}) {
        readsChildren.parameters.push_back(numberParameter(
            kind, "The cursor of the next page, from the page before.", 0, kLongestDelayMs));
    }
    answers(
        readsChildren,
        "A page of each kind; next has the cursors of those with another page",
        R"({"type":"object","properties":{"counts":{"type":"object"},"children":{"type":"object"},"next":{"type":"object"}}})");
    mayBeAbsent(readsChildren, "There is no such job");
    readsChildren.handler = with<QueueReader>(queues, children);

    Route readsFlow = describe("GET",
                               "/queues/{queue}/flows/{id}",
                               Kind::Read,
                               "Look at a job with the tree of jobs below it.");
    readsFlow.parameters.push_back(numberParameter(
        "depth", "Levels, the job itself being the first; 10 without it.", 1, 1000));
    readsFlow.parameters.push_back(numberParameter(
        "children", "Children of each kind of one job; 20 without it.", 1, kMostRows));
    answers(
        readsFlow,
        "The tree",
        R"({"type":"object","properties":{"job":{"type":["object","null"]},"children":{"type":"array","items":{"type":"object"}}}})");
    mayBeAbsent(readsFlow, "There is no such job");
    readsFlow.handler = pooled(queues, flow);

    std::vector<Route> routes = changes(queues);
    for (Route* route : {&lists, &shows, &removes, &readsLogs, &readsChildren, &readsFlow}) {
        routes.push_back(std::move(*route));
    }
    return routes;
}

}  // namespace drover::admin
