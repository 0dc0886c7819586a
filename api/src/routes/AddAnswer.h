#pragma once

#include <optional>

#include "drover/Queue.h"
#include "drover/Response.h"
#include "drover/Routes.h"

namespace drover::api {

/// Returns the answer for a job that was not added, an error; std::nullopt: it was added.
[[nodiscard]] std::optional<Response> refusalOf(const AddResult& result);
/// Returns the same as the error that an answer to many jobs has a line of.
[[nodiscard]] std::optional<HttpError> errorOf(const AddResult& result);

/// The JSON Schema of a job as the routes answer with it.
inline constexpr const char* kJobSchema =
    R"({"type":"object","properties":{"name":{"type":"string"},"data":{"type":"object"},"opts":{"type":"object"},)"
    R"("id":{"type":"string"},"progress":{},"returnvalue":{},"stacktrace":{"type":["array","null"],"items":{"type":"string"}},)"
    R"("priority":{"type":"integer"},"attemptsStarted":{"type":"integer"},"attemptsMade":{"type":"integer"},)"
    R"("timestamp":{"type":"integer","format":"int64"},"queueQualifiedName":{"type":"string"}}})";

}  // namespace drover::api
