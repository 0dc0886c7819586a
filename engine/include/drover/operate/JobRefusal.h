#pragma once

#include <algorithm>
#include <string>

#include "drover/Exceptions.h"

namespace drover::operate {

/// Returns the message of an error for a person: without the function of BullMQ that ends it, as in "Missing key for job 7.
/// reprocessJob".
[[nodiscard]] inline std::string refusalText(const JobStateException& error) {
    const std::string& message = error.message();
    const auto dot = message.rfind(". ");
    const auto isLetter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    const bool named =
        dot != std::string::npos &&
        std::all_of(
            message.begin() + static_cast<std::ptrdiff_t>(dot) + 2, message.end(), isLetter);
    return named ? message.substr(0, dot) : message;
}

}  // namespace drover::operate
