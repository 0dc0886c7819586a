#include "queues/SchedulerRoutes.h"

#include <cstdint>
#include <functional>
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

constexpr const char* kSchedulerSchema =
    R"({"type":"object","properties":{"key":{"type":"string"},"name":{"type":"string"},)"
    R"("next":{"type":"integer","format":"int64"},"iterationCount":{"type":"integer"},)"
    R"("pattern":{"type":"string"},"tz":{"type":"string"},"every":{"type":"integer"},"template":{"type":"object"}}})";

constexpr std::int64_t kDefaultLimit = 100;
constexpr std::int64_t kMostLimit = 1000;
constexpr std::int64_t kMostSchedulers = 1000000000;

constexpr const char* kErrorSchema = R"({"$ref":"#/components/schemas/Error"})";

Parameter idParameter() {
    Parameter id;
    id.name = "id";
    id.description = "Id of the scheduler.";
    id.maxLength = 512;
    return id;
}

Parameter number(const std::string& name,
                 const std::string& description,
                 std::int64_t minimum,
                 std::int64_t maximum) {
    Parameter parameter;
    parameter.name = name;
    parameter.in = Parameter::In::Query;
    parameter.type = ParameterType::Integer;
    parameter.required = false;
    parameter.description = description;
    parameter.minimum = minimum;
    parameter.maximum = maximum;
    return parameter;
}

Response json(int status, std::string body) {
    Response response;
    response.status = status;
    response.body = std::move(body);
    return response;
}

HttpError absent(const std::string& id) {
    return {404, "There is no scheduler " + id};
}

/// Runs on the pool, since each call waits for Redis.
using Operation = std::function<Response(JobSchedulers&, const Request&)>;

RouteHandler handler(std::shared_ptr<const ServedQueues> queues, Operation operation) {
    return [queues = std::move(queues), operation = std::move(operation)](const Request& request) {
        const std::string& queue = request.text("queue");
        queues->require(queue);
        try {
            const Queue::Settings settings = queues->settings(queue);
            JobSchedulers schedulers(queues->redis(),
                                     {settings.prefix, settings.name, settings.bullmq5});
            return operation(schedulers, request);
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

Response get(JobSchedulers& schedulers, const Request& request) {
    const auto scheduler = schedulers.get(request.text("id"));
    if (!scheduler) {
        throw absent(request.text("id"));
    }
    return json(200, scheduler->toJson());
}

Response list(JobSchedulers& schedulers, const Request& request) {
    const auto given = [&request](const char* name, std::int64_t fallback) {
        return request.has(name) ? request.integer(name) : fallback;
    };
    const std::int64_t start = given("start", 0);
    JsonWriter out;
    out.beginArray();
    for (const JobScheduler& one :
         schedulers.list(start, start + given("limit", kDefaultLimit) - 1)) {
        out.raw(one.toJson());
    }
    return json(200, std::move(out.endArray()).str());
}

Response remove(JobSchedulers& schedulers, const Request& request) {
    if (!schedulers.remove(request.text("id"))) {
        throw absent(request.text("id"));
    }
    Response response;
    response.status = 204;
    return response;
}

Route route(const char* method, const char* summary, bool one) {
    Route route;
    route.source = kQueueSource;
    route.method = method;
    route.path = one ? "/queues/{queue}/schedulers/{id}" : "/queues/{queue}/schedulers";
    route.summary = summary;
    route.tag = "queues";
    route.parameters = {ServedQueues::parameter()};
    if (one) {
        route.parameters.push_back(idParameter());
    }
    route.responses.push_back(
        {404, "There is no such scheduler, or api.queues does not list the queue", kErrorSchema});
    return route;
}

}  // namespace

std::vector<Route> schedulerRoutes(const std::shared_ptr<const ServedQueues>& queues) {
    Route upserts = route("PUT", "Make a scheduler, or change it.", true);
    upserts.anyJson = true;
    upserts.bodySchema =
        R"({"type":"object","required":["repeat"],"additionalProperties":false,"properties":{)"
        R"("repeat":{"type":"object"},"template":{"type":"object"}}})";
    upserts.scope = Scope{Scope::Kind::Add, "{queue}"};
    upserts.responses.push_back(
        {200,
         "The scheduler stands",
         R"({"type":"object","properties":{"key":{"type":"string"},"next":{"type":"integer"},"jobId":{"type":"string"}}})"});
    upserts.responses.push_back({409, "The next run has a job already", kErrorSchema});
    upserts.handler = handler(queues, put);

    Route gets = route("GET", "Look at a scheduler.", true);
    gets.scope = Scope{Scope::Kind::Read};
    gets.responses.push_back({200, "The scheduler", kSchedulerSchema});
    gets.handler = handler(queues, get);

    Route lists = route("GET", "List the schedulers of a queue by their next run.", false);
    lists.parameters.push_back(
        number("start", "How many to leave out; 0 without it.", 0, kMostSchedulers));
    lists.parameters.push_back(
        number("limit", "The most of the answer; 100 without it.", 1, kMostLimit));
    lists.scope = Scope{Scope::Kind::Read};
    lists.responses.push_back(
        {200,
         "The schedulers",
         std::string(R"({"type":"array","items":)") + kSchedulerSchema + "}"});
    lists.handler = handler(queues, list);

    Route removes = route("DELETE", "Remove a scheduler and its pending job.", true);
    removes.scope = Scope{Scope::Kind::Operate};
    removes.responses.push_back({204, "Removed", ""});
    removes.handler = handler(queues, remove);
    return {std::move(upserts), std::move(gets), std::move(lists), std::move(removes)};
}

}  // namespace drover::api
