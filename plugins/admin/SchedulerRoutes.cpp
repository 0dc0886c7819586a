#include "SchedulerRoutes.h"

#include "Schemas.h"
#include "drover/JobSchedulers.h"
#include "drover/operate/OperateJson.h"

namespace drover::admin {

namespace {

using Kind = Scope::Kind;

constexpr const char* kOne = "/queues/{queue}/schedulers/{id}";
constexpr std::int64_t kMostLimit = 1000;

HttpError absent(const Request& request) {
    return {404, "There is no scheduler " + request.text("id")};
}

}  // namespace

std::vector<Route> schedulerRoutes(const Queues& queues) {
    Route lists = describe("GET",
                           "/queues/{queue}/schedulers",
                           Kind::Read,
                           "List the schedulers of a queue by their next run.");
    lists.parameters.push_back(
        numberParameter("start", "How many to leave out; 0 without it.", 0, kFarthest));
    lists.parameters.push_back(
        numberParameter("limit", "The most of the answer; 100 without it.", 1, kMostLimit));
    answers(lists,
            "The schedulers",
            std::string(R"({"type":"array","items":)") + kSchedulerSchema + "}");
    lists.handler = with<JobSchedulers>(queues, [](JobSchedulers& all, const Request& request) {
        const std::int64_t start = integerOr(request, "start", 0);
        return json([&](JsonWriter& out) {
            out.beginArray();
            for (const JobScheduler& one :
                 all.list(start, start + integerOr(request, "limit", 100) - 1)) {
                operate::write(out, one);
            }
            out.endArray();
        });
    });

    Route shows = describe("GET", kOne, Kind::Read, "Look at a scheduler.");
    answers(shows, "The scheduler", kSchedulerSchema);
    mayBeAbsent(shows, "There is no such scheduler");
    shows.handler = with<JobSchedulers>(queues, [](JobSchedulers& all, const Request& request) {
        const auto scheduler = all.get(request.text("id"));
        if (!scheduler) {
            throw absent(request);
        }
        return json([&](JsonWriter& out) { operate::write(out, *scheduler); });
    });

    Route removes =
        describe("DELETE", kOne, Kind::Operate, "Remove a scheduler and its pending job.");
    answersEmpty(removes, "Removed");
    mayBeAbsent(removes, "There is no such scheduler");
    removes.handler = with<JobSchedulers>(queues, [](JobSchedulers& all, const Request& request) {
        if (!all.remove(request.text("id"))) {
            throw absent(request);
        }
        return empty();
    });
    return {std::move(lists), std::move(shows), std::move(removes)};
}

}  // namespace drover::admin
