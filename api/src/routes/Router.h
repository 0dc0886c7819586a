#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "drover/Routes.h"
#include "http/HttpServer.h"

namespace drover::api {

struct Target;

/// Finds the route of a request, checks its inputs and runs its handler.
///
/// No such path: 404. A path that other methods have: 405 with Allow. HEAD is served by GET. Inputs are checked as the
/// route declares them, so a handler sees only values of the right type and range. Where two patterns fit, the one with
/// the literal segment further left wins.
/// Throws HttpError, and passes exceptions of a handler on.
///
/// Threads: answer() from any. The next request uses a changed route table.
class Router {
public:
    explicit Router(const Routes& routes) : routes_(routes) {}

    [[nodiscard]] Response answer(const HttpRequest& request, const Target& target);

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
    static Response run(const Entry& entry, const HttpRequest& request, const Target& target);

    const Routes& routes_;
    std::mutex mutex_;
    std::shared_ptr<const Compiled> compiled_;  ///< Guarded by mutex_.
};

}  // namespace drover::api
