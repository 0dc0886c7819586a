#pragma once

#include <string>

#include "drover/Routes.h"

namespace drover::api {

/// Returns the OpenAPI 3.0.3 document of a route table, as JSON. Everything in it comes from the table, so it cannot drift.
/// A ResponseDoc whose schema is not JSON is described without one.
[[nodiscard]] std::string openApiDocument(const Routes::Table& table,
                                          const std::string& title,
                                          const std::string& version);

}  // namespace drover::api
