#pragma once

#include <optional>
#include <string>

#include "drover/Response.h"
#include "http/HttpRequest.h"
#include "pages/StaticFiles.h"

namespace drover::api {

/// The pages for people: /api is Swagger UI over /api-json, its files come from a folder of the npm package
/// swagger-ui-dist.
/// Threads: any.
class DocsPages {
public:
    /// `folder` may be missing or empty: then /api explains how to get it.
    DocsPages(std::string folder, std::string title);

    /// Returns true if the path is one of these pages.
    [[nodiscard]] bool has(const std::string& path) const;
    /// Answers GET of a path that has() found.
    [[nodiscard]] std::optional<Response> answer(const std::string& path,
                                                 const HttpRequest& request);

private:
    [[nodiscard]] Response page() const;

    const std::string title_;
    StaticFiles files_;
};

}  // namespace drover::api
