#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "AdminQueues.h"
#include "drover/JsonWriter.h"
#include "drover/Routes.h"

/// The form that all routes of the plugin share: parameters, answers, errors.
namespace drover::admin {

inline constexpr const char* kSource = "plugin admin";

using Queues = std::shared_ptr<const AdminQueues>;

/// Begins the description of a route; a path with {queue} or {id} has their parameters.
[[nodiscard]] Route describe(const std::string& method,
                             const std::string& path,
                             Scope::Kind scope,
                             const std::string& summary);

[[nodiscard]] Parameter numberParameter(const std::string& name,
                                        const std::string& description,
                                        std::int64_t minimum,
                                        std::int64_t maximum);
[[nodiscard]] Parameter textParameter(const std::string& name, const std::string& description);
[[nodiscard]] Parameter flagParameter(const std::string& name, const std::string& description);

/// Returns the value of an optional parameter.
[[nodiscard]] std::int64_t integerOr(const Request& request,
                                     const std::string& name,
                                     std::int64_t fallback);
[[nodiscard]] bool flagOr(const Request& request, const std::string& name, bool fallback);
[[nodiscard]] std::string textOr(const Request& request,
                                 const std::string& name,
                                 const std::string& fallback);

/// Documents an answer with a body of JSON.
void answers(Route& route, const std::string& description, const std::string& schema);
/// Documents the answer 204.
void answersEmpty(Route& route, const std::string& description);
/// Documents 404 and 409 of routes about something that may not be there, or be in another state.
void mayBeAbsent(Route& route, const std::string& description);
void mayConflict(Route& route, const std::string& description);

[[nodiscard]] Response json(std::string body, int status = 200);
/// Returns what `write` writes as an answer.
[[nodiscard]] Response json(const std::function<void(JsonWriter&)>& write);
[[nodiscard]] Response empty();
[[nodiscard]] Response errorAnswer(const HttpError& error);

/// Runs `work` and translates what it throws into HttpError: 400 a bad value, 404 no such job, 409 another state or an
/// unreadable key, 503 Redis is away.
[[nodiscard]] Response translated(const std::function<Response()>& work);

/// Returns a handler on the pool of the front. It requires the queue of a path with {queue} first.
[[nodiscard]] RouteHandler pooled(Queues queues,
                                  std::function<Response(const AdminQueues&, const Request&)> work);

/// Returns a handler that calls `work` with a class of the queue.
template <typename Part>
[[nodiscard]] RouteHandler with(Queues queues,
                                std::function<Response(Part&, const Request&)> work) {
    return pooled(std::move(queues),
                  [work = std::move(work)](const AdminQueues& all, const Request& request) {
                      Part part = all.part<Part>(request.text("queue"));
                      return work(part, request);
                  });
}

}  // namespace drover::admin
