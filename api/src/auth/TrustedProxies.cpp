#include "auth/TrustedProxies.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "auth/Lists.h"
#include "drover/Exceptions.h"

namespace drover::api {

namespace {

/// Parses an address as proxies write it: alone, `192.0.2.1:4711`, `[2001:db8::1]` or `[2001:db8::1]:4711`.
std::optional<Address> parseHop(std::string_view hop) {
    if (hop.substr(0, 1) == "[") {
        const std::size_t end = hop.find(']');
        const std::string_view rest = end == std::string_view::npos ? "?" : hop.substr(end + 1);
        return rest.empty() || rest.front() == ':' ? Address::parse(hop.substr(1, end - 1))
                                                   : std::nullopt;
    }
    const std::size_t colon = hop.find(':');
    const bool port = colon != std::string_view::npos && hop.rfind(':') == colon;
    return Address::parse(port ? hop.substr(0, colon) : hop);
}

}  // namespace

TrustedProxies::TrustedProxies(std::string_view list) {
    for (const std::string_view entry : commaList(list)) {
        networks_.push_back(parseNetwork(entry));
    }
}

TrustedProxies::Network TrustedProxies::parseNetwork(std::string_view entry) {
    const std::string key = "api.trustedProxies: " + std::string(entry) + " ";
    const std::size_t slash = entry.find('/');
    const std::optional<Address> address = Address::parse(entry.substr(0, slash));
    if (!address) {
        throw ConfigException(key + "is not a network; 10.0.0.0/8, 192.0.2.1 and ::1 are some");
    }
    int bits = address->bits();
    if (slash != std::string_view::npos) {
        const std::string_view digits = entry.substr(slash + 1);
        const auto [end, error] = std::from_chars(digits.begin(), digits.end(), bits);
        if (error != std::errc() || end != digits.end() || bits < 0 || bits > address->bits()) {
            throw ConfigException(key + "needs a length from 0 to " +
                                  std::to_string(address->bits()) + " behind the slash");
        }
    }
    if (const Address network = address->network(bits); network != *address) {
        throw ConfigException(key + "has bits behind its length; its network is " + network.text() +
                              "/" + std::to_string(bits));
    }
    return {*address, bits};
}

bool TrustedProxies::trusts(const Address& address) const {
    return std::any_of(networks_.begin(), networks_.end(), [&address](const Network& network) {
        return address.network(network.bits) == network.address;
    });
}

Address TrustedProxies::clientOf(const Address& peer, std::string_view forwardedFor) const {
    Address client = peer;
    while (!forwardedFor.empty() && trusts(client)) {
        const std::size_t comma = forwardedFor.rfind(',');
        const bool last = comma == std::string_view::npos;
        const std::optional<Address> hop =
            parseHop(trimmed(last ? forwardedFor : forwardedFor.substr(comma + 1)));
        if (!hop) {
            break;
        }
        client = *hop;
        forwardedFor = forwardedFor.substr(0, last ? 0 : comma);
    }
    return client;
}

}  // namespace drover::api
