#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drover::api {

/// Returns the SHA-256 of the parts in hexadecimal. Each part goes in with its length, so that no other parts have that digest.
[[nodiscard]] std::string digestOf(const std::vector<std::string_view>& parts);

}  // namespace drover::api
