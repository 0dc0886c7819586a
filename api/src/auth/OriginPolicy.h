#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/Authority.h"

namespace drover::api {

/// Decides what pages of other sites may do: nothing but safe requests, whose answers they cannot read, unless
/// `api.cors.origins` names their origin. Never changes.
///
/// A browser adds the token that a person gave it to requests of every page. That no page of another site changes
/// anything with it is decided here, by headers that a page cannot choose; clients that are not browsers send neither and
/// are served.
/// Threads: any.
class OriginPolicy {
public:
    using Headers = std::vector<std::pair<std::string, std::string>>;

    /// No other site is allowed anything (CORS is off).
    OriginPolicy() = default;
    /// Parses origins, parted by commas: `https://example.com, http://localhost:5173`. Throws ConfigException, naming the
    /// key and the entry; `*` is refused, since the pages of every site could then use a person's token.
    explicit OriginPolicy(std::string_view list);

    /// Returns true if the request is one that changes something (not GET, HEAD, OPTIONS or TRACE) and comes from a page of
    /// another site that is not listed. `fetchSite` is the header Sec-Fetch-Site, which counts where it is; otherwise
    /// `origin`, compared with `host`. Empty texts are headers that the request does not have.
    [[nodiscard]] bool refuses(std::string_view method,
                               std::string_view host,
                               std::string_view origin,
                               std::string_view fetchSite) const;

    /// Returns what every answer gets: with CORS off nothing; else Vary, and for a listed origin the permission to read
    /// the answer. Credentials are not allowed: a script sends the token itself, and not the one that the browser has.
    [[nodiscard]] Headers headersFor(std::string_view origin) const;

    /// Returns what the answer to OPTIONS gets on top, if the origin is listed: `methods` and `requestHeaders` are those
    /// that the route accepts, parted by commas; Authorization, Content-Type and Content-Encoding are always among them.
    [[nodiscard]] Headers preflightHeaders(std::string_view origin,
                                           std::string_view methods,
                                           std::string_view requestHeaders) const;

private:
    [[nodiscard]] bool lists(std::string_view origin) const;

    std::vector<Origin> origins_;
};

}  // namespace drover::api
