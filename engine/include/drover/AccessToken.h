#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "drover/Export.h"
#include "drover/Scope.h"

namespace drover {

/// One entry of the token file: what is known of a token, without the token itself.
///
/// A line is `NAME SHA256 SCOPE...`, parted by blanks or tabs. A value: copyable, no I/O.
struct DROVER_API AccessToken {
    /// SHA-256, plain: a token is a random text of 128 bits or more, so no list of likely ones is worth hashing, and a
    /// slow hash with a salt, as passwords need it, would only make requests slow.
    using Digest = std::array<unsigned char, 32>;

    /// The beginning of every token that `drover token new` makes, by which people and scanners of repositories notice one.
    static constexpr std::string_view kPrefix = "drv_";

    std::string
        name;  ///< 1 to 64 of [A-Za-z0-9._@-]; logs and errors show it. None begins with kPrefix.
    Digest digest{};
    std::vector<Scope> scopes;  ///< Never empty.

    /// Returns the SHA-256 of a token.
    [[nodiscard]] static Digest digestOf(std::string_view token);

    /// Returns an error text that names the form of a name; empty: the name is right.
    [[nodiscard]] static std::string nameError(std::string_view name);

    /// Parses a line, without its line break. Throws ConfigException, naming what would be right; no message repeats a
    /// word that may be a token.
    [[nodiscard]] static AccessToken parseLine(std::string_view line);

    /// Returns the line that parseLine() accepts, without a line break.
    [[nodiscard]] std::string line() const;

    /// Returns true if the token has that digest. Takes the same time wherever the two differ.
    [[nodiscard]] bool hasDigest(const Digest& other) const;

    /// Returns true if one of the scopes covers `demanded`.
    [[nodiscard]] bool allows(const Scope& demanded) const;
};

}  // namespace drover
