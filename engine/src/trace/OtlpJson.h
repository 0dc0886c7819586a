#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drover/Trace.h"

namespace drover {

/// Names and values that describe the process, such as service.name.
using TraceResource = std::vector<std::pair<std::string, std::string>>;

/// Returns the body of an export, an ExportTraceServiceRequest in the JSON mapping of OTLP: ids in hex, 64-bit numbers as
/// text. Text that is not UTF-8 is repaired.
[[nodiscard]] std::string otlpJson(const std::vector<Span>& spans, const TraceResource& resource);

/// Returns what a collector wrote about spans that it refused; empty: it accepted all of them.
[[nodiscard]] std::string partialSuccess(std::string_view answer);

}  // namespace drover
