#pragma once

#include <string>

#include "drover/Metrics.h"

namespace drover::metrics {

/// The content type of textOf().
inline constexpr const char* kTextFormat = "text/plain; version=0.0.4; charset=utf-8";

/// Returns the families in the text format of Prometheus, version 0.0.4, sorted by name. Families without samples are left
/// out.
[[nodiscard]] std::string textOf(const Metrics& metrics);

}  // namespace drover::metrics
