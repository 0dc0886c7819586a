#pragma once

#include <functional>
#include <string>

namespace drover::test {

/// Waits until `condition` returns true; what it throws counts as false. Throws std::runtime_error after kPatience.
void await(const std::string& what, const std::function<bool()>& condition);

[[nodiscard]] inline bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace drover::test
