#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What the engine takes for JSON and for UTF-8, so that a handler that hands it anything else is found out in its test.
// A part of Testing.h; include that one.
namespace drover::testing::detail {

/// Length of the well-formed UTF-8 character at `at` (0: none), and in `bad` how many bytes of a broken one belong
/// together.
inline std::size_t characterLength(std::string_view text, std::size_t at, std::size_t& bad) {
    const auto byte = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(at);
    bad = 1;
    if (lead < 0x80) {
        return 1;
    }
    if (lead < 0xC2 || lead > 0xF4) {
        return 0;
    }
    const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    // The second byte's range rules out overlong forms, surrogates and values above U+10FFFF.
    const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    for (std::size_t i = 1; i < length; ++i) {
        if (at + i >= text.size() || byte(at + i) < (i == 1 ? low : 0x80) ||
            byte(at + i) > (i == 1 ? high : 0xBF)) {
            bad = i;
            return 0;
        }
    }
    return length;
}

/// `text` with every broken character replaced by one U+FFFD.
inline std::string repairedUtf8(std::string_view text) {
    std::string out;
    std::size_t bad = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = characterLength(text, at, bad);
        out.append(length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(at, length));
        at += length == 0 ? bad : length;
    }
    return out;
}

inline bool isUtf8(std::string_view text) {
    std::size_t bad = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = characterLength(text, at, bad);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

/// A walk through JSON text (RFC 8259) that checks what it passes. Nesting costs heap, never stack.
class JsonCursor {
public:
    explicit JsonCursor(std::string_view text) : text_(text) {}

    bool take(char c) {
        if (at_ < text_.size() && text_[at_] == c) {
            ++at_;
            return true;
        }
        return false;
    }
    void skipSpace() {
        while (at_ < text_.size() &&
               std::string_view(" \t\n\r").find(text_[at_]) != std::string_view::npos) {
            ++at_;
        }
    }
    [[nodiscard]] bool atEnd() const { return at_ == text_.size(); }

    /// Passes one value of any type and returns it; std::nullopt: there is none.
    std::optional<std::string_view> value() {
        skipSpace();
        const std::size_t begin = at_;
        std::string open;  // Brackets that are not closed yet.
        for (;;) {
            skipSpace();
            bool ended = false;
            if (take('{')) {
                skipSpace();
                ended = take('}');
                if (!ended) {
                    open += '}';
                    if (!name()) {
                        return std::nullopt;
                    }
                }
            } else if (take('[')) {
                skipSpace();
                ended = take(']');
                if (!ended) {
                    open += ']';
                }
            } else {
                ended = scalar();
                if (!ended) {
                    return std::nullopt;
                }
            }
            while (ended) {
                if (open.empty()) {
                    return text_.substr(begin, at_ - begin);
                }
                skipSpace();
                if (take(',')) {
                    ended = false;
                    if (open.back() == '}' && !name()) {
                        return std::nullopt;
                    }
                } else if (take(open.back())) {
                    open.pop_back();
                } else {
                    return std::nullopt;
                }
            }
        }
    }

private:
    /// A member's name and its colon.
    bool name() {
        skipSpace();
        if (!string()) {
            return false;
        }
        skipSpace();
        return take(':');
    }

    bool scalar() {
        for (const std::string_view word : {"true", "false", "null"}) {
            if (text_.substr(at_, word.size()) == word) {
                at_ += word.size();
                return true;
            }
        }
        return string() || number();
    }

    bool string() {
        if (!take('"')) {
            return false;
        }
        while (!take('"')) {
            std::size_t bad = 0;
            if (atEnd() || static_cast<unsigned char>(text_[at_]) < 0x20) {
                return false;
            }
            if (take('\\')) {
                if (!escape()) {
                    return false;
                }
            } else if (const std::size_t length = characterLength(text_, at_, bad); length > 0) {
                at_ += length;
            } else {
                return false;
            }
        }
        return true;
    }

    bool escape() {
        if (atEnd()) {
            return false;
        }
        const char c = text_[at_++];
        if (c != 'u') {
            return std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos;
        }
        for (int i = 0; i < 4; ++i, ++at_) {
            if (atEnd() || std::string_view("0123456789abcdefABCDEF").find(text_[at_]) ==
                               std::string_view::npos) {
                return false;
            }
        }
        return true;
    }

    bool digits() {
        const std::size_t begin = at_;
        while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
            ++at_;
        }
        return at_ > begin;
    }

    bool number() {
        const std::size_t begin = at_;
        take('-');
        if (!take('0') && !digits()) {
            return false;
        }
        if (take('.') && !digits()) {
            return false;
        }
        if (take('e') || take('E')) {
            if (!take('-')) {
                take('+');
            }
            if (!digits()) {
                return false;
            }
        }
        // No two readers agree on a number beyond what a double holds.
        return !std::isinf(
            std::strtod(std::string(text_.substr(begin, at_ - begin)).c_str(), nullptr));
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

/// Whether `text` is one JSON value, with nothing after it.
inline bool isJson(std::string_view text) {
    JsonCursor cursor(text);
    if (!cursor.value()) {
        return false;
    }
    cursor.skipSpace();
    return cursor.atEnd();
}

inline void appendUtf8(std::string& out, std::uint32_t code) {
    const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xC0 | (code >> 6));
        put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        put(0xE0 | (code >> 12));
        put(0x80 | ((code >> 6) & 0x3F));
        put(0x80 | (code & 0x3F));
    } else {
        put(0xF0 | (code >> 18));
        put(0x80 | ((code >> 12) & 0x3F));
        put(0x80 | ((code >> 6) & 0x3F));
        put(0x80 | (code & 0x3F));
    }
}

