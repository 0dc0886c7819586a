#pragma once

namespace drover {

/// "0.1.0".
[[nodiscard]] const char* version();
/// What service plugins are compared with.
[[nodiscard]] const char* buildStamp();

}  // namespace drover
