#include "pages/OpenApi.h"

#include <algorithm>
#include <limits>
#include <map>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <set>
#include <vector>

#include "drover/Json.h"
#include "http/HttpText.h"

namespace drover::api {

namespace {

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

void member(JsonWriter& json, const char* name, const std::string& text) {
    json.Key(name);
    json.String(text.c_str(), static_cast<rapidjson::SizeType>(text.size()));
}

void schemaOf(JsonWriter& json, const Parameter& parameter) {
    json.StartObject();
    switch (parameter.type) {
        case ParameterType::Integer: {
            member(json, "type", "integer");
            member(json, "format", "int64");
            json.Key("minimum");
            json.Int64(parameter.minimum == std::numeric_limits<std::int64_t>::min()
                           ? 0
                           : parameter.minimum);
            if (parameter.maximum != std::numeric_limits<std::int64_t>::max()) {
                json.Key("maximum");
                json.Int64(parameter.maximum);
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
                json.Key("minLength");
                // Ours counts bytes of UTF-8, the document characters, of up to four bytes.
                json.Uint64((parameter.minLength + 3) / 4);
            }
            json.Key("maxLength");
            json.Uint64(parameter.maxLength);
            break;
        case ParameterType::DateTime:
            member(json, "type", "string");
            member(json, "format", "date-time");
            break;
    }
    json.EndObject();
}

void parametersOf(JsonWriter& json, const Route& route) {
    json.Key("parameters");
    json.StartArray();
    for (const Parameter& parameter : route.parameters) {
        if (parameter.in == Parameter::In::Body) {
            continue;
        }
        json.StartObject();
        member(json, "name", parameter.name);
        member(json, "in", parameter.in == Parameter::In::Path ? "path" : "query");
        json.Key("required");
        json.Bool(parameter.required);
        if (!parameter.description.empty()) {
            member(json, "description", parameter.description);
        }
        json.Key("schema");
        schemaOf(json, parameter);
        json.EndObject();
    }
    json.EndArray();
}

void bodyOf(JsonWriter& json, const Route& route) {
    std::vector<const Parameter*> members;
    for (const Parameter& parameter : route.parameters) {
        if (parameter.in == Parameter::In::Body) {
            members.push_back(&parameter);
        }
    }
    if (members.empty()) {
        return;
    }
    json.Key("requestBody");
    json.StartObject();
    json.Key("required");
    json.Bool(true);
    json.Key("content");
    json.StartObject();
    json.Key("application/json");
    json.StartObject();
    json.Key("schema");
    json.StartObject();
    member(json, "type", "object");
    json.Key("additionalProperties");
    json.Bool(false);
    if (std::any_of(
            members.begin(), members.end(), [](const Parameter* p) { return p->required; })) {
        json.Key("required");
        json.StartArray();
        for (const Parameter* const parameter : members) {
            if (parameter->required) {
                json.String(parameter->name.c_str());
            }
        }
        json.EndArray();
    }
    json.Key("properties");
    json.StartObject();
    for (const Parameter* const parameter : members) {
        json.Key(parameter->name.c_str());
        schemaOf(json, *parameter);
    }
    json.EndObject();
    json.EndObject();
    json.EndObject();
    json.EndObject();
    json.EndObject();
}

void contentOf(JsonWriter& json, const std::string& schema) {
    if (!isJson(schema)) {
        return;
    }
    json.Key("content");
    json.StartObject();
    json.Key("application/json");
    json.StartObject();
    json.Key("schema");
    json.RawValue(schema.data(), schema.size(), rapidjson::kObjectType);
    json.EndObject();
    json.EndObject();
}

/// What the front itself answers, for every route that gives it a reason to.
std::vector<ResponseDoc> allResponses(const Route& route) {
    static const std::string kError = R"({"$ref":"#/components/schemas/Error"})";
    std::vector<ResponseDoc> all = route.responses;
    const auto addUnlessThere = [&all](int status, const char* description) {
        if (std::none_of(all.begin(), all.end(), [status](const ResponseDoc& doc) {
                return doc.status == status;
            })) {
            all.push_back({status, description, kError});
        }
    };
    if (!route.parameters.empty()) {
        addUnlessThere(400, "A parameter or the body does not fit");
    }
    if (std::any_of(
            route.parameters.begin(), route.parameters.end(), [](const Parameter& parameter) {
                return parameter.in == Parameter::In::Body;
            })) {
        addUnlessThere(413, "The body is too large");
        addUnlessThere(415,
                       "The body is not application/json in UTF-8, or its Content-Encoding is "
                       "neither gzip nor deflate");
    }
    addUnlessThere(500, "The handler failed");
    addUnlessThere(503, "Not now; Retry-After says when to try again");
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
    json.Key(method.c_str());
    json.StartObject();
    member(json, "operationId", operationId(route));
    if (!route.summary.empty()) {
        member(json, "summary", route.summary);
    }
    if (!route.tag.empty()) {
        json.Key("tags");
        json.StartArray();
        json.String(route.tag.c_str());
        json.EndArray();
    }
    parametersOf(json, route);
    bodyOf(json, route);
    json.Key("responses");
    json.StartObject();
    for (const ResponseDoc& doc : allResponses(route)) {
        json.Key(std::to_string(doc.status).c_str());
        json.StartObject();
        member(json,
               "description",
               doc.description.empty() ? reasonPhrase(doc.status) : doc.description);
        if (!doc.headers.empty()) {
            json.Key("headers");
            json.StartObject();
            for (const auto& [name, description] : doc.headers) {
                json.Key(name.c_str());
                json.StartObject();
                member(json, "description", description);
                json.Key("schema");
                json.StartObject();
                member(json, "type", "string");
                json.EndObject();
                json.EndObject();
            }
            json.EndObject();
        }
        if (!doc.schema.empty()) {
            contentOf(json, doc.schema);
        }
        json.EndObject();
    }
    json.EndObject();
    json.EndObject();
}

}  // namespace

std::string openApiDocument(const Routes::Table& table,
                            const std::string& title,
                            const std::string& version) {
    rapidjson::StringBuffer buffer;
    JsonWriter json(buffer);
    json.StartObject();
    member(json, "openapi", "3.0.3");
    json.Key("info");
    json.StartObject();
    member(json, "title", title);
    member(json, "version", version);
    json.EndObject();

    std::map<std::string, std::vector<const Route*>> paths;
    std::set<std::string> tags;
    for (const auto& route : table) {
        paths[route->path].push_back(route.get());
        if (!route->tag.empty()) {
            tags.insert(route->tag);
        }
    }
    json.Key("tags");
    json.StartArray();
    for (const std::string& tag : tags) {
        json.StartObject();
        member(json, "name", tag);
        json.EndObject();
    }
    json.EndArray();
    json.Key("paths");
    json.StartObject();
    for (const auto& [path, routes] : paths) {
        json.Key(path.c_str());
        json.StartObject();
        for (const Route* const route : routes) {
            operationOf(json, *route);
        }
        json.EndObject();
    }
    json.EndObject();

    constexpr char kError[] =
        R"({"schemas":{"Error":{"type":"object","required":["message","error","statusCode"],"properties":{)"
        R"("message":{"oneOf":[{"type":"string"},{"type":"array","items":{"type":"string"}}]},)"
        R"("error":{"type":"string"},"statusCode":{"type":"integer"}}}}})";
    json.Key("components");
    json.RawValue(kError, sizeof(kError) - 1, rapidjson::kObjectType);
    json.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace drover::api
