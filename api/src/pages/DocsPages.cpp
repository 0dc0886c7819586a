#include "pages/DocsPages.h"

#include <optional>
#include <string_view>
#include <utility>

#include "drover/Html.h"
#include "http/HttpText.h"

namespace drover::api {

namespace {

constexpr const char* kPrefix = "/api/";
constexpr const char* kStartName = "start.js";

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

/// Returns the part of the path behind the prefix; empty without it.
std::string nameIn(const std::string& path) {
    return path.rfind(kPrefix, 0) == 0 ? path.substr(std::string_view(kPrefix).size())
                                       : std::string();
}

}  // namespace

DocsPages::DocsPages(std::string folder, std::string title)
    : title_(std::move(title)), files_(std::move(folder)) {}

bool DocsPages::isPage(const std::string& path) {
    return path == "/api" || path == kPrefix;
}

bool DocsPages::mayBeFile(const std::string& path) {
    const std::string name = nameIn(path);
    return name == kStartName || StaticFiles::mayHave(name);
}

Response DocsPages::answer(const std::string& path, const HttpRequest& request) {
    if (isPage(path)) {
        return page();
    }
    const std::string name = nameIn(path);
    if (name == kStartName) {
        return withType(kStartScript, "text/javascript; charset=utf-8");
    }
    std::optional<Response> file = files_.answer(name, request);
    return file ? *std::move(file) : errorResponse(404, "Cannot GET " + path);
}

Response DocsPages::page() const {
    const std::string title = escapedHtml(title_);
    std::string head;
    std::string body;
    if (!files_.has("swagger-ui-bundle.js")) {
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

}  // namespace drover::api
