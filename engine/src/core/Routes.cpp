#include "drover/Routes.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>

#include "drover/Exceptions.h"

namespace drover {

namespace {

constexpr std::array<std::string_view, 5> kMethods = {"GET", "POST", "PUT", "PATCH", "DELETE"};

/// "GET /event/{eventId} (plugin reservation-api)", for messages.
std::string describe(const Route& route) {
    return route.method + " " + route.path + " (" +
           (route.source.empty() ? "source unknown" : route.source) + ")";
}

[[noreturn]] void refuse(const Route& route, const std::string& why) {
    throw ConfigException("route " + describe(route) + ": " + why);
}

bool isLetter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool isDigit(char c) {
    return c >= '0' && c <= '9';
}

bool isParameterName(std::string_view name) {
    return !name.empty() && isLetter(name.front()) &&
           std::all_of(name.begin(), name.end(), [](char c) { return isLetter(c) || isDigit(c); });
}

/// RFC 3986's unreserved and sub-delims, ':' and '@': the characters of a segment without percent-encoding.
bool isLiteral(std::string_view segment) {
    return std::all_of(segment.begin(), segment.end(), [](char c) {
        return isLetter(c) || isDigit(c) ||
               std::string_view("-.~!$&'()*+,;=:@").find(c) != std::string_view::npos;
    });
}

/// The pattern with its parameters' names taken out: two routes collide if these are equal.
struct Pattern {
    std::string shape;
    std::vector<std::string> parameters;
};

Pattern patternOf(const Route& route) {
    const std::string_view path = route.path;
    if (path.empty() || path.front() != '/') {
        refuse(route, "the path must begin with '/'");
    }
    Pattern pattern;
    if (path == "/") {
        pattern.shape = "/";
        return pattern;
    }
    for (std::size_t begin = 1; begin <= path.size();) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        const std::string_view segment = path.substr(begin, end - begin);
        begin = end + 1;
        if (segment.empty()) {
            refuse(
                route,
                "the path has an empty segment; write it without '//' and without '/' at the end");
        }
        if (segment == "." || segment == "..") {
            refuse(route, "the path has a dot segment, which clients resolve before they send it");
        }
        if (segment.front() == '{' && segment.back() == '}') {
            const std::string_view name = segment.substr(1, segment.size() - 2);
            if (!isParameterName(name)) {
                refuse(route,
                       "'" + std::string(segment) +
                           "' is not a parameter; a name has letters, digits and '_' and "
                           "begins with no digit: {eventId}");
            }
            pattern.parameters.emplace_back(name);
            pattern.shape += "/{}";
            continue;
        }
        if (!isLiteral(segment)) {
            refuse(route,
                   "segment '" + std::string(segment) +
                       "' is malformed; a segment is plain text without '%', '?' and '#', or one "
                       "{parameter}");
        }
        pattern.shape += "/";
        pattern.shape += segment;
    }
    return pattern;
}

void checkParameters(const Route& route, const Pattern& pattern) {
    std::set<std::string> inPath;
    for (const std::string& name : pattern.parameters) {
        if (!inPath.insert(name).second) {
            refuse(route, "parameter {" + name + "} stands in the path twice");
        }
    }
    // Path, query and body meet in one map of values, so a name may be declared once in all of them.
    std::set<std::string> declared;
    for (const Parameter& parameter : route.parameters) {
        if (!declared.insert(parameter.name).second) {
            refuse(route, "parameter " + parameter.name + " is declared twice");
        }
        if (parameter.name.empty()) {
            refuse(route, "a parameter has no name");
        }
        if (parameter.in == Parameter::In::Path) {
            if (inPath.erase(parameter.name) == 0) {
                refuse(route,
                       "path parameter " + parameter.name + " is declared, but the path has no {" +
                           parameter.name + "}");
            }
            if (!parameter.required) {
                refuse(route, "path parameter " + parameter.name + " must be required");
            }
        }
        if (parameter.in == Parameter::In::Body && route.anyJson) {
            refuse(route,
                   "the member " + parameter.name +
                       " of the body is declared, but the route accepts any JSON");
        }
        if (parameter.minimum > parameter.maximum || parameter.minLength > parameter.maxLength) {
            refuse(route, "parameter " + parameter.name + " has a minimum above its maximum");
        }
    }
    if (!inPath.empty()) {
        refuse(route, "{" + *inPath.begin() + "} of the path is not declared as a path parameter");
    }
}

void checkHeaders(const Route& route) {
    for (const std::string& name : route.headers) {
        if (name.empty() || !std::all_of(name.begin(), name.end(), [](char c) {
                return isLetter(c) || isDigit(c) || c == '-';
            })) {
            refuse(route, "'" + name + "' is not the name of a header, such as Idempotency-Key");
        }
    }
}

/// Returns the text that must be unique in a table. Throws ConfigException for a route that is wrong by itself.
std::string keyOf(const Route& route) {
    if (std::find(kMethods.begin(), kMethods.end(), route.method) == kMethods.end()) {
        refuse(route,
               "'" + route.method + "' is not a method; GET, POST, PUT, PATCH and DELETE are");
    }
    const Pattern pattern = patternOf(route);
    checkParameters(route, pattern);
    if (!route.handler == !route.asyncHandler) {
        refuse(route,
               route.handler ? "has a handler and an asyncHandler; a route has one of them"
                             : "has no handler");
    }
    checkHeaders(route);
    return route.method + " " + pattern.shape;
}

/// Adds to a table that no other thread sees yet.
void addTo(Routes::Table& table, Route route) {
    const std::string key = keyOf(route);
    for (const auto& other : table) {
        if (keyOf(*other) == key) {
            refuse(route, "already registered as " + describe(*other));
        }
    }
    table.push_back(std::make_shared<const Route>(std::move(route)));
}

}  // namespace

void Routes::add(Route route) {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto next = std::make_shared<Table>(*table_);
    addTo(*next, std::move(route));
    table_ = std::move(next);
}

void Routes::replace(const std::string& sourcePrefix, std::vector<Route> routes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto next = std::make_shared<Table>();
    for (const auto& route : *table_) {
        if (route->source.compare(0, sourcePrefix.size(), sourcePrefix) != 0) {
            next->push_back(route);
        }
    }
    for (Route& route : routes) {
        addTo(*next, std::move(route));
    }
    table_ = std::move(next);
}

std::shared_ptr<const Routes::Table> Routes::snapshot() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return table_;
}

void Routes::publish(std::shared_ptr<const Table> table) {
    const std::lock_guard<std::mutex> lock(mutex_);
    table_ = std::move(table);
}

}  // namespace drover
