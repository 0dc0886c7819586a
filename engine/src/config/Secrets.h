#pragma once

#include <string>
#include <vector>

#include "config/Configuration.h"

namespace drover {

/// Returns the values that must not be shown anywhere, passwords inside of URLs included. None is empty.
[[nodiscard]] std::vector<std::string> secretsOf(const Configuration& config);

}  // namespace drover
