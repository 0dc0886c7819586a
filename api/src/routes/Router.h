#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "drover/Routes.h"
#include "http/HttpRequest.h"

namespace drover::api {

struct Target;

/// Finds the route of a request and checks its inputs.
///
/// No such path: 404. A path that other methods have: 405 with Allow. HEAD is served by GET.
/// Inputs are checked as the route declares them, so a handler sees only values of the right type and range. Where two
/// patterns fit, the one with the literal segment further left wins.
///
/// Threads: every method from any. The next request uses a changed route table.
class Router {
    struct Entry;
    struct Compiled;

public:
    /// A route, with the table that holds it.
    class Match {
    public:
        [[nodiscard]] const std::shared_ptr<const Route>& route() const;
        /// Returns the route's scope, with the parameter of its queue replaced by its value in `target`.
        [[nodiscard]] std::optional<Scope> scope(const Target& target) const;

    private:
        friend class Router;
        Match(std::shared_ptr<const Compiled> table, const Entry& entry)
            : table_(std::move(table)), entry_(&entry) {}

        std::shared_ptr<const Compiled> table_;
        const Entry* entry_;
    };

    explicit Router(const Routes& routes) : routes_(routes) {}

    /// Returns the route, or the answer if there is none for this path and method.
    [[nodiscard]] std::variant<Match, Response> find(const HttpRequest& request,
                                                     const Target& target);

    /// The methods of a path, and the headers that its routes read, each parted by commas.
    struct Options {
        std::string methods;
        std::string headers;
    };
    /// std::nullopt: no such path.
    [[nodiscard]] std::optional<Options> options(const Target& target);

    /// Returns the checked request, or the answer that lists what is wrong in its body. Throws HttpError for other mistakes.
    [[nodiscard]] static std::variant<Request, Response> check(const Match& match,
                                                               const HttpRequest& request,
                                                               const Target& target);

private:
    struct Segment {
        std::string text;  ///< The literal, or the name of a parameter.
        bool isParameter = false;
    };
    struct Entry {
        std::shared_ptr<const Route> route;
        std::vector<Segment> segments;
        std::vector<const Parameter*> path;  ///< Per segment; nullptr for a literal.
        std::vector<const Parameter*> query;
        std::vector<const Parameter*> body;
    };
    struct Compiled {
        std::shared_ptr<const Routes::Table> source;
        std::vector<Entry> entries;
    };

    [[nodiscard]] std::shared_ptr<const Compiled> table();
    static std::shared_ptr<const Compiled> compile(std::shared_ptr<const Routes::Table> source);
    static bool matches(const Entry& entry, const std::vector<std::string>& segments);

    const Routes& routes_;
    std::mutex mutex_;
    std::shared_ptr<const Compiled> compiled_;  ///< Guarded by mutex_.
};

}  // namespace drover::api
