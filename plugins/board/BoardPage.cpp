#include "BoardPage.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>

#include "drover/EntityTag.h"
#include "drover/Exceptions.h"
#include "drover/Html.h"
#include "drover/JsonWriter.h"

namespace drover::board {

namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMostBytes = 16U << 20U;
constexpr const char* kTitle = "Drover";
constexpr const char* kIcon = "static/images/logo.svg";
constexpr const char* kOtherIcon = "static/favicon-32x32.png";
// The page sets styles of its own, and colours code in a worker.
constexpr const char* kPolicy =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' "
    "data:; worker-src 'self' blob:; base-uri 'self'; frame-ancestors 'none'";

/// Returns the type of a served file; nullptr: not served, as source maps.
const char* typeOf(const std::string& extension) {
    static const std::map<std::string, const char*> kTypes = {
        {".css", "text/css; charset=utf-8"},
        {".ico", "image/x-icon"},
        {".js", "text/javascript; charset=utf-8"},
        {".json", "application/json; charset=utf-8"},
        {".png", "image/png"},
        {".svg", "image/svg+xml"},
        {".txt", "text/plain; charset=utf-8"}};
    const auto found = kTypes.find(extension);
    return found == kTypes.end() ? nullptr : found->second;
}

std::string contentOf(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// Returns the JSON that the page reads from its own text.
std::string uiConfig() {
    JsonWriter out;
    out.beginObject().key("boardTitle").text(kTitle);
    out.key("favIcon").beginObject().key("default").text(kIcon);
    out.key("alternative").text(kOtherIcon).endObject();
    out.key("hideDocsLink").boolean(true);
    for (const char* absent :
         {"hasHistoryProvider", "hasHistoryUsage", "canPurgeHistory", "hasLatencyHistory"}) {
        out.key(absent).boolean(false);
    }
    return std::move(out.endObject()).str();
}

/// Returns the template with each <%= name %> and <%- name %> replaced. The first kind is escaped.
/// Throws ConfigException for a tag of another kind.
std::string filled(const std::string& page, const std::map<std::string, std::string>& values) {
    constexpr std::string_view kOpen = "<%";
    constexpr std::string_view kClose = "%>";
    std::string out;
    for (std::size_t at = 0;;) {
        const auto open = page.find(kOpen, at);
        out += page.substr(at, open == std::string::npos ? open : open - at);
        if (open == std::string::npos) {
            return out;
        }
        const auto close = page.find(kClose, open);
        const std::string tag =
            close == std::string::npos ? "" : page.substr(open + 2, close - open - 2);
        const auto first = tag.find_first_not_of(' ', 1);
        const auto name = first == std::string::npos
                              ? std::string()
                              : tag.substr(first, tag.find_last_not_of(' ') + 1 - first);
        const auto value = values.find(name);
        if (tag.empty() || (tag.front() != '=' && tag.front() != '-') || value == values.end()) {
            throw ConfigException("index.ejs has the tag <%" + tag.substr(0, 60) +
                                  "%>, which is not one of @bull-board/ui 9");
        }
        out += tag.front() == '=' ? escapedHtml(value->second) : value->second;
        at = close + kClose.size();
    }
}

/// Returns the page without its links to other hosts.
std::string withoutForeignLinks(std::string page) {
    for (std::size_t at = page.find("<link "); at != std::string::npos;) {
        const auto end = page.find('>', at);
        const std::string_view tag = std::string_view(page).substr(at, end - at);
        if (tag.find("href=\"http") != std::string_view::npos ||
            tag.find("href=\"//") != std::string_view::npos) {
            page.erase(at, end + 1 - at);
        } else {
            ++at;
        }
        at = page.find("<link ", at);
    }
    return page;
}

Response html(std::string body) {
    Response response;
    response.body = std::move(body);
    response.contentType = "text/html; charset=utf-8";
    response.headers.emplace_back("Content-Security-Policy", kPolicy);
    response.headers.emplace_back("Cache-Control", "no-store");
    return response;
}

constexpr const char* kNotInstalled =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Drover</title>\n"
    "<link rel=\"icon\" href=\"data:,\">\n</head>\n<body>\n<h1>Bull Board is not installed</h1>\n"
    "<p>Run <code>npm ci --ignore-scripts --prefix plugins/board</code> and set <code>board.ui"
    "</code> to <code>plugins/board/node_modules/@bull-board/ui</code>.</p>\n</body>\n</html>\n";

}  // namespace

BoardPage::BoardPage(const std::string& folder, const std::string& path) {
    const fs::path index = fs::path(folder) / "dist" / "index.ejs";
    std::error_code error;
    installed_ = !folder.empty() && fs::is_regular_file(index, error);
    if (!installed_) {
        index_ = html(kNotInstalled);
        return;
    }
    index_ = html(withoutForeignLinks(filled(contentOf(index),
                                             {{"basePath", path + "/"},
                                              {"uiConfig", uiConfig()},
                                              {"title", kTitle},
                                              {"favIconDefault", kIcon},
                                              {"favIconAlternative", kOtherIcon}})));
    readFiles((fs::path(folder) / "dist" / "static").string());
}

void BoardPage::readFiles(const std::string& folder) {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        const char* const type = typeOf(entry.path().extension());
        if (type == nullptr || !entry.is_regular_file() || entry.file_size() > kMostBytes) {
            continue;
        }
        Response file;
        file.body = contentOf(entry.path());
        file.contentType = type;
        const std::string name = fs::relative(entry.path(), folder).generic_string();
        // The names of scripts and styles change with their content.
        const bool hashed = name.rfind("js/", 0) == 0 || name.rfind("css/", 0) == 0;
        file.headers.emplace_back(
            "Cache-Control",
            hashed ? "public, max-age=31536000, immutable" : "public, max-age=86400");
        file.headers.emplace_back("ETag", entityTagOf(file.body));
        files_.emplace(name, std::move(file));
    }
}

std::optional<Response> BoardPage::file(const std::string& name) const {
    const auto found = files_.find(name);
    return found == files_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace drover::board
