#include "Router.h"

#include <algorithm>
#include <set>
#include <utility>

#include "HttpText.h"
#include "Inputs.h"
#include "Target.h"

namespace drover::api {

namespace {

bool wantsBody(std::string_view method) {
    return method == "POST" || method == "PUT" || method == "PATCH";
}

/// application/json, with or without parameters; JSON is UTF-8, so another charset is refused.
bool isJson(std::string_view contentType) {
    const auto semicolon = contentType.find(';');
    std::string_view type = contentType.substr(0, semicolon);
    type = type.substr(0, type.find_last_not_of(" \t") + 1);
    if (!equalsIgnoringCase(type, "application/json")) {
        return false;
    }
    if (semicolon == std::string_view::npos) {
        return true;
    }
    std::string_view parameter = contentType.substr(semicolon + 1);
    parameter.remove_prefix(std::min(parameter.find_first_not_of(" \t"), parameter.size()));
    return parameter.empty() || equalsIgnoringCase(parameter, "charset=utf-8") ||
           equalsIgnoringCase(parameter, "charset=\"utf-8\"");
}

std::string shortened(const std::string& path) {
    constexpr std::size_t kShown = 200;
    return path.size() <= kShown ? path : path.substr(0, kShown) + "...";
}

}  // namespace

Response Router::answer(const HttpRequest& request, const Target& target) {
    const std::shared_ptr<const Compiled> compiled = table();
    const std::string_view method =
        request.method == "HEAD" ? std::string_view("GET") : request.method;
    std::set<std::string> allowed;
    for (const Entry& entry : compiled->entries) {
        if (matches(entry, target.segments)) {
            if (entry.route->method == method) {
                return run(entry, request, target);
            }
            allowed.insert(entry.route->method);
        }
    }
    const std::string what = std::string(request.method) + " " + shortened(target.path);
    if (allowed.empty()) {
        throw HttpError(404, "Cannot " + what);
    }
    if (allowed.count("GET") != 0) {
        allowed.insert("HEAD");
    }
    std::string list;
    for (const std::string& name : allowed) {
        list += (list.empty() ? "" : ", ") + name;
    }
    Response response = errorResponse(405, "Cannot " + what + ", the path has " + list);
    response.headers.emplace_back("Allow", list);
    return response;
}

bool Router::matches(const Entry& entry, const std::vector<std::string>& segments) {
    if (entry.segments.size() != segments.size()) {
        return false;
    }
    for (std::size_t i = 0; i < segments.size(); ++i) {
        const Segment& wanted = entry.segments[i];
        if (wanted.isParameter ? segments[i].empty() : wanted.text != segments[i]) {
            return false;
        }
    }
    return true;
}

Response Router::run(const Entry& entry, const HttpRequest& request, const Target& target) {
    Request checked;
    for (std::size_t i = 0; i < entry.path.size(); ++i) {
        if (entry.path[i] != nullptr) {
            checked.values[entry.path[i]->name] = readText(*entry.path[i], target.segments[i]);
        }
    }
    for (const Parameter* const parameter : entry.query) {
        const std::string* given = nullptr;
        for (const auto& [name, value] : target.query) {
            if (name == parameter->name) {
                if (given != nullptr) {
                    throw HttpError(400, "The query parameter " + name + " must be given once");
                }
                given = &value;
            }
        }
        if (given != nullptr) {
            checked.values[parameter->name] = readText(*parameter, *given);
        } else if (parameter->required && parameter->type == ParameterType::Integer) {
            throw HttpError(400, "Validation failed (numeric string is expected)");
        } else if (parameter->required) {
            throw HttpError(400, "The query parameter " + parameter->name + " is missing");
        }
    }
    if (!entry.body.empty()) {
        if (!request.hasLength && wantsBody(request.method)) {
            throw HttpError(411, "The request needs a body with Content-Length");
        }
        if (!isJson(request.contentType)) {
            throw HttpError(415, "The body must be application/json in UTF-8");
        }
        const std::vector<std::string> mistakes =
            readBody(entry.body, request.body, checked.values);
        if (!mistakes.empty()) {
            return validationResponse(mistakes);
        }
    }
    checked.method = request.method;
    checked.path = target.path;
    checked.remoteAddress = request.remoteAddress;
    checked.body = request.body;
    return entry.route->handler(checked);
}

std::shared_ptr<const Router::Compiled> Router::table() {
    std::shared_ptr<const Routes::Table> current = routes_.snapshot();
    const std::lock_guard lock(mutex_);
    if (!compiled_ || compiled_->source != current) {
        compiled_ = compile(std::move(current));
    }
    return compiled_;
}

std::shared_ptr<const Router::Compiled> Router::compile(
    std::shared_ptr<const Routes::Table> source) {
    auto compiled = std::make_shared<Compiled>();
    for (const std::shared_ptr<const Route>& route : *source) {
        Entry entry;
        entry.route = route;
        const auto named = [&route](const std::string& name) -> const Parameter* {
            for (const Parameter& parameter : route->parameters) {
                if (parameter.in == Parameter::In::Path && parameter.name == name) {
                    return &parameter;
                }
            }
            return nullptr;  // Routes::add has refused such a route.
        };
        for (std::size_t at = 1; at < route->path.size();) {
            const auto end = std::min(route->path.find('/', at), route->path.size());
            const std::string part = route->path.substr(at, end - at);
            const bool isParameter = part.size() > 2 && part.front() == '{' && part.back() == '}';
            entry.segments.push_back(
                {isParameter ? part.substr(1, part.size() - 2) : part, isParameter});
            entry.path.push_back(isParameter ? named(entry.segments.back().text) : nullptr);
            at = end + 1;
        }
        for (const Parameter& parameter : route->parameters) {
            if (parameter.in == Parameter::In::Query) {
                entry.query.push_back(&parameter);
            } else if (parameter.in == Parameter::In::Body) {
                entry.body.push_back(&parameter);
            }
        }
        compiled->entries.push_back(std::move(entry));
    }
    const auto literalFirst = [](const Segment& a, const Segment& b) {
        return !a.isParameter && b.isParameter;
    };
    std::stable_sort(
        compiled->entries.begin(), compiled->entries.end(), [&](const Entry& a, const Entry& b) {
            return std::lexicographical_compare(a.segments.begin(),
                                                a.segments.end(),
                                                b.segments.begin(),
                                                b.segments.end(),
                                                literalFirst);
        });
    compiled->source = std::move(source);
    return compiled;
}

}  // namespace drover::api
