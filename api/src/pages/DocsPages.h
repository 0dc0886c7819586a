#pragma once

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

    /// Returns true for the path of the page itself.
    [[nodiscard]] static bool isPage(const std::string& path);
    /// Returns true if the path can be one of the page's files; decided by its name alone.
    [[nodiscard]] static bool mayBeFile(const std::string& path);
    /// Answers GET of such a path; 404 for a file that does not exist. Reads files.
    [[nodiscard]] Response answer(const std::string& path, const HttpRequest& request);

private:
    [[nodiscard]] Response page() const;

    const std::string title_;
    StaticFiles files_;
};

}  // namespace drover::api
