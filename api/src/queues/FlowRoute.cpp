#include "queues/FlowRoute.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "drover/FlowProducer.h"
#include "drover/Json.h"
#include "http/HttpText.h"
#include "queues/JobBody.h"
#include "queues/QueueRoutes.h"
#include "queues/ServedQueues.h"
#include "routes/AddAnswer.h"
#include "routes/Idempotency.h"

namespace drover::api {

namespace {

/// Parses a tree: {"name", "queueName", "data"?, "opts"?, "children"?: [tree]}, as BullMQ's FlowJob has it.
class TreeParser {
public:
    /// Adds to `sharded` those queues of the tree that have shards.
    TreeParser(const ServedQueues& queues, const Request& request, ShardedQueues& sharded)
        : queues_(queues), request_(request), sharded_(sharded) {}

    /// Throws HttpError, with the place of a child: 400 for a mistake, 403 and 404 for a queue to which the client may not add.
    /// The depth of JSON bounds the recursion.
    [[nodiscard]] FlowJob parse(const JsonView& json, const std::string& place = "") const {
        std::vector<JsonView> children;
        FlowJob flow;
        try {
            flow = parseOne(json, children);
        } catch (const HttpError& error) {
            throw HttpError(error.status(), (place.empty() ? "" : place + ": ") + error.what());
        }
        for (std::size_t i = 0; i < children.size(); ++i) {
            flow.children.push_back(
                parse(children[i],
                      place + (place.empty() ? "" : ".") + "children[" + std::to_string(i) + ']'));
        }
        return flow;
    }

private:
    [[nodiscard]] FlowJob parseOne(const JsonView& json, std::vector<JsonView>& children) const {
        if (!json.isObject()) {
            throw HttpError(
                400,
                R"(a job of a flow must be an object such as {"name": "a", "queueName": "mail"})");
        }
        FlowJob flow;
        std::string job;
        for (const auto& [name, value] : json.members()) {
            if (name == "queueName" && value.isString()) {
                flow.queue = *value.string();
            } else if (name == "children" && value.isArray()) {
                children = value.elements();
            } else if (name == "queueName" || name == "children") {
                throw HttpError(
                    400, name + " must be " + (name == "children" ? "an array" : "a string"));
            } else {
                job +=
                    (job.empty() ? "" : ",") + jsonString(name) + ':' + std::string(value.text());
            }
        }
        if (flow.queue.empty()) {
            throw HttpError(400, "queueName should not be empty");
        }
        queues_.require(flow.queue);
        ServedQueues::requireScope(request_, flow.queue);
        const Queue::Settings settings = queues_.settings(flow.queue);
        flow.prefix = settings.prefix;
        if (settings.shards.count > 1) {
            sharded_.emplace(flow.queue, settings.shards);
        }
        flow.job = parseJob(JsonView::parse('{' + job + '}'));
        ServedQueues::requireScopeOfParent(request_, flow.job);
        return flow;
    }

    const ServedQueues& queues_;
    const Request& request_;
    ShardedQueues& sharded_;
};

constexpr const char* kName = "POST /flows";

Response add(const ServedQueues& queues, const Request& request, std::chrono::milliseconds ttl) {
    const std::optional<AddOnce> once = addOnceOf(request, kName, ttl);
    ShardedQueues sharded;
    FlowJob tree = TreeParser(queues, request, sharded).parse(JsonView::parse(request.body));
    const Queue::Settings settings = queues.settings(tree.queue);
    FlowProducer producer(
        queues.redis(),
        {settings.prefix, settings.bullmq5, sharded, [&queues](const std::string& queue) {
             return queues.settings(queue).admission;
         }});
    FlowResult added =
        once ? producer.addOnce(std::move(tree), *once) : producer.add(std::move(tree));
    AddResult result;
    result.status = added.status;
    result.message = added.message;
    result.retryAfter = added.retryAfter;
    if (std::optional<Response> refusal = refusalOf(result)) {
        return *std::move(refusal);
    }
    Response response;
    response.status = 201;
    response.body = added.tree.toJson();
    if (added.repeated) {
        markRepeated(response);
    }
    return response;
}

}  // namespace

Route flowRoute(const std::shared_ptr<const ServedQueues>& queues, std::chrono::milliseconds ttl) {
    Route route;
    route.source = kQueueSource;
    route.method = "POST";
    route.path = "/flows";
    route.summary = "Add a tree of jobs: a job with children waits for their ends.";
    route.tag = "queues";
    route.anyJson = true;
    route.bodySchema =
        R"({"type":"object","required":["name","queueName"],"properties":{"name":{"type":"string"},)"
        R"("queueName":{"type":"string"},"data":{},"opts":{"type":"object"},)"
        R"("children":{"type":"array","items":{"type":"object"}}}})";
    route.responses = {{201,
                        "All jobs are added",
                        std::string(R"({"type":"object","properties":{"job":)") + kJobSchema +
                            R"(,"children":{"type":"array","items":{"type":"object"}}}})"},
                       {404,
                        "api.queues does not list a queue of the tree",
                        R"({"$ref":"#/components/schemas/Error"})"}};
    describeIdempotency(route);
    route.scope = Scope{Scope::Kind::Add, "{queue of each job}"};
    route.handler = [queues, ttl](const Request& request) { return add(*queues, request, ttl); };
    return route;
}

}  // namespace drover::api
