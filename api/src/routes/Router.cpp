#include "routes/Router.h"

#include <algorithm>
#include <set>
#include <utility>

#include "drover/Json.h"
#include "http/HttpText.h"
#include "http/Target.h"
#include "routes/Inputs.h"

namespace drover::api {

namespace {

bool wantsBody(std::string_view method) {
    return method == "POST" || method == "PUT" || method == "PATCH";
}

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    return first == std::string_view::npos
               ? std::string_view()
               : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Returns the part of `text` before its next ';', which may stand in quotes.
std::string_view upToSemicolon(std::string_view text) {
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (quoted && text[i] == '\\') {
            ++i;
        } else if (text[i] == '"') {
            quoted = !quoted;
        } else if (text[i] == ';' && !quoted) {
            return text.substr(0, i);
        }
    }
    return text;
}

/// Throws HttpError 415 unless it is application/json, or application/x-ndjson with `linesAllowed`. Returns true for the
/// second. Only the parameter charset matters, as in Express: JSON is UTF-8, so another one is refused.
bool requireJson(std::string_view contentType, bool linesAllowed) {
    std::string_view part = upToSemicolon(contentType);
    const bool lines = linesAllowed && equalsIgnoringCase(trimmed(part), "application/x-ndjson");
    if (!lines && !equalsIgnoringCase(trimmed(part), "application/json")) {
        const std::string wanted =
            std::string("application/json") + (linesAllowed ? " or application/x-ndjson" : "");
        throw HttpError(415,
                        contentType.empty() ? "The body needs the header Content-Type: " + wanted
                                            : "The body must be " + wanted + ", not \"" +
                                                  repairedUtf8(contentType.substr(0, 100)) + "\"");
    }
    while (part.size() < contentType.size()) {
        contentType.remove_prefix(part.size() + 1);
        part = upToSemicolon(contentType);
        const auto equals = part.find('=');
        if (equals == std::string_view::npos ||
            !equalsIgnoringCase(trimmed(part.substr(0, equals)), "charset")) {
            continue;
        }
        std::string_view charset = trimmed(part.substr(equals + 1));
        if (charset.size() >= 2 && charset.front() == '"' && charset.back() == '"') {
            charset = charset.substr(1, charset.size() - 2);
        }
        if (!equalsIgnoringCase(charset, "utf-8") && !equalsIgnoringCase(charset, "utf8")) {
            throw HttpError(415,
                            "The charset of the body must be utf-8, not \"" +
                                repairedUtf8(charset.substr(0, 60)) + "\"");
        }
    }
    return lines;
}

std::string joined(const std::set<std::string>& names) {
    std::string list;
    for (const std::string& name : names) {
        list += (list.empty() ? "" : ", ") + name;
    }
    return list;
}

std::string shortened(const std::string& path) {
    constexpr std::size_t kShown = 200;
    return path.size() <= kShown ? path : path.substr(0, kShown) + "...";
}

}  // namespace

const std::shared_ptr<const Route>& Router::Match::route() const {
    return entry_->route;
}

std::optional<Scope> Router::Match::scope(const Target& target) const {
    std::optional<Scope> scope = route()->scope;
    if (!scope || scope->queues.empty() || scope->queues.front() != '{') {
        return scope;
    }
    const std::string name = scope->queues.substr(1, scope->queues.size() - 2);
    scope->queues.clear();
    for (std::size_t i = 0; i < entry_->segments.size(); ++i) {
        if (entry_->segments[i].isParameter && entry_->segments[i].text == name) {
            scope->queues = target.segments[i];
        }
    }
    return scope;
}

std::variant<Router::Match, Response> Router::find(const HttpRequest& request,
                                                   const Target& target) {
    std::shared_ptr<const Compiled> compiled = table();
    const std::string_view method =
        request.method() == "HEAD" ? std::string_view("GET") : request.method();
    for (const Entry& entry : compiled->entries) {
        if (entry.route->method == method && matches(entry, target.segments)) {
            return Match(std::move(compiled), entry);
        }
    }
    const std::string what = std::string(request.method()) + " " + shortened(target.path);
    const std::optional<Options> others = options(target);
    if (!others) {
        return errorResponse(404, "Cannot " + what);
    }
    Response response = errorResponse(405, "Cannot " + what + ", the path has " + others->methods);
    response.headers.emplace_back("Allow", others->methods);
    return response;
}

std::optional<Router::Options> Router::options(const Target& target) {
    const std::shared_ptr<const Compiled> compiled = table();
    std::set<std::string> methods;
    std::set<std::string> headers;
    for (const Entry& entry : compiled->entries) {
        if (matches(entry, target.segments)) {
            methods.insert(entry.route->method);
            headers.insert(entry.route->headers.begin(), entry.route->headers.end());
        }
    }
    if (methods.empty()) {
        return std::nullopt;
    }
    if (methods.count("GET") != 0) {
        methods.insert("HEAD");
    }
    methods.insert("OPTIONS");
    return Options{joined(methods), joined(headers)};
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

std::variant<Request, Response> Router::check(const Match& match,
                                              const HttpRequest& request,
                                              const Target& target) {
    const Entry& entry = *match.entry_;
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
        } else if (parameter->required && isId(*parameter)) {
            throw HttpError(400, kNotAnId);
        } else if (parameter->required) {
            throw HttpError(400, "The query parameter " + parameter->name + " is missing");
        }
    }
    if (!entry.body.empty() || entry.route->anyJson) {
        checked.openBody = request.whole().openBody().has_value();
        if (!request.hasLength() && !checked.openBody && wantsBody(request.method())) {
            throw HttpError(411, "The request needs a body with Content-Length");
        }
        checked.jsonLines = requireJson(request.contentType(), entry.route->jsonLines);
        const std::vector<std::string> mistakes =
            checked.jsonLines      ? std::vector<std::string>()
            : entry.route->anyJson ? readAnyJson(request.body())
                                   : readBody(entry.body, request.body(), checked.values);
        if (!mistakes.empty()) {
            return validationResponse(mistakes);
        }
    }
    for (const std::string& name : entry.route->headers) {
        if (std::optional<std::string> value = request.header(name)) {
            checked.headers.emplace(name, *std::move(value));
        }
    }
    checked.method = request.method();
    checked.path = target.path;
    checked.remoteAddress = request.remoteAddress();
    checked.body = request.body();
    return checked;
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
