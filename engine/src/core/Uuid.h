#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace drover {

/// Returns different random UUIDs (version 4, lower case) with 122 bits from the system's generator.
/// Throws Poco::SystemException if the system has none.
[[nodiscard]] std::vector<std::string> randomUuids(std::size_t count);

}  // namespace drover
