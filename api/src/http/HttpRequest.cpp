#include "http/HttpRequest.h"

#include "http/ContentEncoding.h"

namespace drover::api {

void HttpRequest::decode(std::size_t maxBytes) {
    if (!contentEncoding().empty() && !body().empty()) {
        decoded_ = decodedBody(body(), contentEncoding(), maxBytes);
    }
}

}  // namespace drover::api
