#include "pages/StaticFiles.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include "drover/EntityTag.h"

namespace drover::api {

namespace {

constexpr std::uintmax_t kMaxFileBytes = 16U << 20U;
constexpr const char* kHtml = "text/html; charset=utf-8";
constexpr const char* kSvg = "image/svg+xml";

/// Returns the type of a served file; nullptr: not served. Source maps are left out: they serve only to debug a page.
const char* typeOf(const std::string& name) {
    static const std::map<std::string, const char*> kTypes = {
        {".css", "text/css; charset=utf-8"},
        {".html", kHtml},
        {".js", "text/javascript; charset=utf-8"},
        {".png", "image/png"},
        {".svg", kSvg}};
    const auto dot = name.rfind('.');
    const auto found = dot == std::string::npos ? kTypes.end() : kTypes.find(name.substr(dot));
    return found == kTypes.end() ? nullptr : found->second;
}

/// Returns true for a plain file name: no folder, no hidden file, no character with a meaning in a file system or a URL.
bool isPlainName(const std::string& name) {
    return !name.empty() && name.size() <= 128 && name.front() != '.' &&
           std::all_of(name.begin(), name.end(), [](unsigned char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '-' || c == '_' || c == '.';
           });
}

/// Returns true if the list of If-None-Match has `etag`; weak ones count as well (RFC 9110, 13.1.2).
bool matches(std::string_view list, const std::string& etag) {
    return list == "*" || list.find(etag) != std::string_view::npos;
}

}  // namespace

bool StaticFiles::mayHave(const std::string& name) {
    return typeOf(name) != nullptr && isPlainName(name);
}

bool StaticFiles::has(const std::string& name) const {
    if (folder_.empty() || !mayHave(name)) {
        return false;
    }
    {
        const std::lock_guard lock(mutex_);
        if (files_.count(name) != 0) {
            return true;
        }
    }
    std::error_code error;
    return std::filesystem::is_regular_file(std::filesystem::path(folder_) / name, error);
}

std::optional<Response> StaticFiles::answer(const std::string& name, const HttpRequest& request) {
    const std::shared_ptr<const File> found = file(name);
    if (!found) {
        return std::nullopt;
    }
    Response response;
    response.body = found->bytes;
    response.contentType = found->type;
    if (response.contentType == kHtml || response.contentType == kSvg) {
        response.headers.emplace_back("Content-Security-Policy",
                                      "default-src 'self'; frame-ancestors 'none'");
    }
    response.headers.emplace_back("Cache-Control", "public, max-age=86400");
    response.headers.emplace_back("ETag", found->etag);
    return unlessKnown(std::move(response), request);
}

std::shared_ptr<const StaticFiles::File> StaticFiles::file(const std::string& name) {
    if (!has(name)) {
        return nullptr;
    }
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = files_.find(name); found != files_.end()) {
            return found->second;
        }
    }
    // Read without the lock, for which every connection would wait.
    const std::filesystem::path path = std::filesystem::path(folder_) / name;
    std::error_code error;
    if (std::filesystem::file_size(path, error) > kMaxFileBytes || error) {
        return nullptr;
    }
    std::ifstream in(path, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(in), {}};
    std::string etag = entityTagOf(bytes);
    auto read = std::make_shared<const File>(File{std::move(bytes), typeOf(name), std::move(etag)});
    const std::lock_guard lock(mutex_);
    return files_.emplace(name, std::move(read)).first->second;
}

Response unlessKnown(Response response, const HttpRequest& request) {
    if (response.status != 200 || (request.method() != "GET" && request.method() != "HEAD")) {
        return response;
    }
    const auto etag = std::find_if(response.headers.begin(),
                                   response.headers.end(),
                                   [](const auto& header) { return header.first == "ETag"; });
    if (etag != response.headers.end() &&
        matches(request.header("If-None-Match").value_or(""), etag->second)) {
        response.status = 304;
        response.body.clear();
    }
    return response;
}

}  // namespace drover::api
