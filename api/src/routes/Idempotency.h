#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "drover/Queue.h"
#include "drover/Routes.h"

namespace drover::api {

/// The header by which a client sends a request again without adding its jobs again
/// (draft-ietf-httpapi-idempotency-key-header): a text in quotes, or 1 to 255 visible characters without them.
inline constexpr const char* kIdempotencyKey = "Idempotency-Key";

/// Returns how the jobs of a request are added; std::nullopt: it has no such header.
///
/// A key counts for the token of the request and for `route`, its method and pattern. The request is the same one if path,
/// query and body are, byte for byte. Throws HttpError 400 for a malformed key.
[[nodiscard]] std::optional<AddOnce> addOnceOf(const Request& request,
                                               const std::string& route,
                                               std::chrono::milliseconds ttl);

/// Marks the answer to a request whose jobs were added before.
void markRepeated(Response& response);

/// Adds the header and its answers to the description of a route.
void describeIdempotency(Route& route);

}  // namespace drover::api
