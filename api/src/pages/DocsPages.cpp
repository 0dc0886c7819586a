#include "pages/DocsPages.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace drover::api {

namespace {

constexpr const char* kPrefix = "/api/";
constexpr std::uintmax_t kMaxFileBytes = 16U << 20U;

/// Returns the type of a served file; nullptr: not served. Source maps are left out: they serve only to debug Swagger UI.
const char* typeOf(const std::string& name) {
    static const std::map<std::string, const char*> kTypes = {
        {".css", "text/css; charset=utf-8"},
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".png", "image/png"},
        {".svg", "image/svg+xml"}};
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

std::string escapedHtml(const std::string& text) {
    std::string escaped;
    for (const char c : text) {
        switch (c) {
            case '&':
                escaped += "&amp;";
                break;
            case '<':
                escaped += "&lt;";
                break;
            case '>':
                escaped += "&gt;";
                break;
            case '"':
                escaped += "&quot;";
                break;
            default:
                escaped += c;
        }
    }
    return escaped;
}

Response withType(std::string body, const char* type) {
    Response response;
    response.body = std::move(body);
    response.contentType = type;
    return response;
}

constexpr const char* kStartScript = R"js(window.addEventListener('load', function () {
  window.ui = SwaggerUIBundle({
    url: '/api-json',
    dom_id: '#swagger-ui',
    deepLinking: true,
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
    layout: 'StandaloneLayout'
  });
});
)js";

}  // namespace

DocsPages::DocsPages(std::string folder, std::string title)
    : folder_(std::move(folder)), title_(std::move(title)) {}

std::optional<Response> DocsPages::answer(const std::string& path) {
    if (path == "/api" || path == kPrefix) {
        return page();
    }
    if (path.rfind(kPrefix, 0) != 0) {
        return std::nullopt;
    }
    const std::string name = path.substr(std::string(kPrefix).size());
    if (name == "start.js") {
        return withType(kStartScript, typeOf(name));
    }
    const std::shared_ptr<const File> found = file(name);
    if (!found) {
        return std::nullopt;
    }
    Response response = withType(found->bytes, found->type);
    response.headers.emplace_back("Cache-Control", "public, max-age=86400");
    return response;
}

Response DocsPages::page() const {
    std::error_code ignored;  // A folder that cannot be read is as good as missing.
    const std::string title = escapedHtml(title_);
    std::string head;
    std::string body;
    if (folder_.empty() || !std::filesystem::exists(folder_ + "/swagger-ui-bundle.js", ignored)) {
        // Without an icon of its own a browser requests /favicon.ico, and logs the 404.
        head = "<link rel=\"icon\" href=\"data:,\">\n";
        body = "<h1>" + title +
               "</h1>\n<p>The OpenAPI document is at <a href=\"/api-json\">/api-json</a>.</p>\n"
               "<p>Swagger UI is not installed. Run <code>npm ci --ignore-scripts --prefix "
               "api/web</code> and set "
               "<code>api.docsDir</code> "
               "to <code>api/web/node_modules/swagger-ui-dist</code>.</p>\n";
    } else {
        head =
            "<link rel=\"icon\" type=\"image/png\" href=\"/api/favicon-32x32.png\">\n"
            "<link rel=\"stylesheet\" href=\"/api/swagger-ui.css\">\n";
        body =
            "<div id=\"swagger-ui\"></div>\n<script src=\"/api/swagger-ui-bundle.js\"></script>\n"
            "<script src=\"/api/swagger-ui-standalone-preset.js\"></script>\n<script "
            "src=\"/api/start.js\"></script>\n";
    }
    Response response = withType(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>" + title +
            "</title>\n" + head + "</head>\n<body>\n" + body + "</body>\n</html>\n",
        "text/html; charset=utf-8");
    response.headers.emplace_back("Content-Security-Policy",
                                  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src "
                                  "'self' data:; frame-ancestors 'none'");
    return response;
}

std::shared_ptr<const DocsPages::File> DocsPages::file(const std::string& name) {
    const char* const type = typeOf(name);
    if (folder_.empty() || type == nullptr || !isPlainName(name)) {
        return nullptr;
    }
    const std::lock_guard lock(mutex_);
    std::shared_ptr<const File>& entry = files_[name];
    if (!entry) {
        const std::filesystem::path path = std::filesystem::path(folder_) / name;
        std::error_code error;
        if (!std::filesystem::is_regular_file(path, error) ||
            std::filesystem::file_size(path, error) > kMaxFileBytes || error) {
            files_.erase(name);
            return nullptr;
        }
        std::ifstream in(path, std::ios::binary);
        entry = std::make_shared<File>(File{{std::istreambuf_iterator<char>(in), {}}, type});
    }
    return entry;
}

}  // namespace drover::api
