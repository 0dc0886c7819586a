#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

/// JSON (RFC 8259) as the engine reads and writes it, for handlers as well. The only JSON reader of the project.
///
///     const auto data = drover::JsonView::parse(job.data());  // throws JsonException, whose text becomes the reason
///     const std::optional<std::int64_t> order = data["orderId"].integer();
///     if (!order) {
///         return drover::unrecoverable("orderId is not an integer");
///     }
///
/// No text harms the process (docs/pitfalls.md#j1, docs/pitfalls.md#j2): nesting costs a bit of heap per level and no
/// stack. The whole length is checked (a NUL byte ends nothing). Numbers stay the text that they are until their
/// value is read.
/// Threads: everything here may be called from any thread.
namespace drover {

/// A text that is not JSON, or nested too deep. what(): "<reason> (at byte <position>)".
class JsonException : public std::runtime_error {
public:
    JsonException(const std::string& reason, std::size_t position)
        : std::runtime_error(reason + " (at byte " + std::to_string(position) + ")"),
          position_(position) {}

    /// Offset of the first byte that does not fit.
    [[nodiscard]] std::size_t position() const noexcept { return position_; }

private:
    std::size_t position_;
};

namespace detail {

/// Returns the length of the well-formed UTF-8 character at `at`; 0: it is broken, and `bad` is how many of its bytes
/// belong together (Unicode's "maximal subpart", which browsers and Node replace by one U+FFFD).
inline std::size_t utf8Length(std::string_view text, std::size_t at, std::size_t& bad) {
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

inline bool isJsonSpace(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

inline bool isJsonDigit(char c) {
    return c >= '0' && c <= '9';
}

/// Returns the exponent of a number as written, 0 without one. Beyond 2^62 it stays there: no text has so many digits.
inline std::int64_t jsonExponent(std::string_view number) {
    constexpr std::int64_t kFar = std::int64_t{1} << 62;
    const std::size_t letter = number.find_first_of("eE");
    if (letter == std::string_view::npos) {
        return 0;
    }
    std::string_view digits = number.substr(letter + 1);
    digits.remove_prefix(digits.front() == '+' ? 1 : 0);
    std::int64_t exponent = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), exponent).ec != std::errc()) {
        exponent = digits.front() == '-' ? -kFar : kFar;
    }
    return std::clamp(exponent, -kFar, kFar);
}

/// The brackets that are open, a bit for each.
class JsonNesting {
public:
    [[nodiscard]] std::size_t depth() const { return depth_; }
    [[nodiscard]] bool inObject() const { return (word_ & 1U) != 0; }
    void push(bool object) {
        if (depth_ != 0 && depth_ % 64 == 0) {
            full_.push_back(word_);
        }
        word_ = (word_ << 1) | (object ? 1U : 0U);
        ++depth_;
    }
    void pop() {
        word_ >>= 1;
        if (--depth_ != 0 && depth_ % 64 == 0) {
            word_ = full_.back();
            full_.pop_back();
        }
    }

private:
    std::size_t depth_ = 0;
    std::uint64_t word_ = 0;  // The innermost bracket in the lowest bit.
    std::vector<std::uint64_t> full_;
};

/// Checks a text from its first byte to its last.
class JsonScanner {
public:
    JsonScanner(std::string_view text, std::size_t maxDepth) : text_(text), maxDepth_(maxDepth) {}

    /// Returns true if the text is one JSON value with nothing but blanks around it.
    bool scan() {
        if (!value()) {
            return false;
        }
        skipSpace();
        return at_ == text_.size() || fail("nothing may follow the value");
    }

    /// Why scan() returned false, and where.
    [[nodiscard]] std::string reason() const {
        if (at_ == text_.size()) {
            return "the text ends too early";
        }
        return reason_ + (tooDeep_ ? std::to_string(maxDepth_) + " levels" : std::string());
    }
    [[nodiscard]] std::size_t position() const { return at_; }

private:
    bool fail(const char* reason) {
        reason_ = reason;
        return false;
    }

    bool pass(char c) {
        if (at_ < text_.size() && text_[at_] == c) {
            ++at_;
            return true;
        }
        return false;
    }

    void skipSpace() {
        while (at_ < text_.size() && isJsonSpace(text_[at_])) {
            ++at_;
        }
    }

