#pragma once

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <string>
#include <vector>

namespace drover::test {

/// Returns a number of the environment, such as how many scripts to run.
inline int fromEnvironment(const char* name, int fallback) {
    const char* set = std::getenv(name);
    return set == nullptr ? fallback : std::atoi(set);
}

/// Returns what stands in these lines and not in the others; both are sorted.
inline std::vector<std::string> onlyIn(const std::vector<std::string>& these,
                                       const std::vector<std::string>& others) {
    std::vector<std::string> only;
    std::set_difference(
        these.begin(), these.end(), others.begin(), others.end(), std::back_inserter(only));
    return only;
}

}  // namespace drover::test
