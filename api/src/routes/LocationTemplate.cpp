#include "routes/LocationTemplate.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <type_traits>
#include <variant>

#include <Poco/Exception.h>

namespace drover::api {

namespace {

bool startsWith(std::string_view text, std::string_view start) {
    return text.substr(0, start.size()) == start;
}

std::string textOf(const ParameterValue& value) {
    return std::visit(
        [](const auto& one) -> std::string {
            using Type = std::decay_t<decltype(one)>;
            if constexpr (std::is_same_v<Type, std::string>) {
                return one;
            } else if constexpr (std::is_same_v<Type, bool>) {
                return one ? "true" : "false";
            } else {
                std::array<char, 32> digits{};
                const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), one);
                return {digits.data(), end.ptr};
            }
        },
        value);
}

/// Everything but the unreserved characters of RFC 3986.
void appendEncoded(std::string& out, const std::string& text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    constexpr std::string_view kUnreserved =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (const char c : text) {
        if (kUnreserved.find(c) != std::string_view::npos) {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += '%';
            out += kHex[byte >> 4];
            out += kHex[byte & 15];
        }
    }
}

}  // namespace

LocationTemplate::LocationTemplate(std::string_view text) {
    if (text.empty()) {
        return;
    }
    const bool printable =
        std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
    const bool rooted =
        startsWith(text, "/") || startsWith(text, "http://") || startsWith(text, "https://");
    if (!printable || !rooted) {
        throw Poco::SyntaxException(
            "a location is a path such as /request/{id}?timestamp={timestamp}, or a URL, of "
            "printable ASCII");
    }
    while (!text.empty()) {
        const auto open = std::min(text.find('{'), text.size());
        if (text.substr(0, open).find('}') != std::string_view::npos) {
            throw Poco::SyntaxException("a '}' has no '{' before it");
        }
        if (open > 0) {
            parts_.push_back({std::string(text.substr(0, open)), false});
        }
        if (open == text.size()) {
            break;
        }
        const auto close = text.find('}', open);
        if (close == std::string_view::npos || close == open + 1) {
            throw Poco::SyntaxException("a '{' is not followed by a name and '}'");
        }
        parts_.push_back({std::string(text.substr(open + 1, close - open - 1)), true});
        text.remove_prefix(close + 1);
    }
}

std::vector<std::string> LocationTemplate::parameters() const {
    std::vector<std::string> names;
    for (const Part& part : parts_) {
        if (part.isName && part.text != "id" && part.text != "timestamp") {
            names.push_back(part.text);
        }
    }
    return names;
}

std::string LocationTemplate::render(const std::string& id,
                                     std::int64_t timestampMs,
                                     const Values& values) const {
    std::string out;
    for (const Part& part : parts_) {
        if (!part.isName) {
            out += part.text;
        } else if (part.text == "id") {
            appendEncoded(out, id);
        } else if (part.text == "timestamp") {
            out += std::to_string(timestampMs);
        } else if (const auto value = values.find(part.text); value != values.end()) {
            appendEncoded(out, textOf(value->second));
        }
    }
    return out;
}

}  // namespace drover::api