    /// A value with everything inside it.
    bool value() {
        JsonNesting open;
        for (;;) {
            skipSpace();
            const bool object = at_ < text_.size() && text_[at_] == '{';
            bool complete = true;
            if (object || (at_ < text_.size() && text_[at_] == '[')) {
                if (open.depth() == maxDepth_) {
                    tooDeep_ = true;
                    return fail("nested deeper than ");
                }
                ++at_;
                open.push(object);
                skipSpace();
                complete = pass(object ? '}' : ']');
                if (complete) {
                    open.pop();
                } else if (object && !name()) {
                    return false;
                }
            } else if (!scalar()) {
                return false;
            }
            while (complete) {
                if (open.depth() == 0) {
                    return true;
                }
                skipSpace();
                if (pass(',')) {
                    complete = false;
                    if (open.inObject() && !name()) {
                        return false;
                    }
                } else if (pass(open.inObject() ? '}' : ']')) {
                    open.pop();
                } else {
                    return fail(open.inObject() ? "',' or '}' expected" : "',' or ']' expected");
                }
            }
        }
    }

    /// A member's name and its colon.
    bool name() {
        skipSpace();
        if (at_ == text_.size() || text_[at_] != '"') {
            return fail("a member's name in double quotes expected");
        }
        if (!string()) {
            return false;
        }
        skipSpace();
        return pass(':') || fail("':' expected after a member's name");
    }

    bool scalar() {
        if (at_ == text_.size()) {
            return fail("a value expected");
        }
        switch (text_[at_]) {
            case '"':
                return string();
            case 't':
                return word("true");
            case 'f':
                return word("false");
            case 'n':
                return word("null");
            default:
                return number();
        }
    }

    bool word(std::string_view expected) {
        for (const char c : expected) {
            if (!pass(c)) {
                return fail("a value expected; the only words are true, false and null");
            }
        }
        return true;
    }

    /// Passes bytes that stand for themselves in a string, eight at once.
    void skipPlain() {
        constexpr std::uint64_t kOnes = 0x0101010101010101U;
        constexpr std::uint64_t kHighs = 0x8080808080808080U;
        const auto zeros = [](std::uint64_t bytes) { return (bytes - kOnes) & ~bytes & kHighs; };
        while (text_.size() - at_ >= sizeof(std::uint64_t)) {
            std::uint64_t bytes = 0;
            std::memcpy(&bytes, text_.data() + at_, sizeof(bytes));
            const std::uint64_t controls = (bytes - kOnes * 0x20) & ~bytes & kHighs;
            if ((zeros(bytes ^ (kOnes * '"')) | zeros(bytes ^ (kOnes * '\\')) | controls |
                 (bytes & kHighs)) != 0) {
                return;
            }
            at_ += sizeof(bytes);
        }
    }

    bool string() {
        ++at_;
        for (;;) {
            skipPlain();
            if (at_ == text_.size()) {
                return fail("'\"' expected at the end of a string");
            }
            const char c = text_[at_];
            if (c == '"') {
                ++at_;
                return true;
            }
            if (static_cast<unsigned char>(c) < 0x20) {
                return fail("a control character in a string must be escaped");
            }
            if (c == '\\') {
                ++at_;
                if (!escape()) {
                    return false;
                }
                continue;
            }
            std::size_t bad = 0;
            const std::size_t length = utf8Length(text_, at_, bad);
            if (length == 0) {
                return fail("this byte is not UTF-8");
            }
            at_ += length;
        }
    }

    bool escape() {
        if (at_ == text_.size()) {
            return fail("an escape is cut short");
        }
        if (text_[at_] != 'u') {
            if (std::string_view("\"\\/bfnrt").find(text_[at_]) == std::string_view::npos) {
                return fail("unknown escape");
            }
            ++at_;
            return true;
        }
        ++at_;
        for (int i = 0; i < 4; ++i, ++at_) {
            if (at_ == text_.size() ||
                std::string_view("0123456789abcdefABCDEF").find(text_[at_]) ==
                    std::string_view::npos) {
                return fail("four hexadecimal digits expected");
            }
        }
        return true;
    }

    bool digits() {
        const std::size_t begin = at_;
        while (at_ < text_.size() && isJsonDigit(text_[at_])) {
            ++at_;
        }
        return at_ > begin || fail("a digit expected");
    }

    bool number() {
        const bool negative = pass('-');
        if (!negative && !isJsonDigit(text_[at_])) {
            return fail("a value expected");
        }
        if (!pass('0') && !digits()) {
            return false;
        }
        if (pass('.') && !digits()) {
            return false;
        }
        if (pass('e') || pass('E')) {
            if (!pass('-')) {
                pass('+');
            }
            return digits();
        }
        return true;
    }

