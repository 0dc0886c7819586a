#pragma once

#include <string_view>

#include "drover/Json.h"
#include "drover/Queue.h"
#include "drover/Routes.h"

namespace drover::api {

/// Parses a job of a body: {"name": string, "data": any JSON = {}, "opts": object = {}}, with the options of BullMQ.
/// `data` keeps its bytes. Throws HttpError 400, naming the member or option, and what would be right.
[[nodiscard]] NewJob parseJob(const JsonView& json);

/// Parses one job of several, from its text. Throws HttpError: 400 also for what is not JSON, 403 for a parent in a queue to
/// which the token of `request` may not add.
[[nodiscard]] NewJob parseJob(std::string_view text, const Request& request);

/// Throws HttpError 400 for an option that no job has, naming it and those that there are.
void requireKnown(const JobOptions& options);

/// The JSON Schema of such a job.
inline constexpr const char* kNewJobSchema =
    R"({"type":"object","required":["name"],"additionalProperties":false,"properties":{"name":{"type":"string"},)"
    R"("data":{},"opts":{"type":"object"}}})";

}  // namespace drover::api
