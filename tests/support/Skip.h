#pragma once

#include <stdexcept>
#include <string>

namespace drover::test {

inline constexpr const char* kMissingServiceMark = "[missing service]";

/// Thrown by a fixture whose server program is not installed: the suite counts as skipped, never as passed.
class MissingService : public std::runtime_error {
public:
    explicit MissingService(const std::string& what)
        : std::runtime_error(std::string(kMissingServiceMark) + " " + what) {}
};

}  // namespace drover::test