    std::string_view text_;
    std::size_t maxDepth_;
    std::size_t at_ = 0;
    const char* reason_ = "";
    bool tooDeep_ = false;
};

}  // namespace detail

/// Returns true if `text` is well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
[[nodiscard]] inline bool isUtf8(std::string_view text) {
    std::size_t bad = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = detail::utf8Length(text, at, bad);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

/// Returns `text` with every broken character replaced by one U+FFFD: for text that must not be lost because of a stray byte.
[[nodiscard]] inline std::string repairedUtf8(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    std::size_t bad = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = detail::utf8Length(text, at, bad);
        out.append(length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(at, length));
        at += length == 0 ? bad : length;
    }
    return out;
}

/// Appends `text` as a JSON string with its quotes, escaped as JSON.stringify does: a slash and everything above U+001F
/// stay as they are. Bytes that are not UTF-8 become U+FFFD, as a Node client would read them.
inline void appendJsonString(std::string& out, std::string_view text) {
    constexpr std::string_view kNamed = "\"\\\b\f\n\r\t";
    constexpr std::string_view kNames = "\"\\bfnrt";
    constexpr std::string_view kHex = "0123456789abcdef";
    out.reserve(out.size() + text.size() + 2);
    out += '"';
    for (std::size_t at = 0; at < text.size();) {
        const char c = text[at];
        const std::size_t named = kNamed.find(c);
        if (named != std::string_view::npos) {
            out += '\\';
            out += kNames[named];
            ++at;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            out += "\\u00";
            out += kHex[static_cast<unsigned char>(c) >> 4];
            out += kHex[static_cast<unsigned char>(c) & 0xF];
            ++at;
        } else {
            std::size_t bad = 0;
            const std::size_t length = detail::utf8Length(text, at, bad);
            out.append(length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(at, length));
            at += length == 0 ? bad : length;
        }
    }
    out += '"';
}

/// Returns `text` as a JSON string, as appendJsonString().
[[nodiscard]] inline std::string jsonString(std::string_view text) {
    std::string out;
    appendJsonString(out, text);
    return out;
}

/// Returns true if `text` is one JSON value of any type, nested to any depth, with nothing after it.
///
/// The grammar alone decides, as in JSON.parse: half a surrogate pair written as an escape ("\ud83d") is accepted, since
/// JSON.stringify writes it for a string cut in two, and so is 1e400, which JSON.parse reads as Infinity. Passing
/// such a text on unchanged changes nothing.
[[nodiscard]] inline bool isJson(std::string_view text) {
    return detail::JsonScanner(text, std::numeric_limits<std::size_t>::max()).scan();
}

/// The value of a JSON number: the double next to it. Beyond the range of a double it is infinite, below it 0, as in
/// JSON.parse.
[[nodiscard]] inline double jsonNumber(std::string_view number) {
    double value = 0;
    const auto read = std::from_chars(number.data(), number.data() + number.size(), value);
    if (read.ec != std::errc::result_out_of_range) {
        return value;
    }
    // Too large or too small: the power of ten of the first digit that counts decides.
    const bool negative = number.front() == '-';
    const std::string_view mantissa = number.substr(0, number.find_first_of("eE"));
    const std::size_t first = mantissa.find_first_of("123456789");
    const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
    if (first == std::string_view::npos) {
        return negative ? -0.0 : 0.0;
    }
    const std::int64_t magnitude =
        detail::jsonExponent(number) +
        (static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first));
    const double limit = magnitude > 0 ? std::numeric_limits<double>::infinity() : 0.0;
    return negative ? -limit : limit;
}

