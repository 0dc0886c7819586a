#include "AdminRoutes.h"

#include <iterator>
#include <utility>

#include "EventRoute.h"
#include "JobRoutes.h"
#include "LimitRoutes.h"
#include "MaintenanceRoutes.h"
#include "OverviewRoutes.h"
#include "SchedulerRoutes.h"

namespace drover::admin {

namespace {

Route quietRoute(const std::function<void(bool)>& quiet, bool on) {
    Route route = describe("POST",
                           on ? "/worker/quiet" : "/worker/resume",
                           Scope::Kind::Operate,
                           on ? "Let this process claim no further jobs; running jobs go on."
                              : "Let this process claim jobs again.");
    route.responses.push_back({202,
                               "The process does so",
                               R"({"type":"object","properties":{"quiet":{"type":"boolean"}}})"});
    route.handler = [quiet, on](const Request&) {
        quiet(on);
        return json(on ? R"({"quiet":true})" : R"({"quiet":false})", 202);
    };
    return route;
}

}  // namespace

std::vector<Route> adminRoutes(const Queues& queues, const Shared& shared) {
    std::vector<Route> all;
    for (std::vector<Route>& some : std::vector<std::vector<Route>>{
             overviewRoutes(queues),
             jobRoutes(queues),
             limitRoutes(queues),
             schedulerRoutes(queues),
             maintenanceRoutes(queues, shared.work),
         }) {
        std::move(some.begin(), some.end(), std::back_inserter(all));
    }
    all.push_back(eventRoute(queues, shared.events));
    all.push_back(quietRoute(shared.quiet, true));
    all.push_back(quietRoute(shared.quiet, false));
    return all;
}

}  // namespace drover::admin
