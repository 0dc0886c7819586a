#include "EventRoute.h"

#include <optional>
#include <string>

#include "StreamId.h"

namespace drover::admin {

namespace {

constexpr const char* kLastEventId = "Last-Event-ID";

/// Returns std::nullopt if the client has seen no event. Throws HttpError 400 for a text that is not an id.
std::optional<std::string> seenBy(const Request& request) {
    const auto header = request.headers.find(kLastEventId);
    const bool inHeader = header != request.headers.end() && !header->second.empty();
    const std::string id = inHeader ? header->second : textOr(request, "after", "");
    if (id.empty()) {
        return std::nullopt;
    }
    if (!StreamId::parse(id)) {
        throw HttpError(400,
                        std::string(inHeader ? kLastEventId : "after") +
                            " must be the id of an event, such as 1700000000000-0, not \"" +
                            id.substr(0, 100) + "\"");
    }
    return id;
}

}  // namespace

Route eventRoute(const Queues& queues, const std::shared_ptr<EventHub>& hub) {
    Route route = describe("GET",
                           "/queues/{queue}/events",
                           Scope::Kind::Read,
                           "Receive the events of a queue as server-sent events.");
    route.headers = {kLastEventId};
    route.parameters.push_back(textParameter(
        "after",
        "Id of the last event that the client has; Last-Event-ID goes before it. Without both the "
        "stream begins now."));
    route.responses.push_back({200,
                               "id, event and data (JSON) of each event",
                               R"({"type":"string"})",
                               {},
                               "text/event-stream"});
    route.asyncHandler = [queues, hub](std::vector<Exchange> arrived) {
        for (Exchange& exchange : arrived) {
            try {
                const std::string& queue = exchange.request.text("queue");
                queues->require(queue);
                const std::optional<std::string> seen = seenBy(exchange.request);
                static_cast<void>(translated([&] {
                    if (!hub->attach(queue, seen, exchange.responder)) {
                        throw HttpError(
                            503, "The events of too many queues are read, or the server stops", 5);
                    }
                    return empty();
                }));
            } catch (const HttpError& error) {
                exchange.responder.respond(errorAnswer(error));
            }
        }
    };
    return route;
}

}  // namespace drover::admin
