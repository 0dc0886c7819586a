#include "RouteForm.h"

#include <Poco/Exception.h>

#include "drover/ErrorCode.h"
#include "drover/Exceptions.h"
#include "drover/Json.h"
#include "drover/operate/JobRefusal.h"

namespace drover::admin {

namespace {

constexpr const char* kErrorSchema = R"({"$ref":"#/components/schemas/Error"})";

const char* phraseOf(int status) {
    switch (status) {
        case 400:
            return "Bad Request";
        case 404:
            return "Not Found";
        case 409:
            return "Conflict";
        default:
            return "Service Unavailable";
    }
}

Parameter pathParameter(const std::string& name, const std::string& description) {
    Parameter parameter;
    parameter.name = name;
    parameter.description = description;
    parameter.maxLength = name == "queue" ? 256 : 512;
    return parameter;
}

Parameter optional(const std::string& name, const std::string& description, ParameterType type) {
    Parameter parameter;
    parameter.name = name;
    parameter.in = Parameter::In::Query;
    parameter.type = type;
    parameter.required = false;
    parameter.description = description;
    return parameter;
}

}  // namespace

Route describe(const std::string& method,
               const std::string& path,
               Scope::Kind scope,
               const std::string& summary) {
    Route route;
    route.source = kSource;
    route.method = method;
    route.path = path;
    route.summary = summary;
    route.tag = "admin";
    route.scope = Scope{scope};
    if (path.find("{queue}") != std::string::npos) {
        route.parameters.push_back(pathParameter("queue", "Name of the queue."));
        route.responses.push_back({404, "admin.queues does not list the queue", kErrorSchema});
    }
    if (path.find("{id}") != std::string::npos) {
        route.parameters.push_back(pathParameter("id", "Id of what the path names."));
    }
    return route;
}

Parameter numberParameter(const std::string& name,
                          const std::string& description,
                          std::int64_t minimum,
                          std::int64_t maximum) {
    Parameter parameter = optional(name, description, ParameterType::Integer);
    parameter.minimum = minimum;
    parameter.maximum = maximum;
    return parameter;
}

Parameter textParameter(const std::string& name, const std::string& description) {
    return optional(name, description, ParameterType::String);
}

Parameter flagParameter(const std::string& name, const std::string& description) {
    return optional(name, description, ParameterType::Boolean);
}

std::int64_t integerOr(const Request& request, const std::string& name, std::int64_t fallback) {
    return request.has(name) ? request.integer(name) : fallback;
}

bool flagOr(const Request& request, const std::string& name, bool fallback) {
    return request.has(name) ? std::get<bool>(request.values.at(name)) : fallback;
}

std::string textOr(const Request& request, const std::string& name, const std::string& fallback) {
    return request.has(name) ? request.text(name) : fallback;
}

void answers(Route& route, const std::string& description, const std::string& schema) {
    route.responses.push_back({200, description, schema});
}

void answersEmpty(Route& route, const std::string& description) {
    route.responses.push_back({204, description, ""});
}

void mayBeAbsent(Route& route, const std::string& description) {
    for (ResponseDoc& response : route.responses) {
        if (response.status == 404) {
            response.description = description + ", or " + response.description;
        }
    }
}

void mayConflict(Route& route, const std::string& description) {
    route.responses.push_back({409, description, kErrorSchema});
}

Response json(std::string body, int status) {
    Response response;
    response.status = status;
    response.body = std::move(body);
    return response;
}

Response json(const std::function<void(JsonWriter&)>& write) {
    JsonWriter out;
    write(out);
    return json(std::move(out).str());
}

Response empty() {
    return json("", 204);
}

Response errorAnswer(const HttpError& error) {
    JsonWriter out;
    out.beginObject().key("message").text(error.what());
    out.key("error").text(phraseOf(error.status())).key("statusCode").number(error.status());
    Response response = json(std::move(out.endObject()).str(), error.status());
    if (error.retryAfterSeconds()) {
        response.headers.emplace_back("Retry-After", std::to_string(*error.retryAfterSeconds()));
    }
    return response;
}

Response translated(const std::function<Response()>& work) {
    try {
        return work();
    } catch (const Poco::InvalidArgumentException& error) {
        throw HttpError(400, error.message());
    } catch (const JobStateException& error) {
        const bool absent = error.code() == static_cast<int>(ErrorCode::JobNotExist);
        throw HttpError(absent ? 404 : 409, operate::refusalText(error));
    } catch (const RedisTimeoutException&) {
        throw HttpError(503, "Redis did not answer in time; the change may have been made", 1);
    } catch (const RedisIoException&) {
        throw HttpError(503, "Redis cannot be reached", 1);
    } catch (const JobFormatException& error) {
        throw HttpError(409, error.message());
    } catch (const ScriptException& error) {
        throw HttpError(409, error.message());
    }
}

RouteHandler pooled(Queues queues,
                    std::function<Response(const AdminQueues&, const Request&)> work) {
    return [queues = std::move(queues), work = std::move(work)](const Request& request) {
        if (request.has("queue")) {
            queues->require(request.text("queue"));
        }
        return translated([&] { return work(*queues, request); });
    };
}

}  // namespace drover::admin
