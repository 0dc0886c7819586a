#include "queues/QueueRoutes.h"

#include <memory>
#include <utility>

#include "http/HttpText.h"
#include "queues/FlowRoute.h"
#include "queues/JobAdding.h"
#include "queues/JobBody.h"
#include "queues/JobStream.h"
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

Parameter answersParameter() {
    Parameter answers;
    answers.name = "answers";
    answers.in = Parameter::In::Query;
    answers.required = false;
    answers.description =
        "Of lines that are added while they arrive: all, or refused for the lines alone that were "
        "not added, and one for each batch.";
    return answers;
}

JobStream::Answers answersOf(const Request& request) {
    const std::string answers = request.has("answers") ? request.text("answers") : "all";
    if (answers != "all" && answers != "refused") {
        throw HttpError(400, "The query parameter answers must be all or refused");
    }
    return answers == "all" ? JobStream::Answers::All : JobStream::Answers::Refused;
}

/// Begins to add the jobs of an open body. Throws HttpError 400 before anything is moved.
void stream(Exchange& exchange, std::shared_ptr<Queue> queue, const QueueRouteSettings& settings) {
    const Request& request = exchange.request;
    if (request.headers.count(kIdempotencyKey) != 0) {
        throw HttpError(400,
                        "A body that is chunked or larger than " +
                            std::to_string(settings.maxLineBytes) +
                            " bytes cannot have an Idempotency-Key; give each job an opts.jobId");
    }
    const JobStream::Settings form{settings.maxLineBytes, answersOf(request)};
    std::make_shared<JobStream>(std::move(exchange), std::move(queue), settings.openBodies, form)
        ->start();
}

Route addRoute(const std::shared_ptr<const ServedQueues>& queues,
               const QueueRouteSettings& settings) {
    static const std::string kResults =
        std::string(
            R"({"type":"array","items":{"type":"object","required":["status"],"properties":{)") +
        R"("status":{"type":"integer"},"job":)" + kJobSchema +
        R"(,"error":{"$ref":"#/components/schemas/Error"}}}})";
    constexpr char kLine[] =
        R"({"type":"object","properties":{"line":{"type":"integer"},"status":{"type":"integer"},"id":{"type":"string"},)"
        R"("error":{"type":"string"},"retryAfter":{"type":"integer"},"through":{"type":"integer"},"done":{"type":"boolean"},)"
        R"("lines":{"type":"integer"},"added":{"type":"integer"},"refused":{"type":"integer"},"next":{"type":"integer"}}})";
    Route route;
    route.source = kQueueSource;
    route.method = "POST";
    route.path = "/queues/{queue}/jobs";
    route.summary =
        "Add a job, or several: an array, or a job on each line. Lines that are chunked or too "
        "many for one body are added and answered while they arrive.";
    route.tag = "queues";
    route.parameters = {ServedQueues::parameter(), answersParameter()};
    route.anyJson = true;
    route.jsonLines = true;
    route.openBodies = true;
    route.bodySchema = bulkSchema();
    route.responses = {
        {200,
         "The lines of a body that is chunked or too large to be read first, as "
         "application/x-ndjson",
         kLine},
        {201,
         "Added. One job is answered with itself, several with a result for each.",
         R"({"oneOf":[)" + std::string(kJobSchema) + "," + kResults + "]}"},
        {207, "Several jobs, with results of different status", kResults},
        {404, "api.queues does not list the queue", R"({"$ref":"#/components/schemas/Error"})"}};
    route.scope = Scope{Scope::Kind::Add, "{queue}"};
    describeIdempotency(route);
    route.asyncHandler = [queues, settings, name = route.method + " " + route.path](
                             std::vector<Exchange> exchanges) {
        for (Exchange& exchange : exchanges) {
            try {
                auto queue = queues->open(exchange.request.text("queue"));
                if (exchange.request.openBody) {
                    stream(exchange, std::move(queue), settings);
                    continue;
                }
                auto once = addOnceOf(exchange.request, name, settings.idempotencyTtl);
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
                               const QueueRouteSettings& settings) {
    const auto served = std::make_shared<const ServedQueues>(globs, queues);
    if (globs.empty()) {
        return {};
    }
    std::vector<Route> routes;
    routes.push_back(schedulerRoute(served));
    routes.push_back(addRoute(served, settings));
    routes.push_back(resultRoute(served));
    routes.push_back(flowRoute(served, settings.idempotencyTtl));
    return routes;
}

}  // namespace drover::api
