#include "auth/Credentials.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "http/HttpText.h"

namespace drover::api {

namespace {

/// Returns the value of a digit of base64; -1: it is none.
int valueOf(char c) {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const std::size_t value = kDigits.find(c);
    return value == std::string_view::npos ? -1 : static_cast<int>(value);
}

/// Decodes base64 of which there is one text for each value: padded, no other character, unused bits 0. std::nullopt
/// otherwise.
std::optional<std::string> decodeBase64(std::string_view text) {
    if (text.size() % 4 != 0) {
        return std::nullopt;
    }
    for (int i = 0; i < 2 && !text.empty() && text.back() == '='; ++i) {
        text.remove_suffix(1);
    }
    std::string bytes;
    std::uint32_t group = 0;
    unsigned bits = 0;
    for (const char c : text) {
        const int value = valueOf(c);
        if (value < 0) {
            return std::nullopt;
        }
        group = group << 6U | static_cast<std::uint32_t>(value);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes += static_cast<char>(group >> bits);
            group &= (1U << bits) - 1;
        }
    }
    return group == 0 ? std::optional(bytes) : std::nullopt;
}

/// The alphabet of tokens in Bearer: token68 of RFC 9110, 11.2.
bool isToken68(std::string_view text) {
    const std::size_t end = std::min(text.find('='), text.size());
    return end > 0 && text.find_first_not_of('=', end) == std::string_view::npos &&
           std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), [](char c) {
               return valueOf(c) >= 0 || c == '-' || c == '.' || c == '_' || c == '~';
           });
}

Credentials malformed(std::string reason) {
    return {Credentials::Kind::Malformed, {}, std::move(reason)};
}

Credentials parseBasic(std::string_view value) {
    const std::optional<std::string> decoded = decodeBase64(value);
    const std::size_t colon = decoded ? decoded->find(':') : std::string::npos;
    if (colon == std::string::npos) {
        return malformed("Authorization: Basic needs NAME:TOKEN in base64 with its padding");
    }
    return {Credentials::Kind::Token, decoded->substr(colon + 1), {}};
}

}  // namespace

Credentials Credentials::parse(std::string_view authorization) {
    const std::size_t end = std::min(authorization.find(' '), authorization.size());
    const std::string_view scheme = authorization.substr(0, end);
    const std::string_view value = authorization.substr(
        std::min(authorization.find_first_not_of(' ', end), authorization.size()));
    if (equalsIgnoringCase(scheme, "Bearer")) {
        return isToken68(value)
                   ? Credentials{Kind::Token, std::string(value), {}}
                   : malformed(
                         "Authorization: Bearer needs one token of letters, digits and -._~+/");
    }
    if (equalsIgnoringCase(scheme, "Basic")) {
        return parseBasic(value);
    }
    return {};
}

}  // namespace drover::api
