#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "drover/Routes.h"

namespace drover::api {

/// The pages for people: /api is Swagger UI over /api-json, its files come from a folder of the npm package
/// swagger-ui-dist.
///
/// Only files directly in the folder are served, by plain names with an extension that is known; each is read once.
/// Threads: answer() from any.
class DocsPages {
public:
    /// `folder` may be missing or empty: then /api explains how to get it.
    DocsPages(std::string folder, std::string title);

    /// Answers GET of /api and below; std::nullopt: not one of these pages.
    [[nodiscard]] std::optional<Response> answer(const std::string& path);

private:
    struct File {
        std::string bytes;
        const char* type;
    };

    [[nodiscard]] Response page() const;
    [[nodiscard]] std::shared_ptr<const File> file(const std::string& name);

    const std::string folder_;
    const std::string title_;
    std::mutex mutex_;
    std::map<std::string, std::shared_ptr<const File>> files_;  ///< Guarded by mutex_.
};

}  // namespace drover::api
