#include "queues/SchedulerRoute.h"

#include <set>
#include <string>
#include <utility>

#include <Poco/Exception.h>

#include "drover/Exceptions.h"
#include "drover/JobSchedulers.h"
#include "drover/JsonWriter.h"
#include "http/HttpText.h"
#include "queues/JobBody.h"
#include "queues/QueueRoutes.h"
#include "queues/ServedQueues.h"

namespace drover::api {

namespace {

constexpr const char* kErrorSchema = R"({"$ref":"#/components/schemas/Error"})";

Parameter idParameter() {
    Parameter id;
    id.name = "id";
    id.description = "Id of the scheduler.";
    id.maxLength = 512;
    return id;
}

Response json(int status, std::string body) {
    Response response;
    response.status = status;
    response.body = std::move(body);
    return response;
}

/// The rule of a scheduler and its template.
struct Rule {
    RepeatOptions repeat;
    JobTemplate jobs;
};

/// Throws HttpError 400 and Poco::InvalidArgumentException, naming the member.
Rule parseRule(const JsonView& body) {
    if (!body.isObject()) {
        throw HttpError(400, R"(the body must be an object such as {"repeat": {"every": 60000}})");
    }
    Rule rule;
    std::set<std::string> seen;
    for (const auto& [name, value] : body.members()) {
        if (!seen.insert(name).second) {
            throw HttpError(400, "property " + name + " must be given once");
        }
        if (name == "repeat") {
            rule.repeat = RepeatOptions::parse(value.text());
        } else if (name == "template") {
            rule.jobs = JobTemplate::parse(value.text());
            requireKnown(rule.jobs.opts);
        } else {
            throw HttpError(
                400, "property " + name + " should not exist; a scheduler has repeat and template");
        }
    }
    if (seen.count("repeat") == 0) {
        throw HttpError(
            400, R"(repeat should not be empty: {"every": 60000} or {"pattern": "0 9 * * *"})");
    }
    return rule;
}

Response put(JobSchedulers& schedulers, const Request& request) {
    const Rule rule = parseRule(JsonView::parse(request.body));
    const std::string& id = request.text("id");
    try {
        const auto run = schedulers.upsert(id, rule.repeat, rule.jobs);
        if (!run) {
            throw HttpError(400, "repeat has no run before its endDate; nothing was changed");
        }
        JsonWriter out;
        out.beginObject().key("key").text(id).key("next").number(run->dueMs);
        out.key("jobId").text(run->jobId).endObject();
        return json(200, std::move(out).str());
    } catch (const ScriptException& error) {
        if (error.code() == 0) {
            throw;
        }
        throw HttpError(409, error.message());
    }
}

/// Runs on the pool, since each call waits for Redis.
RouteHandler handler(std::shared_ptr<const ServedQueues> queues) {
    return [queues = std::move(queues)](const Request& request) {
        const std::string& queue = request.text("queue");
        queues->require(queue);
        try {
            const Queue::Settings settings = queues->settings(queue);
            JobSchedulers schedulers(queues->redis(),
                                     {settings.prefix,
                                      settings.shards.nameFor(queue, request.text("id")),
                                      settings.bullmq5});
            return put(schedulers, request);
        } catch (const Poco::InvalidArgumentException& error) {
            throw HttpError(400, error.message());
        } catch (const RedisTimeoutException&) {
            throw HttpError(
                503, "The queue did not answer in time; the request is safe to repeat", 1);
        } catch (const RedisIoException&) {
            throw HttpError(503, "The queue cannot be reached; the request is safe to repeat", 1);
        }
    };
}

}  // namespace

Route schedulerRoute(const std::shared_ptr<const ServedQueues>& queues) {
    Route route;
    route.source = kQueueSource;
    route.method = "PUT";
    route.path = "/queues/{queue}/schedulers/{id}";
    route.summary = "Make a scheduler, or change it.";
    route.tag = "queues";
    route.parameters = {ServedQueues::parameter(), idParameter()};
    route.anyJson = true;
    route.bodySchema =
        R"({"type":"object","required":["repeat"],"additionalProperties":false,"properties":{)"
        R"("repeat":{"type":"object"},"template":{"type":"object"}}})";
    route.scope = Scope{Scope::Kind::Add, "{queue}"};
    route.responses.push_back(
        {200,
         "The scheduler stands",
         R"({"type":"object","properties":{"key":{"type":"string"},"next":{"type":"integer"},"jobId":{"type":"string"}}})"});
    route.responses.push_back({409, "The next run has a job already", kErrorSchema});
    route.responses.push_back({404, "api.queues does not list the queue", kErrorSchema});
    route.handler = handler(queues);
    return route;
}

}  // namespace drover::api
