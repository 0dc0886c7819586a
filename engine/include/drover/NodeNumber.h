#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "drover/Json.h"

/// Numbers of other clients, read as JavaScript reads them. Options from environment variables, forms and
/// configuration files are often text. BullMQ's worker compares and calculates with the stored value, whatever its
/// type, and so does the engine. Threads: everything here may be called from any thread.
namespace drover {

namespace detail {

inline bool isNodeDigit(char c) {
    return c >= '0' && c <= '9';
}

/// The characters that String.prototype.trim removes: ASCII blanks and the Unicode ones.
inline std::string_view nodeTrimmed(std::string_view text) {
    constexpr std::array<std::string_view, 25> kBlanks = {" ",
                                                          "\t",
                                                          "\n",
                                                          "\v",
                                                          "\f",
                                                          "\r",
                                                          "\xC2\xA0",
                                                          "\xE1\x9A\x80",
                                                          "\xE2\x80\x80",
                                                          "\xE2\x80\x81",
                                                          "\xE2\x80\x82",
                                                          "\xE2\x80\x83",
                                                          "\xE2\x80\x84",
                                                          "\xE2\x80\x85",
                                                          "\xE2\x80\x86",
                                                          "\xE2\x80\x87",
                                                          "\xE2\x80\x88",
                                                          "\xE2\x80\x89",
                                                          "\xE2\x80\x8A",
                                                          "\xE2\x80\xA8",
                                                          "\xE2\x80\xA9",
                                                          "\xE2\x80\xAF",
                                                          "\xE2\x81\x9F",
                                                          "\xE3\x80\x80",
                                                          "\xEF\xBB\xBF"};
    for (bool found = true; found;) {
        found = false;
        for (const std::string_view blank : kBlanks) {
            if (text.substr(0, blank.size()) == blank) {
                text.remove_prefix(blank.size());
                found = true;
            }
            if (text.size() >= blank.size() && text.substr(text.size() - blank.size()) == blank) {
                text.remove_suffix(blank.size());
                found = true;
            }
        }
    }
    return text;
}

/// Digits of a base from 2 to 16, at least one and nothing else.
inline double nodeDigits(std::string_view text, int base) {
    double value = text.empty() ? std::numeric_limits<double>::quiet_NaN() : 0;
    for (const char c : text) {
        const int digit = isNodeDigit(c)         ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : base;
        if (digit >= base) {
            return std::numeric_limits<double>::quiet_NaN();
        }
        value = value * base + digit;
    }
    return value;
}

/// A decimal literal without sign.
inline double nodeDecimal(std::string_view text) {
    std::size_t at = 0;
    const auto digits = [&] {
        const std::size_t from = at;
        while (at < text.size() && isNodeDigit(text[at])) {
            ++at;
        }
        return at - from;
    };
    std::size_t count = digits();
    if (at < text.size() && text[at] == '.') {
        ++at;
        count += digits();
    }
    if (count == 0) {
        return std::numeric_limits<double>::quiet_NaN();
    }
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        ++at;
        if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
            ++at;
        }
        if (digits() == 0) {
            return std::numeric_limits<double>::quiet_NaN();
        }
    }
    if (at != text.size()) {
        return std::numeric_limits<double>::quiet_NaN();
    }
    return jsonNumber(text);  // Which reads "1." and ".5" as well.
}

/// Returns the text of a JSON string; one that is not a number if `json` is something else.
inline std::string nodeString(std::string_view json) {
    const auto value = JsonView::tryParse(json, std::numeric_limits<std::size_t>::max());
    return value.value_or(JsonView()).string().value_or("x");
}

}  // namespace detail

/// Returns Number(text): blanks around it, 0x, 0o, 0b and Infinity are understood, "" is 0.
[[nodiscard]] inline double nodeNumberOfText(std::string_view text) {
    text = detail::nodeTrimmed(text);
    if (text.empty()) {
        return 0;
    }
    if (text.size() > 1 && text[0] == '0') {
        switch (text[1]) {
            case 'x':
            case 'X':
                return detail::nodeDigits(text.substr(2), 16);
            case 'o':
            case 'O':
                return detail::nodeDigits(text.substr(2), 8);
            case 'b':
            case 'B':
                return detail::nodeDigits(text.substr(2), 2);
            default:
                break;
        }
    }
    const bool negative = text.front() == '-';
    if (negative || text.front() == '+') {
        text.remove_prefix(1);
    }
    const double value =
        text == "Infinity" ? std::numeric_limits<double>::infinity() : detail::nodeDecimal(text);
    return negative ? -value : value;
}

/// Returns Number(JSON.parse(json)): NaN for text that is not a number, for objects, and for arrays of several elements.
/// `json` is one valid JSON value.
[[nodiscard]] inline double nodeNumber(std::string_view json) {
    json = detail::nodeTrimmed(json);
    if (json.empty()) {
        return std::numeric_limits<double>::quiet_NaN();
    }
    switch (json.front()) {
        case '"':
            return nodeNumberOfText(detail::nodeString(json));
        case '{':
            return std::numeric_limits<double>::quiet_NaN();
        case 't':
            return 1;
        case 'f':
        case 'n':
            return 0;
        default:
            break;
    }
    // An array counts as the text of its elements, so one of one element as that element's text.
    constexpr int kDeepest = 64;  // Each level is a walk through the text.
    for (int depth = 0; json.front() == '['; ++depth) {
        const auto array = JsonView::tryParse(json, std::numeric_limits<std::size_t>::max());
        const std::vector<JsonView> elements = array.value_or(JsonView()).elements();
        if (!array || elements.size() > 1 || depth == kDeepest) {
            return std::numeric_limits<double>::quiet_NaN();
        }
        json = elements.empty() ? "null" : elements.front().text();
        if (json == "null") {
            return 0;
        }
        if (json.front() == '"') {
            return nodeNumberOfText(detail::nodeString(json));
        }
        if (json.front() == 't' || json.front() == 'f' || json.front() == '{') {
            return std::numeric_limits<double>::quiet_NaN();
        }
    }
    return nodeNumberOfText(json);
}

}  // namespace drover
