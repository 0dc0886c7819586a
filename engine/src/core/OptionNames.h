#pragma once

#include <string>
#include <string_view>

namespace drover {

/// Returns stored options (JSON) with the public names of their members. Order and values stay as they stand; "{}" unless
/// `json` is an object.
[[nodiscard]] std::string withPublicNames(std::string_view json);

}  // namespace drover
