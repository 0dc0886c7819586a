#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "drover/AccessToken.h"

namespace drover::api {

/// The tokens that are valid at one time. Never changes; a reload makes another.
/// Threads: any.
class TokenTable {
public:
    /// The shortest text that can be 128 random bits in base64. A shorter token is never found, so an entry for a word
    /// that people can remember opens nothing.
    static constexpr std::size_t kLeastBytes = 22;
    /// Longer texts are not hashed: a request cannot make the front hash a whole header.
    static constexpr std::size_t kMostBytes = 256;

    TokenTable() = default;
    explicit TokenTable(std::vector<AccessToken> tokens) : tokens_(std::move(tokens)) {}

    [[nodiscard]] bool empty() const { return tokens_.empty(); }

    /// Returns the entry of a token; nullptr: there is none. The result lives as long as the table.
    /// Compares every entry, whichever matches, and each in constant time: an answer's time shows neither the entry nor how
    /// much of a digest was right.
    [[nodiscard]] const AccessToken* find(std::string_view token) const;

private:
    std::vector<AccessToken> tokens_;
};

}  // namespace drover::api
