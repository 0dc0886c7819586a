#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "drover/Response.h"
#include "http/HttpRequest.h"

namespace drover::api {

/// Files directly in one folder, by plain names with an extension that is known; each is read once.
///
/// An answer carries ETag and Cache-Control, and is 304 for an If-None-Match that has the ETag.
/// Threads: any.
class StaticFiles {
public:
    /// `folder` may be missing or empty: then no file exists.
    explicit StaticFiles(std::string folder) : folder_(std::move(folder)) {}

    /// Returns true for a name that a file of the folder can have; looks at nothing else.
    [[nodiscard]] static bool mayHave(const std::string& name);
    [[nodiscard]] bool has(const std::string& name) const;
    /// std::nullopt: no such file.
    [[nodiscard]] std::optional<Response> answer(const std::string& name,
                                                 const HttpRequest& request);

private:
    struct File {
        std::string bytes;
        const char* type;
        std::string etag;
    };

    [[nodiscard]] std::shared_ptr<const File> file(const std::string& name);

    const std::string folder_;
    mutable std::mutex mutex_;
    std::map<std::string, std::shared_ptr<const File>> files_;  ///< Guarded by mutex_.
};

/// Returns 304 in place of an answer 200 to GET or HEAD if its ETag is in the If-None-Match of `request`.
[[nodiscard]] Response unlessKnown(Response response, const HttpRequest& request);

}  // namespace drover::api
