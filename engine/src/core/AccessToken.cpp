#include "drover/AccessToken.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <openssl/evp.h>

#include "drover/Exceptions.h"

namespace drover {

namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr const char* kLineForm = "a line is NAME SHA256 SCOPE..., as drover token new prints it";

std::vector<std::string_view> wordsOf(std::string_view line) {
    constexpr std::string_view kBlanks = " \t";
    std::vector<std::string_view> words;
    std::size_t at = line.find_first_not_of(kBlanks);
    while (at != std::string_view::npos) {
        const std::size_t end = std::min(line.find_first_of(kBlanks, at), line.size());
        words.push_back(line.substr(at, end - at));
        at = line.find_first_not_of(kBlanks, end);
    }
    return words;
}

/// Returns the value of a hexadecimal digit of either case; -1: it is none.
int valueOf(char digit) {
    const char lower = digit >= 'A' && digit <= 'F' ? static_cast<char>(digit - 'A' + 'a') : digit;
    const std::size_t value = kHexDigits.find(lower);
    return value == std::string_view::npos ? -1 : static_cast<int>(value);
}

AccessToken::Digest parseDigest(std::string_view word) {
    AccessToken::Digest digest{};
    if (word.size() != 2 * digest.size() ||
        std::any_of(word.begin(), word.end(), [](char c) { return valueOf(c) < 0; })) {
        throw ConfigException(
            "the second word must be the SHA-256 of the token, 64 hexadecimal digits, as printf %s "
            "TOKEN | sha256sum prints it");
    }
    for (std::size_t i = 0; i < digest.size(); ++i) {
        digest[i] =
            static_cast<unsigned char>(valueOf(word[2 * i]) * 16 + valueOf(word[2 * i + 1]));
    }
    return digest;
}

}  // namespace

AccessToken::Digest AccessToken::digestOf(std::string_view token) {
    Digest digest{};
    if (EVP_Digest(token.data(), token.size(), digest.data(), nullptr, EVP_sha256(), nullptr) !=
        1) {
        throw Exception("libcrypto computes no SHA-256; its providers may be configured away");
    }
    return digest;
}

std::string AccessToken::nameError(std::string_view name) {
    constexpr std::size_t kLongest = 64;
    const bool right = !name.empty() && name.size() <= kLongest &&
                       std::all_of(name.begin(), name.end(), [](char c) {
                           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                  (c >= '0' && c <= '9') ||
                                  std::string_view("._@-").find(c) != std::string_view::npos;
                       });
    if (!right) {
        return "the name of a token is 1 to 64 letters, digits and ._@-";
    }
    return name.substr(0, kPrefix.size()) == kPrefix
               ? "the name of a token cannot begin with drv_, as tokens do"
               : "";
}

AccessToken AccessToken::parseLine(std::string_view line) {
    const std::vector<std::string_view> words = wordsOf(line);
    for (const std::string_view word : words) {
        if (word.substr(0, kPrefix.size()) == kPrefix) {
            throw ConfigException(
                "a word begins with drv_, as tokens do; the line has a name and the SHA-256 of the "
                "token, never the token itself");
        }
    }
    if (words.size() < 3) {
        throw ConfigException(kLineForm);
    }
    AccessToken token;
    token.digest = parseDigest(words[1]);
    if (std::string error = nameError(words[0]); !error.empty()) {
        throw ConfigException(error);
    }
    token.name = words[0];
    for (auto word = words.begin() + 2; word != words.end(); ++word) {
        token.scopes.push_back(Scope::parse(*word));
    }
    return token;
}

std::string AccessToken::line() const {
    std::string text = name + " ";
    for (const unsigned char byte : digest) {
        text += kHexDigits[byte >> 4U];
        text += kHexDigits[byte & 0xFU];
    }
    for (const Scope& scope : scopes) {
        text += " " + scope.text();
    }
    return text;
}

bool AccessToken::hasDigest(const Digest& other) const {
    // Whole words without a branch between them. CRYPTO_memcmp goes byte by byte: a thousand tokens would cost a request
    // 30 us.
    using Words = std::array<std::uint64_t, 4>;
    const auto mine = std::bit_cast<Words>(digest);
    const auto others = std::bit_cast<Words>(other);
    return ((mine[0] ^ others[0]) | (mine[1] ^ others[1]) | (mine[2] ^ others[2]) |
            (mine[3] ^ others[3])) == 0;
}

bool AccessToken::allows(const Scope& demanded) const {
    return std::any_of(scopes.begin(), scopes.end(), [&demanded](const Scope& scope) {
        return scope.covers(demanded);
    });
}

}  // namespace drover
