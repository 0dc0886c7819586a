#include "LimitRoutes.h"

#include <chrono>
#include <limits>

#include "drover/QueueControl.h"
#include "drover/QueueReader.h"

namespace drover::admin {

namespace {

using Kind = Scope::Kind;

constexpr const char* kConcurrency = "/queues/{queue}/concurrency";
constexpr const char* kRateLimit = "/queues/{queue}/rate-limit";
constexpr const char* kConcurrencySchema =
    R"({"type":"object","properties":{"jobs":{"type":["integer","null"]}}})";
constexpr const char* kRateLimitSchema =
    R"({"type":"object","properties":{"max":{"type":["integer","null"]},"durationMs":{"type":["integer","null"]},)"
    R"("closedMs":{"type":"integer"}}})";

Parameter member(const std::string& name) {
    Parameter parameter;
    parameter.name = name;
    parameter.in = Parameter::In::Body;
    parameter.type = ParameterType::Integer;
    parameter.minimum = 1;
    parameter.maximum = std::numeric_limits<std::int32_t>::max();
    return parameter;
}

void optional(JsonWriter& out, const char* name, const std::optional<std::int64_t>& value) {
    out.key(name);
    value ? out.number(*value) : out.null();
}

Route removal(const Queues& queues,
              const char* path,
              const char* summary,
              void (QueueControl::*remove)()) {
    Route route = describe("DELETE", path, Kind::Operate, summary);
    answersEmpty(route, "There is no such limit now");
    route.handler = with<QueueControl>(queues, [remove](QueueControl& queue, const Request&) {
        (queue.*remove)();
        return empty();
    });
    return route;
}

}  // namespace

std::vector<Route> limitRoutes(const Queues& queues) {
    Route concurrency =
        describe("GET", kConcurrency, Kind::Read, "Read how many jobs may be active at once.");
    answers(concurrency, "The number; null: any", kConcurrencySchema);
    concurrency.handler = with<QueueReader>(queues, [](QueueReader& reader, const Request&) {
        const QueueMeta meta = reader.meta();
        return json([&](JsonWriter& out) {
            out.beginObject();
            optional(out, "jobs", meta.concurrency);
            out.endObject();
        });
    });
    Route setsConcurrency = describe("PUT",
                                     kConcurrency,
                                     Kind::Operate,
                                     "Bound how many jobs may be active at once, in all workers.");
    setsConcurrency.parameters.push_back(member("jobs"));
    answersEmpty(setsConcurrency, "The bound holds");
    setsConcurrency.handler =
        with<QueueControl>(queues, [](QueueControl& queue, const Request& request) {
            queue.setGlobalConcurrency(static_cast<int>(request.integer("jobs")));
            return empty();
        });

    Route rateLimit = describe("GET", kRateLimit, Kind::Read, "Read the rate limit of a queue.");
    answers(rateLimit,
            "max jobs begin in durationMs, null: there is no limit; no job begins for closedMs",
            kRateLimitSchema);
    rateLimit.handler = with<QueueReader>(queues, [](QueueReader& reader, const Request&) {
        const QueueMeta meta = reader.meta();
        const std::int64_t closedMs = meta.max ? reader.rateLimitTtl() : 0;
        return json([&](JsonWriter& out) {
            out.beginObject();
            optional(out, "max", meta.max);
            optional(out, "durationMs", meta.durationMs);
            out.key("closedMs").number(std::max<std::int64_t>(closedMs, 0)).endObject();
        });
    });
    Route setsRateLimit = describe("PUT",
                                   kRateLimit,
                                   Kind::Operate,
                                   "Let at most max jobs begin within durationMs, in all workers.");
    setsRateLimit.parameters.push_back(member("max"));
    setsRateLimit.parameters.push_back(member("durationMs"));
    answersEmpty(setsRateLimit, "The limit holds");
    setsRateLimit.handler =
        with<QueueControl>(queues, [](QueueControl& queue, const Request& request) {
            queue.setGlobalRateLimit({static_cast<int>(request.integer("max")),
                                      std::chrono::milliseconds(request.integer("durationMs"))});
            return empty();
        });

    return {std::move(concurrency),
            std::move(setsConcurrency),
            removal(queues,
                    kConcurrency,
                    "Let any number of jobs be active.",
                    &QueueControl::removeGlobalConcurrency),
            std::move(rateLimit),
            std::move(setsRateLimit),
            removal(queues,
                    kRateLimit,
                    "Remove the rate limit of a queue.",
                    &QueueControl::removeGlobalRateLimit)};
}

}  // namespace drover::admin