/// The text of a JSON string; std::nullopt if `json`, a JSON value, is none. Half a surrogate pair becomes U+FFFD.
inline std::optional<std::string> jsonText(std::string_view json) {
    if (json.empty() || json.front() != '"') {
        return std::nullopt;
    }
    json = json.substr(1, json.size() - 2);
    const auto unit = [&json](std::size_t at) {  // Of "\uXXXX" at `at`.
        return static_cast<std::uint32_t>(
            std::strtoul(std::string(json.substr(at + 2, 4)).c_str(), nullptr, 16));
    };
    std::string out;
    for (std::size_t at = 0; at < json.size(); ++at) {
        if (json[at] != '\\') {
            out += json[at];
        } else if (json[at + 1] != 'u') {
            const char c = json[++at];
            const std::size_t known = std::string_view("bfnrt").find(c);
            out += known == std::string_view::npos ? c : "\b\f\n\r\t"[known];
        } else {
            std::uint32_t code = unit(at);
            at += 5;
            const bool paired = code >= 0xD800 && code < 0xDC00 && json.substr(at + 1, 2) == "\\u";
            const std::uint32_t low = paired ? unit(at + 1) : 0;
            if (low >= 0xDC00 && low < 0xE000) {
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                at += 6;
            }
            appendUtf8(out, code >= 0xD800 && code < 0xE000 ? 0xFFFD : code);
        }
    }
    return out;
}

/// The members of an object, the values as they stand in the text; std::nullopt if `text` is no JSON object.
inline std::optional<std::vector<std::pair<std::string, std::string_view>>> jsonMembers(
    std::string_view text) {
    JsonCursor cursor(text);
    cursor.skipSpace();
    if (!isJson(text) || !cursor.take('{')) {
        return std::nullopt;
    }
    std::vector<std::pair<std::string, std::string_view>> members;
    cursor.skipSpace();
    while (!cursor.take('}')) {
        std::string name = *jsonText(*cursor.value());
        cursor.skipSpace();
        cursor.take(':');
        members.emplace_back(std::move(name), *cursor.value());
        cursor.skipSpace();
        cursor.take(',');
    }
    return members;
}

/// The values of an array, as they stand in the text; std::nullopt if `text` is no JSON array.
inline std::optional<std::vector<std::string_view>> jsonElements(std::string_view text) {
    JsonCursor cursor(text);
    cursor.skipSpace();
    if (!isJson(text) || !cursor.take('[')) {
        return std::nullopt;
    }
    std::vector<std::string_view> elements;
    cursor.skipSpace();
    while (!cursor.take(']')) {
        elements.push_back(*cursor.value());
        cursor.skipSpace();
        cursor.take(',');
    }
    return elements;
}

}  // namespace drover::testing::detail
