#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "auth/Address.h"

namespace drover::api {

/// The proxies of `api.trustedProxies`, whose X-Forwarded-For counts. Never changes.
/// Threads: any.
class TrustedProxies {
public:
    TrustedProxies() = default;
    /// Parses networks, parted by commas: `10.0.0.0/8, ::1`. Throws ConfigException, naming the key, the entry and what
    /// would be right.
    explicit TrustedProxies(std::string_view list);

    [[nodiscard]] bool trusts(const Address& address) const;

    /// Returns the client of a request: the address that caps, throttle and logs count.
    ///
    /// `peer` is the other end of the connection, `forwardedFor` the header's value, several lines joined by commas; each
    /// proxy appends the address that it got the request from. From a peer that is not trusted the header does not count.
    /// Otherwise the rightmost address that is not trusted is the client, since all to its left is the client's own text;
    /// if all are trusted, the leftmost. An entry that is not an address ends the walk: then the proxy to its right is
    /// the client.
    [[nodiscard]] Address clientOf(const Address& peer, std::string_view forwardedFor) const;

private:
    struct Network {
        Address address;
        int bits;
    };

    static Network parseNetwork(std::string_view entry);

    std::vector<Network> networks_;
};

}  // namespace drover::api
