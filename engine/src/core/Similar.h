#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace drover {

/// Returns the edit distance of two words: insertions, deletions, replacements and swaps of neighbours.
[[nodiscard]] std::size_t editDistance(const std::string& left, const std::string& right);

/// Returns the candidate most like `word`, the first among equals. std::nullopt if none is similar (more than a third of
/// the word, and more than 2 characters, differ).
[[nodiscard]] std::optional<std::string> mostSimilar(const std::string& word,
                                                     const std::vector<std::string>& candidates);

}  // namespace drover
