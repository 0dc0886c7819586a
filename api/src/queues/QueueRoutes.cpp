#include "queues/QueueRoutes.h"

#include <memory>
#include <utility>

#include "http/HttpText.h"
#include "queues/FlowRoute.h"
#include "queues/JobAdding.h"
#include "queues/JobBody.h"
#include "queues/ResultRoute.h"
#include "queues/SchedulerRoute.h"
#include "queues/ServedQueues.h"
#include "routes/AddAnswer.h"
#include "routes/Idempotency.h"

namespace drover::api {

namespace {

std::string bulkSchema() {
    return std::string(R"({"oneOf":[)") + kNewJobSchema +
           R"(,{"type":"array","minItems":1,"items":)" + kNewJobSchema + "}]}";
}

Route addRoute(const std::shared_ptr<const ServedQueues>& queues, std::chrono::milliseconds ttl) {
    static const std::string kResults =
        std::string(
            R"({"type":"array","items":{"type":"object","required":["status"],"properties":{)") +
        R"("status":{"type":"integer"},"job":)" + kJobSchema +
        R"(,"error":{"$ref":"#/components/schemas/Error"}}}})";
    Route route;
    route.source = kQueueSource;
    route.method = "POST";
    route.path = "/queues/{queue}/jobs";
    route.summary = "Add a job, or several: an array, or a job on each line.";
    route.tag = "queues";
    route.parameters = {ServedQueues::parameter()};
    route.anyJson = true;
    route.jsonLines = true;
    route.bodySchema = bulkSchema();
    route.responses = {
        {201,
         "Added. One job is answered with itself, several with a result for each.",
         R"({"oneOf":[)" + std::string(kJobSchema) + "," + kResults + "]}"},
        {207, "Several jobs, with results of different status", kResults},
        {404, "api.queues does not list the queue", R"({"$ref":"#/components/schemas/Error"})"}};
    route.scope = Scope{Scope::Kind::Add, "{queue}"};
    describeIdempotency(route);
    route.asyncHandler = [queues, ttl, name = route.method + " " + route.path](
                             std::vector<Exchange> exchanges) {
        for (Exchange& exchange : exchanges) {
            try {
                auto queue = queues->open(exchange.request.text("queue"));
                auto once = addOnceOf(exchange.request, name, ttl);
                std::make_shared<JobAdding>(std::move(exchange), std::move(queue), std::move(once))
                    ->start();
            } catch (const HttpError& error) {
                exchange.responder.respond(
                    errorResponse(error.status(), error.what(), error.retryAfterSeconds()));
            }
        }
    };
    return route;
}

}  // namespace

std::vector<Route> queueRoutes(const std::vector<std::string>& globs,
                               QueueTable& queues,
                               std::chrono::milliseconds idempotencyTtl) {
    const auto served = std::make_shared<const ServedQueues>(globs, queues);
    if (globs.empty()) {
        return {};
    }
    std::vector<Route> routes;
    routes.push_back(schedulerRoute(served));
    routes.push_back(addRoute(served, idempotencyTtl));
    routes.push_back(resultRoute(served));
    routes.push_back(flowRoute(served, idempotencyTtl));
    return routes;
}

}  // namespace drover::api
