#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "drover/AccessToken.h"
#include "drover/Export.h"
#include "drover/Responder.h"
#include "drover/Response.h"
#include "drover/Scope.h"
#include "drover/TraceContext.h"

namespace drover {

/// The type of a path or query parameter, or of a member of a JSON body. Integer is an int64; DateTime is text in the
/// form of ISO 8601 with a zone, handed over as it came.
enum class ParameterType { Integer, Number, Boolean, String, DateTime };

/// A checked value: Integer is int64, Number double, Boolean bool, String and DateTime text.
using ParameterValue = std::variant<std::int64_t, double, bool, std::string>;

/// One input of a route. The HTTP front checks it before the handler runs, and describes it in the OpenAPI document.
struct Parameter {
    enum class In { Path, Query, Body };

    std::string name;
    In in = In::Path;
    ParameterType type = ParameterType::String;
    bool required = true;
    std::string description;
    std::int64_t minimum = std::numeric_limits<std::int64_t>::min();  ///< For an Integer.
    std::int64_t maximum = std::numeric_limits<std::int64_t>::max();  ///< For an Integer.
    std::size_t minLength = 0;     ///< For a String, in bytes of UTF-8.
    std::size_t maxLength = 4096;  ///< For a String, in bytes of UTF-8.
};

/// One documented answer. `schema` is a JSON Schema of its body as text; empty: no body.
struct ResponseDoc {
    int status = 200;
    std::string description;
    std::string schema;
    /// Headers of this answer for the document: name and description.
    std::vector<std::pair<std::string, std::string>> headers = {};
    std::string contentType = "application/json";
};

/// A request whose parameters and body have been checked against the route.
class Request {
public:
    std::string method;
    std::string path;           ///< As received, without query.
    std::string remoteAddress;  ///< Numeric, without port.
    std::string body;           ///< Raw bytes; complete.
    bool jsonLines =
        false;  ///< The body came as application/x-ndjson, and nothing in it was checked.
    bool openBody =
        false;  ///< The body is not in `body`: Responder::upload() has it as it arrives.
    /// The token that passed the route's scope; nullptr: the route demands none.
    std::shared_ptr<const AccessToken> token;
    std::map<std::string, ParameterValue>
        values;  ///< Path, query and body members together, by name.
    std::map<std::string, std::string>
        headers;  ///< Those that the route declares and the client sent.
    /// The span of the request; not set: there are no traces. A RouteHandler has it as that of its thread (TraceScope), an
    /// AsyncHandler passes it on (NewJob::cause).
    TraceContext trace{};

    [[nodiscard]] bool has(const std::string& name) const { return values.count(name) != 0; }
    /// Throws std::out_of_range if the route has no such parameter or it was not given, std::bad_variant_access if its
    /// type is another.
    [[nodiscard]] std::int64_t integer(const std::string& name) const {
        return std::get<std::int64_t>(values.at(name));
    }
    [[nodiscard]] const std::string& text(const std::string& name) const {
        return std::get<std::string>(values.at(name));
    }
};

/// Thrown by a route handler to answer with an error in the common shape {"message", "error", "statusCode"}.
class HttpError : public std::runtime_error {
public:
    HttpError(int status, const std::string& message)
        : std::runtime_error(message), status_(status) {}
    /// 503 and 429 carry Retry-After, in seconds, rounded up.
    HttpError(int status, const std::string& message, int retryAfterSeconds)
        : std::runtime_error(message), status_(status), retryAfter_(retryAfterSeconds) {}

    [[nodiscard]] int status() const noexcept { return status_; }
    [[nodiscard]] std::optional<int> retryAfterSeconds() const noexcept { return retryAfter_; }

private:
    int status_;
    std::optional<int> retryAfter_;
};

/// Returns the answer; runs on a thread of the front, many at once. An exception other than HttpError answers 500.
using RouteHandler = std::function<Response(const Request&)>;

/// A request and the way to answer it, both until the handler is done with them.
struct Exchange {
    Request request;
    Responder responder;
};

/// Gets the requests of one route that became whole together, and answers each when it can. Runs on the thread that serves
/// every connection, so it must not block; for a large or compressed body on another one, at the same time. An exception answers 500 to all that it has not moved away.
using AsyncHandler = std::function<void(std::vector<Exchange>)>;

/// One endpoint. The table of them is served by the HTTP front, which also derives the OpenAPI document from it.
struct Route {
    std::string method;  ///< Upper case: GET, POST, PUT, PATCH, DELETE.
    std::string path;    ///< Pattern with parameters in braces: "/reservation/{eventId}/{userId}".
    std::string summary;
    std::string tag;
    std::string
        source;  ///< Its origin, for messages: "plugin reservation-api", "producer.properties api.route.x".
    std::vector<Parameter> parameters;
    /// The body is any JSON, an array say, up to the front's limit; the handler reads Request::body. No Parameter is of
    /// kind Body then.
    bool anyJson = false;
    bool jsonLines =
        false;  ///< With anyJson: the body may be application/x-ndjson as well. The handler checks its lines.
    /// With jsonLines and an asyncHandler: such a body may be chunked, or larger than the front's limit; see Request::openBody.
    bool openBodies = false;
    std::string
        bodySchema{};  ///< With anyJson: the JSON Schema of the body, for the document; empty: any JSON.
    std::vector<std::string>
        headers;  ///< Names of headers that the handler sees, as it looks them up.
    std::vector<ResponseDoc> responses;
    bool documented =
        true;  ///< Off: the OpenAPI document leaves it out, as what a page alone requests.
    /// The scope that a token needs; std::nullopt: every client is served. A front without tokens refuses to serve the table.
    /// The queue of an add may be "{parameter}" of the path. With other braces the queues stand in the body: a token needs
    /// any scope of adding, and the handler checks each queue against Request::token.
    std::optional<Scope> scope;
    // Exactly one of the two.
    RouteHandler handler;
    AsyncHandler asyncHandler;
    /// How long an asyncHandler may take for an answer or the beginning of a stream.
    std::chrono::milliseconds answerTimeout{30000};
};

/// The route table of a process. Owned by the engine, filled by services and by configuration, served by the front.
/// Threads: every method may be called from any thread; a snapshot never changes.
class DROVER_API Routes {
public:
    using Table = std::vector<std::shared_ptr<const Route>>;

    /// Throws ConfigException, naming both sources, if a route with the same method and an equal pattern exists
    /// (parameter names do not count); also for a pattern or method that is malformed, a path parameter without
    /// declaration or the reverse, no handler or two.
    void add(Route route);

    /// Replaces all routes whose source starts with `sourcePrefix` by `routes`, all or nothing.
    void replace(const std::string& sourcePrefix, std::vector<Route> routes);

    [[nodiscard]] std::shared_ptr<const Table> snapshot() const;

    /// Makes `table`, a snapshot of another Routes, the table of this one. Routes added here since that copy was made are
    /// lost.
    void publish(std::shared_ptr<const Table> table);

private:
    mutable std::mutex mutex_;
    std::shared_ptr<const Table> table_ = std::make_shared<const Table>();
};

}  // namespace drover
