#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "drover/Routes.h"
#include "http/HttpServer.h"
#include "pages/DocsPages.h"
#include "routes/Router.h"

namespace drover::api {

/// The answers of the main port: the OpenAPI document, the pages for people, and every route of the table.
/// Threads: answer() from any.
class HttpFront {
public:
    struct Settings {
        std::string title = "Drover";
        std::string version;
        bool docsPages = true;  ///< Off in production.
        std::string docsFolder;
    };

    HttpFront(const Routes& routes, const Settings& settings);

    [[nodiscard]] Response answer(const HttpRequest& request);

private:
    [[nodiscard]] Response document();

    const Routes& routes_;
    const std::string title_;
    const std::string version_;
    Router router_;
    std::optional<DocsPages> pages_;
    std::mutex mutex_;
    std::shared_ptr<const Routes::Table>
        documented_;        ///< Guarded by mutex_, and what was made of it:
    std::string document_;  ///< guarded by mutex_.
};

}  // namespace drover::api
