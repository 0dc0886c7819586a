#include "HttpFixture.h"

#include <stdexcept>
#include <utility>

#include <Poco/Exception.h>
#include <Poco/Net/NetException.h>

#include "drover/Json.h"

namespace drover::test {

namespace {

Response json(std::string body) {
    Response response;
    response.body = std::move(body);
    return response;
}

Parameter parameter(std::string name, Parameter::In in, ParameterType type, bool required = true) {
    Parameter made;
    made.name = std::move(name);
    made.in = in;
    made.type = type;
    made.required = required;
    return made;
}

Route route(std::string method,
            std::string path,
            std::vector<Parameter> parameters,
            RouteHandler handler) {
    Route made;
    made.method = std::move(method);
    made.path = std::move(path);
    made.source = "test";
    made.parameters = std::move(parameters);
    made.handler = std::move(handler);
    return made;
}

Response throwing(const Request& request) {
    const std::string what = request.text("what");
    if (what == "standard") {
        throw std::runtime_error("a secret of the backend");
    }
    if (what == "poco") {
        throw Poco::IOException("a secret of the backend");
    }
    if (what == "message") {
        throw Poco::Net::MessageException("a secret of the backend");
    }
    if (what == "number") {
        throw 42;  // NOLINT: anything may be thrown
    }
    if (what == "teapot") {
        throw HttpError(429, "slow down", 7);
    }
    if (what == "header") {
        Response response;
        response.headers.emplace_back("X-Note", "one\r\nX-Injected: two");
        return response;
    }
    throw std::logic_error("no such case");
}

}  // namespace

void HttpFixture::addRoutes() {
    using In = Parameter::In;
    routes_->add(
        route("GET", "/constant", {}, [](const Request&) { return json(R"({"ok":true})"); }));
    routes_->add(route(
        "GET",
        "/item/{id}",
        {parameter("id", In::Path, ParameterType::Integer)},
        [](const Request& r) { return json("{\"id\":" + std::to_string(r.integer("id")) + "}"); }));
    Parameter limit = parameter("limit", In::Query, ParameterType::Integer, false);
    limit.minimum = 1;
    limit.maximum = 100;
    routes_->add(
        route("GET",
              "/search",
              {parameter("name", In::Query, ParameterType::String), limit},
              [](const Request& r) {
                  return json("{\"name\":\"" + r.text("name") + "\",\"limit\":" +
                              (r.has("limit") ? std::to_string(r.integer("limit")) : "null") + "}");
              }));
    routes_->add(route("GET",
                       "/text/{text}",
                       {parameter("text", In::Path, ParameterType::String),
                        parameter("also", In::Query, ParameterType::String, false)},
                       [](const Request& r) {
                           return json("{\"text\":" + jsonString(r.text("text")) + ",\"also\":" +
                                       (r.has("also") ? jsonString(r.text("also")) : "null") + "}");
                       }));
    routes_->add(route("POST",
                       "/body",
                       {parameter("userId", In::Body, ParameterType::Integer),
                        parameter("note", In::Body, ParameterType::String, false)},
                       [this](const Request& r) {
                           ++bodies_;
                           return json("{\"seen\":" + std::to_string(r.body.size()) + "}");
                       }));
    routes_->add(route("POST",
                       "/nobody/{id}",
                       {parameter("id", In::Path, ParameterType::Integer)},
                       [this](const Request&) {
                           ++bodies_;
                           return json("{}");
                       }));
    routes_->add(route("GET", "/smuggled", {}, [this](const Request&) {
        ++smuggled_;
        return json("{}");
    }));
    routes_->add(route(
        "GET", "/big", {}, [](const Request&) { return json(std::string(16U << 20U, 'x')); }));
    routes_->add(route("GET", "/wait", {}, [this](const Request&) {
        std::unique_lock lock(mutex_);
        ++inside_;
        changed_.notify_all();
        changed_.wait(lock, [this] { return opened_; });
        --inside_;
        changed_.notify_all();
        return json(R"({"waited":true})");
    }));
    routes_->add(route(
        "GET", "/throw/{what}", {parameter("what", In::Path, ParameterType::String)}, throwing));
}

}  // namespace drover::test
