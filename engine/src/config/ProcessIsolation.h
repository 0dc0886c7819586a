#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace drover {

/// How the handlers of a plugin run in processes of their own. Keys: plugin.<name>.*.
struct ProcessIsolation {
    std::int64_t memoryLimitMb = 0;            ///< 0: none.
    std::chrono::milliseconds hardTimeout{0};  ///< 0: none.
    std::string program = "/proc/self/exe";    ///< Runs runHandlerChild() for wire::kOption.

    bool operator==(const ProcessIsolation&) const = default;
};

}  // namespace drover
