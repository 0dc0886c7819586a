#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace drover {

/// The edit distance of two words: insertions, deletions, replacements and swaps of neighbours.
[[nodiscard]] std::size_t editDistance(const std::string& left, const std::string& right);

/// The candidate most like `word`; std::nullopt if none is like it (more than a third of it, and more than 2, differs).
/// Among equals the first one.
[[nodiscard]] std::optional<std::string> mostSimilar(const std::string& word,
                                                     const std::vector<std::string>& candidates);

}  // namespace drover
