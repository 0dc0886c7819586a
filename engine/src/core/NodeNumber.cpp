#include "core/NodeNumber.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include "core/JsonText.h"
#include "core/Strtod.h"

namespace drover {

namespace {

constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool isDigit(char c) {
    return c >= '0' && c <= '9';
}

/// The characters that String.prototype.trim removes: blanks of ASCII and Unicode.
std::string_view trimmed(std::string_view text) {
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
double digitsOf(std::string_view text, int base) {
    double value = text.empty() ? kNotANumber : 0;
    for (const char c : text) {
        const int digit = isDigit(c)             ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : base;
        if (digit >= base) {
            return kNotANumber;
        }
        value = value * base + digit;
    }
    return value;
}

/// A decimal literal without sign.
double decimalOf(std::string_view text) {
    std::size_t at = 0;
    const auto digits = [&] {
        const std::size_t from = at;
        while (at < text.size() && isDigit(text[at])) {
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
        return kNotANumber;
    }
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        ++at;
        if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
            ++at;
        }
        if (digits() == 0) {
            return kNotANumber;
        }
    }
    if (at != text.size()) {
        return kNotANumber;
    }
    return jsonNumber(text);  // Which reads "1." and ".5" as well.
}

}  // namespace

double nodeNumberOfText(std::string_view text) {
    text = trimmed(text);
    if (text.empty()) {
        return 0;
    }
    if (text.size() > 1 && text[0] == '0') {
        switch (text[1]) {
            case 'x':
            case 'X':
                return digitsOf(text.substr(2), 16);
            case 'o':
            case 'O':
                return digitsOf(text.substr(2), 8);
            case 'b':
            case 'B':
                return digitsOf(text.substr(2), 2);
            default:
                break;
        }
    }
    const bool negative = text.front() == '-';
    if (negative || text.front() == '+') {
        text.remove_prefix(1);
    }
    const double value = text == "Infinity" ? kInfinity : decimalOf(text);
    return negative ? -value : value;
}

double nodeNumber(std::string_view json) {
    json = trimmed(json);
    if (json.empty()) {
        return kNotANumber;
    }
    switch (json.front()) {
        case '"':
            return nodeNumberOfText(parseJsonString(json).value_or("x"));
        case '{':
            return kNotANumber;
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
        const auto elements = splitJsonArray(json);
        if (!elements || elements->size() > 1 || depth == kDeepest) {
            return kNotANumber;
        }
        json = elements->empty() ? "null" : trimmed(elements->front());
        if (json == "null") {
            return 0;
        }
        if (json.front() == '"') {
            return nodeNumberOfText(parseJsonString(json).value_or("x"));
        }
        if (json.front() == 't' || json.front() == 'f' || json.front() == '{') {
            return kNotANumber;
        }
    }
    return nodeNumberOfText(json);
}

std::int64_t nodeLeadingInteger(std::string_view text) {
    text = trimmed(text);
    if (!text.empty() && text.front() == '+') {
        text.remove_prefix(1);
        if (!text.empty() && text.front() == '-') {
            return 0;
        }
    }
    std::int64_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec == std::errc::result_out_of_range) {
        return text.front() == '-' ? std::numeric_limits<std::int64_t>::min()
                                   : std::numeric_limits<std::int64_t>::max();
    }
    return value;
}

bool nodeTruth(std::string_view json) {
    json = trimmed(json);
    if (json.empty() || json == "false" || json == "null" || json == "\"\"") {
        return false;
    }
    const bool isNumber = json.front() == '-' || isDigit(json.front());
    return !isNumber || nodeNumber(json) != 0;
}

std::int64_t wholePart(double number) {
    return saturatedInteger(std::trunc(number));
}

std::int64_t roundedUp(double number) {
    return saturatedInteger(std::ceil(number));
}

}  // namespace drover
