#pragma once

#include <string>
#include <utility>
#include <vector>

namespace drover {

/// The answer to an HTTP request. `body` is sent as it is.
struct Response {
    int status = 200;
    std::string body;
    std::string contentType = "application/json; charset=utf-8";
    std::vector<std::pair<std::string, std::string>> headers;
};

}  // namespace drover
