#pragma once

#include <optional>
#include <string>

#include <Poco/Logger.h>

#include "drover/Routes.h"
#include "drover/Thrown.h"
#include "http/HttpRequest.h"
#include "http/HttpText.h"

namespace drover::api {

/// Calls `work`, which returns an answer or none, and returns it. An HttpError becomes its answer; any other exception is logged and becomes 500
/// (docs/pitfalls.md#n8).
template <typename Work>
std::optional<Response> answerOf(const HttpRequest& request, Poco::Logger& logger, Work work) {
    std::string what;
    try {
        return work();
    } catch (const HttpError& error) {
        return errorResponse(error.status(), error.what(), error.retryAfterSeconds());
    } catch (...) {
        what = thrownText();
    }
    logger.error(
        "%s %s threw: %s", std::string(request.method()), std::string(request.target()), what);
    return errorResponse(500, "Internal server error");
}

}  // namespace drover::api
