#pragma once

#include <string>
#include <string_view>

namespace drover::api {

/// The token that a request brings in its header Authorization.
///
/// `Bearer TOKEN` (RFC 6750), or `Basic` with the token as the password and any user name (RFC 7617), so that a browser can
/// prompt for it. A value: no I/O.
struct Credentials {
    enum class Kind {
        None,  ///< No header, or a scheme that the front does not offer: the answer offers those that it does.
        Token,  ///< There is one; whether it is valid is another question. It may be empty in Basic.
        Malformed  ///< See `reason`.
    };

    Kind kind = Kind::None;
    std::string token{};
    std::string reason{};  ///< A sentence for the client, without any part of the header.

    /// Parses the value of the header; empty: the request has none. Strict: a character too many is Malformed.
    [[nodiscard]] static Credentials parse(std::string_view authorization);
};

}  // namespace drover::api
