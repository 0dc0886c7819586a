#pragma once

namespace drover {

/// "0.1.0".
[[nodiscard]] const char* version();
/// Returns the id of this build, which a service plugin must match.
[[nodiscard]] const char* buildStamp();

}  // namespace drover
