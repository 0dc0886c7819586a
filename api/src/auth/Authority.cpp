#include "auth/Authority.h"

#include <algorithm>
#include <charconv>

#include "auth/Address.h"

namespace drover::api {

namespace {

std::string lowerCase(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) {
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return lower;
}

bool isAlphaNumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// Returns true if `text` has letters, digits and the characters of `extra` only, and at least one.
bool consistsOf(std::string_view text, std::string_view extra) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [extra](char c) {
        return isAlphaNumeric(c) || extra.find(c) != std::string_view::npos;
    });
}

/// Parses the host without its port; empty: it is malformed.
std::string parseHost(std::string_view text) {
    if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
        const std::string_view inner = text.substr(1, text.size() - 2);
        const auto address =
            inner.find(':') == std::string_view::npos ? std::nullopt : Address::parse(inner);
        return address ? address->text() : "";
    }
    const bool emptyLabel = text.substr(0, 1) == "." || text.find("..") != std::string_view::npos;
    if (emptyLabel || !consistsOf(text, "-._~")) {
        return "";
    }
    return lowerCase(text.substr(0, text.size() - (text.back() == '.' ? 1 : 0)));
}

std::optional<std::uint16_t> defaultPort(std::string_view scheme) {
    if (scheme == "http") {
        return std::uint16_t{80};
    }
    return scheme == "https" ? std::optional<std::uint16_t>(443) : std::nullopt;
}

}  // namespace

std::optional<Authority> Authority::parse(std::string_view text) {
    Authority authority;
    // A colon within brackets belongs to the address.
    const std::size_t colon = text.rfind(':');
    if (colon != std::string_view::npos && text.back() != ']') {
        const std::string_view digits = text.substr(colon + 1);
        std::uint16_t port = 0;
        const auto [end, error] = std::from_chars(digits.begin(), digits.end(), port);
        if (error != std::errc() || end != digits.end()) {
            return std::nullopt;
        }
        authority.port = port;
        text = text.substr(0, colon);
    }
    authority.host = parseHost(text);
    return authority.host.empty() ? std::nullopt : std::optional(authority);
}

std::optional<Origin> Origin::parse(std::string_view text) {
    constexpr std::string_view kMark = "://";
    const std::size_t mark = text.find(kMark);
    if (mark == std::string_view::npos || !consistsOf(text.substr(0, mark), "+-.")) {
        return std::nullopt;
    }
    std::optional<Authority> authority = Authority::parse(text.substr(mark + kMark.size()));
    if (!authority) {
        return std::nullopt;
    }
    Origin origin{lowerCase(text.substr(0, mark)), std::move(*authority)};
    if (!origin.authority.port) {
        origin.authority.port = defaultPort(origin.scheme);
    }
    return origin;
}

bool Origin::isHost(const Authority& host) const {
    return host.host == authority.host &&
           (host.port ? host.port : defaultPort(scheme)) == authority.port;
}

}  // namespace drover::api
