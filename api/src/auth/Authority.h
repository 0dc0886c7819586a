#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drover::api {

/// A host with its port, as the header Host has it. A value: no I/O.
struct Authority {
    std::string
        host;  ///< Lower case, without a dot at the end; IPv6 without brackets, in its canonical text.
    std::optional<std::uint16_t> port;

    /// Parses `example.com`, `example.com:8443`, `192.0.2.1` or `[::1]:8443`. std::nullopt for any other text, also for
    /// an empty host.
    [[nodiscard]] static std::optional<Authority> parse(std::string_view text);

    friend bool operator==(const Authority&, const Authority&) = default;
};

/// The origin of a page: scheme, host and port, as the header Origin has it. A value: no I/O.
struct Origin {
    std::string scheme;   ///< Lower case.
    Authority authority;  ///< With the port of http and https where the text has none.

    /// Parses `https://example.com` or `http://example.com:8080`; no path follows, not even a slash. std::nullopt for any
    /// other text, also for `null`.
    [[nodiscard]] static std::optional<Origin> parse(std::string_view text);

    /// Returns true if the host of a request is the origin's own. A host without a port has that of the scheme; the scheme
    /// itself does not count, since a proxy may have ended TLS.
    [[nodiscard]] bool isHost(const Authority& host) const;

    friend bool operator==(const Origin&, const Origin&) = default;
};

}  // namespace drover::api
