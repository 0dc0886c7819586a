#include "core/JsonText.h"

#include <cstddef>
#include <rapidjson/error/error.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

namespace drover {

namespace {

constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;

using Handler = rapidjson::BaseReaderHandler<>;

/// Keeps the last string that it saw: of a text that is one string, that string.
struct StringKeeper : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, StringKeeper> {
    bool Default() { return false; }
    bool String(const char* text, rapidjson::SizeType length, bool /*copy*/) {
        value.assign(text, length);
        return true;
    }
    std::string value;
};

template <typename H>
rapidjson::ParseResult parse(std::string_view text, H& handler) {
    rapidjson::MemoryStream stream(text.data(), text.size());
    rapidjson::Reader reader;
    return reader.Parse<kFlags>(stream, handler);
}

/// RapidJSON refuses an escaped half of a surrogate pair, JavaScript writes it. Puts U+FFFD in the place of every
/// escaped surrogate: the grammar of the text stays what it was.
std::string withoutSurrogates(std::string_view text) {
    std::string copy(text);
    for (std::size_t i = 0; i + 1 < copy.size(); ++i) {
        if (copy[i] != '\\') {
            continue;
        }
        const bool surrogate =
            copy[i + 1] == 'u' && i + 5 < copy.size() &&
            (copy[i + 2] == 'd' || copy[i + 2] == 'D') &&
            std::string_view("89abcdefABCDEF").find(copy[i + 3]) != std::string_view::npos;
        if (surrogate) {
            copy.replace(i + 2, 2, "ff");
        }
        ++i;  // the escaped character is no backslash of its own
    }
    return copy;
}

template <typename H>
bool parses(std::string_view text, H& handler) {
    // RapidJSON takes a NUL for the end of the text and would not see what follows.
    if (text.find('\0') != std::string_view::npos) {
        return false;
    }
    const rapidjson::ParseResult result = parse(text, handler);
    if (!result && result.Code() == rapidjson::kParseErrorStringUnicodeSurrogateInvalid) {
        return !parse(withoutSurrogates(text), handler).IsError();
    }
    return !result.IsError();
}

bool isSpace(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// Walks a text that isJson() has accepted, so it needs no checks of its own.
class Cursor {
public:
    explicit Cursor(std::string_view text) : text_(text) {}

    void skipSpace() {
        while (at_ < text_.size() && isSpace(text_[at_])) {
            ++at_;
        }
    }
    [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    void skip() { ++at_; }

    /// The value at the cursor; leaves the cursor behind it.
    std::string_view value() {
        const std::size_t begin = at_;
        if (peek() == '"') {
            skipString();
        } else if (peek() == '{' || peek() == '[') {
            skipNested();
        } else {
            while (at_ < text_.size() && !isSpace(peek()) && peek() != ',' && peek() != '}' &&
                   peek() != ']') {
                ++at_;
            }
        }
        return text_.substr(begin, at_ - begin);
    }

private:
    void skipString() {
        ++at_;
        while (at_ < text_.size() && text_[at_] != '"') {
            at_ += text_[at_] == '\\' ? 2 : 1;
        }
        ++at_;
    }

    void skipNested() {
        std::size_t depth = 0;
        do {
            const char c = peek();
            if (c == '"') {
                skipString();
                continue;
            }
            if (c == '{' || c == '[') {
                ++depth;
            } else if (c == '}' || c == ']') {
                --depth;
            }
            ++at_;
        } while (depth > 0);
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

/// The text of a string that isJson() has accepted.
std::string unquoted(std::string_view string) {
    // Names hardly ever have escapes, so most need no parser.
    if (string.find('\\') == std::string_view::npos) {
        return std::string(string.substr(1, string.size() - 2));
    }
    return parseJsonString(string).value_or(std::string());
}

char firstOf(std::string_view text) {
    const std::size_t at = text.find_first_not_of(" \t\n\r");
    return at == std::string_view::npos ? '\0' : text[at];
}

/// Length of the well-formed UTF-8 character at `at` (0: none), and in `bad` how many bytes of a broken one belong
/// together (Unicode's "maximal subpart", what browsers and Node replace by one U+FFFD).
std::size_t characterLength(std::string_view text, std::size_t at, std::size_t& bad) {
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
    // The second byte's range is what rules out overlong forms, surrogates and values above U+10FFFF.
    const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    for (std::size_t i = 1; i < length; ++i) {
        const bool second = i == 1;
        if (at + i >= text.size() || byte(at + i) < (second ? low : 0x80) ||
            byte(at + i) > (second ? high : 0xBF)) {
            bad = i;
            return 0;
        }
    }
    return length;
}

}  // namespace

bool isJson(std::string_view text) {
    Handler ignore;
    return parses(text, ignore);
}

bool isJsonObject(std::string_view text) {
    return firstOf(text) == '{' && isJson(text);
}

bool isJsonArray(std::string_view text) {
    return firstOf(text) == '[' && isJson(text);
}

bool isUtf8(std::string_view text) {
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

std::string repairedUtf8(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    std::size_t bad = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = characterLength(text, at, bad);
        if (length == 0) {
            out.append("\xEF\xBF\xBD");
            at += bad;
        } else {
            out.append(text, at, length);
            at += length;
        }
    }
    return out;
}

void appendJsonString(std::string& out, std::string_view text) {
    static constexpr char kHex[] = "0123456789abcdef";
    out.reserve(out.size() + text.size() + 2);
    out += '"';
    for (std::size_t at = 0; at < text.size();) {
        const char c = text[at];
        const char* named = nullptr;
        switch (c) {
            case '"':
                named = "\\\"";
                break;
            case '\\':
                named = "\\\\";
                break;
            case '\b':
                named = "\\b";
                break;
            case '\f':
                named = "\\f";
                break;
            case '\n':
                named = "\\n";
                break;
            case '\r':
                named = "\\r";
                break;
            case '\t':
                named = "\\t";
                break;
            default:
                break;
        }
        if (named != nullptr) {
            out += named;
            ++at;
            continue;
        }
        if (static_cast<unsigned char>(c) < 0x20) {
            out += "\\u00";
            out += kHex[c >> 4];
            out += kHex[c & 0xF];
            ++at;
            continue;
        }
        std::size_t bad = 0;
        const std::size_t length = characterLength(text, at, bad);
        if (length == 0) {
            out += "\xEF\xBF\xBD";
            at += bad;
        } else {
            out.append(text, at, length);
            at += length;
        }
    }
    out += '"';
}

std::string jsonString(std::string_view text) {
    std::string out;
    appendJsonString(out, text);
    return out;
}

std::optional<std::vector<JsonMember>> splitJsonObject(std::string_view text) {
    if (!isJsonObject(text)) {
        return std::nullopt;
    }
    std::vector<JsonMember> members;
    Cursor cursor(text);
    cursor.skipSpace();
    cursor.skip();  // {
    cursor.skipSpace();
    while (cursor.peek() != '}') {
        const std::string_view name = cursor.value();
        cursor.skipSpace();
        cursor.skip();  // :
        cursor.skipSpace();
        const std::string_view value = cursor.value();
        members.emplace_back(unquoted(name), value);
        cursor.skipSpace();
        if (cursor.peek() == ',') {
            cursor.skip();
            cursor.skipSpace();
        }
    }
    return members;
}

std::optional<std::vector<std::string_view>> splitJsonArray(std::string_view text) {
    if (!isJsonArray(text)) {
        return std::nullopt;
    }
    std::vector<std::string_view> values;
    Cursor cursor(text);
    cursor.skipSpace();
    cursor.skip();  // [
    cursor.skipSpace();
    while (cursor.peek() != ']') {
        values.push_back(cursor.value());
        cursor.skipSpace();
        if (cursor.peek() == ',') {
            cursor.skip();
            cursor.skipSpace();
        }
    }
    return values;
}

std::optional<std::string> parseJsonString(std::string_view text) {
    StringKeeper keeper;
    if (!parses(text, keeper)) {
        return std::nullopt;
    }
    return keeper.value;
}

}  // namespace drover
