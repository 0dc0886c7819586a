#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <Poco/Logger.h>

#include "drover/Routes.h"
#include "http/Front.h"
#include "http/Target.h"
#include "pages/DocsPages.h"
#include "routes/Router.h"

namespace drover::api {

/// The main port: the OpenAPI document, the pages for people, and every route of the table.
///
/// Requests for asynchronous routes are gathered in a turn of the loop, and each route gets its own together. A request
/// whose body is compressed or large is checked on the pool, and its route gets it from there.
class HttpFront : public Front {
public:
    struct Settings {
        std::string title = "Drover";
        std::string version;
        bool docsPages = true;  ///< Off in production.
        std::string docsFolder;
        std::size_t maxBodyBytes =
            RequestLimits().maxBodyBytes;  ///< Also behind a Content-Encoding.
        std::string name = "http";         ///< Of the logger.
    };

    HttpFront(const Routes& routes, const Settings& settings);

    [[nodiscard]] Handling accept(HttpRequest& request, Responder& responder) override;
    void endOfTurn() override;

private:
    using Exchanges = std::vector<Exchange>;

    [[nodiscard]] Response document();
    [[nodiscard]] Handling acceptRoute(HttpRequest& request,
                                       Responder& responder,
                                       Target target,
                                       const Router::Match& match);
    void run(const Route& route, Exchanges exchanges) const;

    const Routes& routes_;
    const std::string title_;
    const std::string version_;
    Router router_;
    std::optional<DocsPages> pages_;
    const std::size_t maxBodyBytes_;
    Poco::Logger& logger_;
    std::vector<std::pair<std::shared_ptr<const Route>, Exchanges>>
        turn_;  ///< Of the loop's thread.
    std::mutex mutex_;
    std::shared_ptr<const Routes::Table>
        documented_;        ///< Guarded by mutex_, and what was made of it:
    std::string document_;  ///< guarded by mutex_.
};

}  // namespace drover::api