/// Returns the value of a JSON number that is whole and fits, exactly: 3, 3.0, 30e-1, -0. std::nullopt: a fraction, or
/// outside of [-2^63, 2^63).
[[nodiscard]] inline std::optional<std::int64_t> jsonInteger(std::string_view number) {
    const bool negative = number.front() == '-';
    number.remove_prefix(negative ? 1 : 0);
    const std::string_view mantissa = number.substr(0, number.find_first_of("eE"));
    if (mantissa.find_first_of("123456789") == std::string_view::npos) {
        return 0;
    }
    const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
    // How many digits stand before the point once the exponent has moved it.
    const std::int64_t whole = static_cast<std::int64_t>(point) + detail::jsonExponent(number);
    std::uint64_t value = 0;
    const std::uint64_t limit = (std::uint64_t{1} << 63) - (negative ? 0 : 1);
    const auto append = [&value, limit](std::uint64_t digit) {
        if (value > (limit - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
        return true;
    };
    std::int64_t passed = 0;
    for (const char c : mantissa) {
        if (c == '.') {
            continue;
        }
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (passed++ < whole ? !append(digit) : digit != 0) {
            return std::nullopt;
        }
    }
    for (; passed < whole; ++passed) {
        if (!append(0)) {
            return std::nullopt;
        }
    }
    return negative ? static_cast<std::int64_t>(~value + 1) : static_cast<std::int64_t>(value);
}

/// One JSON value inside a text that was checked: a view, which must not outlive the text. Cheap to copy.
///
/// Nothing is converted before it is read, so texts that are only passed on retain their bytes. An accessor of
/// another type than the value's returns nothing (std::nullopt, no members) and never throws.
class JsonView {
public:
    enum class Type { Null, Boolean, Number, String, Array, Object };

    /// Nesting that parse() accepts by default: code that walks a tree recursively then stays on its stack.
    static constexpr std::size_t kMaxDepth = 512;

    /// Checks the whole text. Throws JsonException with reason and place if it is not one JSON value, or nested deeper.
    [[nodiscard]] static JsonView parse(std::string_view text, std::size_t maxDepth = kMaxDepth) {
        detail::JsonScanner scanner(text, maxDepth);
        if (!scanner.scan()) {
            throw JsonException(scanner.reason(), scanner.position());
        }
        return JsonView(trimmed(text));
    }

    /// As parse(), for a text whose mistake does not matter: std::nullopt in place of an exception.
    [[nodiscard]] static std::optional<JsonView> tryParse(std::string_view text,
                                                          std::size_t maxDepth = kMaxDepth) {
        return detail::JsonScanner(text, maxDepth).scan() ? std::optional(JsonView(trimmed(text)))
                                                          : std::nullopt;
    }

    /// The value null.
    JsonView() = default;

    [[nodiscard]] Type type() const {
        switch (text_.front()) {
            case 'n':
                return Type::Null;
            case 't':
            case 'f':
                return Type::Boolean;
            case '"':
                return Type::String;
            case '[':
                return Type::Array;
            case '{':
                return Type::Object;
            default:
                return Type::Number;
        }
    }
    [[nodiscard]] bool isNull() const { return type() == Type::Null; }
    [[nodiscard]] bool isNumber() const { return type() == Type::Number; }
    [[nodiscard]] bool isString() const { return type() == Type::String; }
    [[nodiscard]] bool isArray() const { return type() == Type::Array; }
    [[nodiscard]] bool isObject() const { return type() == Type::Object; }

    /// The bytes of the value as they stand in the text, without blanks around them.
    [[nodiscard]] std::string_view text() const { return text_; }

    [[nodiscard]] std::optional<bool> boolean() const {
        return type() == Type::Boolean ? std::optional(text_.front() == 't') : std::nullopt;
    }
    /// As jsonInteger(): exact, or nothing.
    [[nodiscard]] std::optional<std::int64_t> integer() const {
        return isNumber() ? jsonInteger(text_) : std::nullopt;
    }
    /// As jsonNumber(): rounded to a double, infinite where it is too large.
    [[nodiscard]] std::optional<double> number() const {
        return isNumber() ? std::optional(jsonNumber(text_)) : std::nullopt;
    }
    /// The text of a string. Half a surrogate pair, which UTF-8 cannot hold, becomes U+FFFD.
    [[nodiscard]] std::optional<std::string> string() const {
        bool whole = true;
        return isString() ? std::optional(unescaped(text_, whole)) : std::nullopt;
    }
    /// Returns true for a string with half a surrogate pair in it, as JavaScript makes of an emoji cut in two.
    [[nodiscard]] bool hasHalfSurrogate() const {
        bool whole = true;
        if (isString()) {
            unescaped(text_, whole);
        }
        return !whole;
    }

    /// The members of an object in their order, duplicates included.
    [[nodiscard]] std::vector<std::pair<std::string, JsonView>> members() const {
        std::vector<std::pair<std::string, JsonView>> all;
        eachMember([&all](std::string_view name, std::string_view value) {
            bool whole = true;
            all.emplace_back(unescaped(name, whole), JsonView(value));
        });
        return all;
    }
    /// The member of that name, of several the last one, as in JSON.parse.
    [[nodiscard]] std::optional<JsonView> member(std::string_view wanted) const {
        std::optional<JsonView> found;
        eachMember([&](std::string_view name, std::string_view value) {
            const bool plain = name.find('\\') == std::string_view::npos;
            bool whole = true;
            if (plain ? name.substr(1, name.size() - 2) == wanted
                      : unescaped(name, whole) == wanted) {
                found = JsonView(value);
            }
        });
        return found;
    }
    /// As member(), with null in place of a missing member.
    [[nodiscard]] JsonView operator[](std::string_view wanted) const {
        return member(wanted).value_or(JsonView());
    }
    /// The elements of an array.
    [[nodiscard]] std::vector<JsonView> elements() const {
        std::vector<JsonView> all;
        if (!isArray()) {
            return all;
        }
        std::size_t at = 1;
        for (skipSpace(at); text_[at] != ']'; skipSpace(at)) {
            all.push_back(JsonView(valueAt(at)));
            skipSpace(at);
            at += text_[at] == ',' ? 1 : 0;
        }
        return all;
    }

private:
    explicit JsonView(std::string_view checked) : text_(checked) {}

    static std::string_view trimmed(std::string_view text) {
        const std::size_t begin = text.find_first_not_of(" \t\n\r");
        return text.substr(begin, text.find_last_not_of(" \t\n\r") + 1 - begin);
    }

    void skipSpace(std::size_t& at) const {
        while (detail::isJsonSpace(text_[at])) {
            ++at;
        }
    }

    template <typename Visit>
    void eachMember(Visit visit) const {
        if (!isObject()) {
            return;
        }
        std::size_t at = 1;
        for (skipSpace(at); text_[at] != '}'; skipSpace(at)) {
            const std::string_view name = valueAt(at);
            skipSpace(at);
            ++at;  // The colon.
            skipSpace(at);
            visit(name, valueAt(at));
            skipSpace(at);
            at += text_[at] == ',' ? 1 : 0;
        }
    }

    /// The value at `at`, which is left behind it. The text has been checked already.
    [[nodiscard]] std::string_view valueAt(std::size_t& at) const {
        const std::size_t begin = at;
        std::size_t depth = 0;
        do {
            switch (text_[at]) {
                case '"':
                    for (++at; text_[at] != '"'; ++at) {
                        at += text_[at] == '\\' ? 1 : 0;
                    }
                    ++at;
                    break;
                case '{':
                case '[':
                    ++depth;
                    ++at;
                    break;
                case '}':
                case ']':
                    --depth;
                    ++at;
                    break;
                default:
                    // A number or a word; inside of brackets also what separates values.
                    ++at;
                    if (depth == 0) {
                        at = std::min(text_.find_first_of(",]} \t\n\r", at), text_.size());
                    }
            }
        } while (depth > 0);
        return text_.substr(begin, at - begin);
    }

    static std::string unescaped(std::string_view string, bool& whole) {
        string = string.substr(1, string.size() - 2);
        std::size_t escape = string.find('\\');
        std::string out(string.substr(0, escape));
        const auto unit = [string](std::size_t at) {
            std::uint32_t code = 0;
            std::from_chars(string.data() + at + 2, string.data() + at + 6, code, 16);
            return code;
        };
        while (escape != std::string_view::npos) {
            std::size_t next = escape + 2;
            const char c = string[escape + 1];
            if (c == 'u') {
                std::uint32_t code = unit(escape);
                next = escape + 6;
                if (code >= 0xD800 && code < 0xDC00 && string.substr(next, 2) == "\\u") {
                    const std::uint32_t low = unit(next);
                    if (low >= 0xDC00 && low < 0xE000) {
                        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                        next += 6;
                    }
                }
                if (code >= 0xD800 && code < 0xE000) {
                    code = 0xFFFD;
                    whole = false;
                }
                detail::appendUtf8(out, code);
            } else {
                const std::size_t named = std::string_view("bfnrt").find(c);
                out += named == std::string_view::npos ? c : "\b\f\n\r\t"[named];
            }
            escape = string.find('\\', next);
            out += string.substr(next, escape == std::string_view::npos ? escape : escape - next);
        }
        return out;
    }

    std::string_view text_ = "null";
};

}  // namespace drover
