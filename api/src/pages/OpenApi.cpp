#include "pages/OpenApi.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include "drover/JsonWriter.h"
#include "http/HttpText.h"

namespace drover::api {

namespace {

void member(JsonWriter& json, const char* name, const std::string& text) {
    json.key(name).text(text);
}

void schemaOf(JsonWriter& json, const Parameter& parameter) {
    json.beginObject();
    switch (parameter.type) {
        case ParameterType::Integer: {
            member(json, "type", "integer");
            member(json, "format", "int64");
            json.key("minimum").number(parameter.minimum == std::numeric_limits<std::int64_t>::min()
                                           ? 0
                                           : parameter.minimum);
            if (parameter.maximum != std::numeric_limits<std::int64_t>::max()) {
                json.key("maximum").number(parameter.maximum);
            }
            break;
        }
        case ParameterType::Number:
            member(json, "type", "number");
            break;
        case ParameterType::Boolean:
            member(json, "type", "boolean");
            break;
        case ParameterType::String:
            member(json, "type", "string");
            if (parameter.minLength > 0) {
                // The route counts bytes of UTF-8, the document characters, of up to four bytes.
                json.key("minLength").number((parameter.minLength + 3) / 4);
            }
            json.key("maxLength").number(parameter.maxLength);
            break;
        case ParameterType::DateTime:
            member(json, "type", "string");
            member(json, "format", "date-time");
            break;
    }
    json.endObject();
}

void parametersOf(JsonWriter& json, const Route& route) {
    json.key("parameters").beginArray();
    for (const Parameter& parameter : route.parameters) {
        if (parameter.in == Parameter::In::Body) {
            continue;
        }
        json.beginObject();
        member(json, "name", parameter.name);
        member(json, "in", parameter.in == Parameter::In::Path ? "path" : "query");
        json.key("required").boolean(parameter.required);
        if (!parameter.description.empty()) {
            member(json, "description", parameter.description);
        }
        json.key("schema");
        schemaOf(json, parameter);
        json.endObject();
    }
    for (const std::string& header : route.headers) {
        json.beginObject();
        member(json, "name", header);
        member(json, "in", "header");
        json.key("schema").raw(R"({"type":"string"})");
        json.endObject();
    }
    json.endArray();
}

void bodyOf(JsonWriter& json, const Route& route) {
    std::vector<const Parameter*> members;
    for (const Parameter& parameter : route.parameters) {
        if (parameter.in == Parameter::In::Body) {
            members.push_back(&parameter);
        }
    }
    if (members.empty() && !route.anyJson) {
        return;
    }
    json.key("requestBody").beginObject();
    json.key("required").boolean(true);
    json.key("content").beginObject();
    json.key("application/json").beginObject();
    if (route.anyJson) {
        json.key("schema").raw(isJson(route.bodySchema) ? route.bodySchema : "{}").endObject();
        if (route.jsonLines) {
            json.key("application/x-ndjson").raw(R"({"schema":{}})");
        }
        json.endObject();
        json.endObject();
        return;
    }
    json.key("schema").beginObject();
    member(json, "type", "object");
    json.key("additionalProperties").boolean(false);
    if (std::any_of(
            members.begin(), members.end(), [](const Parameter* p) { return p->required; })) {
        json.key("required").beginArray();
        for (const Parameter* const parameter : members) {
            if (parameter->required) {
                json.text(parameter->name);
            }
        }
        json.endArray();
    }
    json.key("properties").beginObject();
    for (const Parameter* const parameter : members) {
        json.key(parameter->name);
        schemaOf(json, *parameter);
    }
    json.endObject();
    json.endObject();
    json.endObject();
    json.endObject();
    json.endObject();
}

void contentOf(JsonWriter& json, const ResponseDoc& doc) {
    if (!isJson(doc.schema)) {
        return;
    }
    json.key("content").beginObject();
    json.key(doc.contentType).beginObject();
    json.key("schema").raw(doc.schema);
    json.endObject();
    json.endObject();
}

/// Adds the answers of the front itself, to every route that may cause them.
std::vector<ResponseDoc> allResponses(const Route& route) {
    static const std::string kError = R"({"$ref":"#/components/schemas/Error"})";
    std::vector<ResponseDoc> all = route.responses;
    const auto addUnlessThere = [&all](int status, const std::string& description) {
        if (std::none_of(all.begin(), all.end(), [status](const ResponseDoc& doc) {
                return doc.status == status;
            })) {
            all.push_back({status, description, kError});
        }
    };
    if (!route.parameters.empty()) {
        addUnlessThere(400, "A parameter or the body does not fit");
    }
    const bool readsBody =
        route.anyJson ||
        std::any_of(route.parameters.begin(),
                    route.parameters.end(),
                    [](const Parameter& parameter) { return parameter.in == Parameter::In::Body; });
    if (readsBody) {
        addUnlessThere(413, "The body is too large");
        addUnlessThere(415,
                       std::string("The body is not application/json") +
                           (route.jsonLines ? " or application/x-ndjson" : "") +
                           " in UTF-8, or its Content-Encoding is neither gzip nor deflate");
    }
    if (route.scope) {
        addUnlessThere(401, "The request has no valid token");
        addUnlessThere(403, "The token does not have the scope");
        addUnlessThere(429, "Too many wrong tokens came from this address");
    }
    addUnlessThere(500, "The handler failed");
    addUnlessThere(503, "Not now; try again after the seconds of Retry-After");
    std::stable_sort(all.begin(), all.end(), [](const ResponseDoc& a, const ResponseDoc& b) {
        return a.status < b.status;
    });
    return all;
}

std::string operationId(const Route& route) {
    std::string id = route.method;
    std::transform(
        id.begin(), id.end(), id.begin(), [](char c) { return static_cast<char>(c - 'A' + 'a'); });
    for (const char c : route.path) {
        id += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
    }
    return id;
}

void operationOf(JsonWriter& json, const Route& route) {
    std::string method = route.method;
    std::transform(method.begin(), method.end(), method.begin(), [](char c) {
        return static_cast<char>(c - 'A' + 'a');
    });
    json.key(method).beginObject();
    member(json, "operationId", operationId(route));
    if (!route.summary.empty()) {
        member(json, "summary", route.summary);
    }
    if (!route.tag.empty()) {
        json.key("tags").beginArray();
        json.text(route.tag);
        json.endArray();
    }
    if (route.scope) {
        member(json, "description", "Needs a token with the scope " + route.scope->text() + ".");
        json.key("security").beginArray();
        for (const char* scheme : {"bearer", "basic"}) {
            json.beginObject().key(scheme).beginArray().text(route.scope->text()).endArray();
            json.endObject();
        }
        json.endArray();
    }
    parametersOf(json, route);
    bodyOf(json, route);
    json.key("responses").beginObject();
    for (const ResponseDoc& doc : allResponses(route)) {
        json.key(std::to_string(doc.status)).beginObject();
        member(json,
               "description",
               doc.description.empty() ? reasonPhrase(doc.status) : doc.description);
        if (!doc.headers.empty()) {
            json.key("headers").beginObject();
            for (const auto& [name, description] : doc.headers) {
                json.key(name).beginObject();
                member(json, "description", description);
                json.key("schema").beginObject();
                member(json, "type", "string");
                json.endObject();
                json.endObject();
            }
            json.endObject();
        }
        if (!doc.schema.empty()) {
            contentOf(json, doc);
        }
        json.endObject();
    }
    json.endObject();
    json.endObject();
}

}  // namespace

std::string openApiDocument(const Routes::Table& table,
                            const std::string& title,
                            const std::string& version) {
    JsonWriter json;
    json.beginObject();
    member(json, "openapi", "3.1.0");
    json.key("info").beginObject();
    member(json, "title", title);
    member(json, "version", version);
    json.endObject();

    std::map<std::string, std::vector<const Route*>> paths;
    std::set<std::string> tags;
    for (const auto& route : table) {
        if (!route->documented) {
            continue;
        }
        paths[route->path].push_back(route.get());
        if (!route->tag.empty()) {
            tags.insert(route->tag);
        }
    }
    json.key("tags").beginArray();
    for (const std::string& tag : tags) {
        json.beginObject();
        member(json, "name", tag);
        json.endObject();
    }
    json.endArray();
    json.key("paths").beginObject();
    for (const auto& [path, routes] : paths) {
        json.key(path).beginObject();
        for (const Route* const route : routes) {
            operationOf(json, *route);
        }
        json.endObject();
    }
    json.endObject();

    constexpr char kComponents[] =
        R"({"securitySchemes":{"bearer":{"type":"http","scheme":"bearer"},"basic":{"type":"http","scheme":"basic",)"
        R"("description":"The token is the password."}},"schemas":{"Error":{"type":"object","required":["message","error","statusCode"],"properties":{)"
        R"("message":{"oneOf":[{"type":"string"},{"type":"array","items":{"type":"string"}}]},)"
        R"("error":{"type":"string"},"statusCode":{"type":"integer"}}}}})";
    json.key("components").raw(kComponents);
    json.endObject();
    return std::move(json).str();
}

}  // namespace drover::api
