#include "HttpFront.h"

#include "http/HttpText.h"
#include "http/Target.h"
#include "pages/OpenApi.h"

namespace drover::api {

HttpFront::HttpFront(const Routes& routes, const Settings& settings)
    : routes_(routes), title_(settings.title), version_(settings.version), router_(routes) {
    if (settings.docsPages) {
        pages_.emplace(settings.docsFolder, settings.title);
    }
}

Response HttpFront::answer(const HttpRequest& request) {
    const Target target = Target::parse(request.target);
    if (request.method == "GET" || request.method == "HEAD") {
        if (target.segments == std::vector<std::string>{"api-json"}) {
            return document();
        }
        if (pages_) {
            if (std::optional<Response> page = pages_->answer(target.path)) {
                return *std::move(page);
            }
        }
    }
    return router_.answer(request, target);
}

Response HttpFront::document() {
    const std::shared_ptr<const Routes::Table> table = routes_.snapshot();
    const std::lock_guard lock(mutex_);
    if (documented_ != table) {
        document_ = openApiDocument(*table, title_, version_);
        documented_ = table;
    }
    Response response;
    response.body = document_;
    return response;
}

}  // namespace drover::api
