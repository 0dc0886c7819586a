#include "config/RedisAddresses.h"

#include <charconv>
#include <string_view>

#include <Poco/StringTokenizer.h>

#include "drover/Exceptions.h"

namespace drover {

namespace {

Redis::Address parseAddress(std::string_view text, int port) {
    Redis::Address address{std::string(text), port};
    const std::size_t bracket = text.rfind(']');
    const std::size_t colon = text.rfind(':');
    const bool bare = bracket == std::string_view::npos && text.find(':') != colon;
    if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
        const std::string_view digits = text.substr(colon + 1);
        address.host = text.substr(0, colon);
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
        if (error != std::errc() || end != digits.data() + digits.size()) {
            address.port = 0;
        }
    }
    const bool open = bracket != std::string_view::npos && address.host.back() != ']';
    if (bare || open || address.host.empty() ||
        address.host.find_first_of(" /@") != std::string::npos || address.port < 1 ||
        address.port > 65535) {
        throw ConfigException("\"" + std::string(text) +
                              "\" is not host:port, with an IPv6 address in brackets");
    }
    return address;
}

}  // namespace

std::vector<Redis::Address> parseAddresses(const std::string& list, int port) {
    std::vector<Redis::Address> addresses;
    for (const std::string& text :
         Poco::StringTokenizer(list, ",", Poco::StringTokenizer::TOK_TRIM)) {
        addresses.push_back(parseAddress(text, port));
    }
    return addresses;
}

}  // namespace drover
