#include "config/ConfigFiles.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

#include <Poco/Ascii.h>
#include <Poco/String.h>

#include "core/JsonText.h"
#include "drover/Exceptions.h"

namespace drover {

namespace {

/// Characters with the number of their line.
class Reader {
public:
    explicit Reader(const std::string& text) : text_(&text) {}

    [[nodiscard]] bool atEnd() const { return at_ >= text_->size(); }
    [[nodiscard]] char peek() const { return (*text_)[at_]; }
    [[nodiscard]] int line() const { return line_; }
    char next() {
        const char c = (*text_)[at_++];
        // "\r\n" is one end of line.
        if (c == '\n' || (c == '\r' && (atEnd() || peek() != '\n'))) {
            ++line_;
        }
        return c;
    }

private:
    const std::string* text_;
    std::size_t at_ = 0;
    int line_ = 1;
};

bool endsLine(char c) {
    return c == '\n' || c == '\r';
}

void skipLine(Reader& reader) {
    while (!reader.atEnd() && !endsLine(reader.peek())) {
        reader.next();
    }
}

bool isBlank(char c) {
    return c == ' ' || c == '\t' || c == '\f';
}

void skipBlanks(Reader& reader) {
    while (!reader.atEnd() && isBlank(reader.peek())) {
        reader.next();
    }
}

/// Returns the value of the four digits of \uXXXX; -1 if there are none.
int readUnit(Reader& reader) {
    int unit = 0;
    for (int i = 0; i < 4; ++i) {
        if (reader.atEnd() || !Poco::Ascii::isHexDigit(reader.peek())) {
            return -1;
        }
        const char c = reader.next();
        unit = unit * 16 + (Poco::Ascii::isDigit(c) ? c - '0' : Poco::Ascii::toLower(c) - 'a' + 10);
    }
    return unit;
}

void appendUtf8(std::string& text, std::uint32_t code) {
    const auto add = [&text](std::uint32_t byte) { text += static_cast<char>(byte); };
    if (code < 0x80) {
        add(code);
    } else if (code < 0x800) {
        add(0xC0 | (code >> 6));
        add(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        add(0xE0 | (code >> 12));
        add(0x80 | ((code >> 6) & 0x3F));
        add(0x80 | (code & 0x3F));
    } else {
        add(0xF0 | (code >> 18));
        add(0x80 | ((code >> 12) & 0x3F));
        add(0x80 | ((code >> 6) & 0x3F));
        add(0x80 | (code & 0x3F));
    }
}

/// Parses the part after "\u"; returns the problem, if there is one. A character beyond U+FFFF is two of them, as in Java.
std::string readUnicode(Reader& reader, std::string& value) {
    const int first = readUnit(reader);
    if (first < 0) {
        return "\\u is followed by four hexadecimal digits";
    }
    auto code = static_cast<std::uint32_t>(first);
    if (code >= 0xD800 && code < 0xDC00) {
        int second = -1;
        if (!reader.atEnd() && reader.peek() == '\\') {
            reader.next();
            if (!reader.atEnd() && reader.peek() == 'u') {
                reader.next();
                second = readUnit(reader);
            }
        }
        if (second < 0xDC00 || second >= 0xE000) {
            return "a half of a surrogate pair stands alone";
        }
        code = 0x10000 + ((code - 0xD800) << 10) + (static_cast<std::uint32_t>(second) - 0xDC00);
    } else if ((code >= 0xDC00 && code < 0xE000) || code == 0) {
        return "\\u0000 and a half of a surrogate pair are no text";
    }
    appendUtf8(value, code);
    return "";
}

std::string readValue(Reader& reader, std::string& problem) {
    std::string value;
    while (!reader.atEnd()) {
        char c = reader.next();
        if (endsLine(c)) {
            break;
        }
        if (c != '\\') {
            value += c;
            continue;
        }
        if (reader.atEnd()) {
            break;
        }
        c = reader.next();
        switch (c) {
            case 't':
                value += '\t';
                break;
            case 'r':
                value += '\r';
                break;
            case 'n':
                value += '\n';
                break;
            case 'f':
                value += '\f';
                break;
            case 'u':
                if (const std::string wrong = readUnicode(reader, value); !wrong.empty()) {
                    problem = wrong;
                }
                break;
            case '\r':
                if (!reader.atEnd() && reader.peek() == '\n') {
                    reader.next();
                }
                skipBlanks(reader);
                break;
            case '\n':
                skipBlanks(reader);
                break;
            default:
                value += c;
        }
    }
    return value;
}

/// Returns the name of an invisible or blank character at either end of a text, which was pasted by mistake most likely.
/// Empty if there is none.
std::string invisibleEnd(const std::string& text) {
    static const std::pair<const char*, const char*> kInvisible[] = {
        {"\xC2\x85", "U+0085 (next line)"},
        {"\xC2\xA0", "U+00A0 (no-break space)"},
        {"\xC2\xAD", "U+00AD (soft hyphen)"},
        {"\xE2\x80\x8B", "U+200B (zero width space)"},
        {"\xE2\x80\x8C", "U+200C (zero width non-joiner)"},
        {"\xE2\x80\x8D", "U+200D (zero width joiner)"},
        {"\xE2\x80\x8E", "U+200E (left-to-right mark)"},
        {"\xE2\x80\x8F", "U+200F (right-to-left mark)"},
        {"\xE2\x80\xA8", "U+2028 (line separator)"},
        {"\xE2\x80\xA9", "U+2029 (paragraph separator)"},
        {"\xE2\x80\xAF", "U+202F (narrow no-break space)"},
        {"\xE2\x81\xA0", "U+2060 (word joiner)"},
        {"\xE3\x80\x80", "U+3000 (ideographic space)"},
        {"\xEF\xBB\xBF", "U+FEFF (byte order mark)"}};
    for (const auto& [bytes, name] : kInvisible) {
        const std::string_view one(bytes);
        if (text.compare(0, one.size(), one) == 0 ||
            (text.size() >= one.size() &&
             text.compare(text.size() - one.size(), one.size(), one) == 0)) {
            return name;
        }
    }
    return "";
}

std::string place(const std::string& name, int line) {
    return name + ":" + std::to_string(line);
}

/// Reports bytes that a configuration file must not have. Returns true if the text can be parsed.
bool checkText(const std::string& text,
               const std::string& name,
               std::vector<std::string>& problems) {
    if (text.find('\0') != std::string::npos || !isUtf8(text)) {
        problems.push_back(name + ": is not text in UTF-8");
        return false;
    }
    return true;
}

std::string withoutByteOrderMark(const std::string& text) {
    return text.compare(0, 3, "\xEF\xBB\xBF") == 0 ? text.substr(3) : text;
}

/// Returns true for a name as dotenv has it: with dots and dashes, which a shell does not accept.
bool isVariableName(const std::string& name) {
    if (name.empty() || (!Poco::Ascii::isAlpha(name[0]) && name[0] != '_')) {
        return false;
    }
    for (const char c : name) {
        if (!Poco::Ascii::isAlphaNumeric(c) && c != '_' && c != '.' && c != '-') {
            return false;
        }
    }
    return true;
}

/// Reads the value that begins here, of one line or, in quotes, of several, to the end of the line. Sets `problem` if it is
/// malformed.
std::string readEnvValue(Reader& reader, std::string& problem) {
    skipBlanks(reader);
    const char quote = reader.atEnd() ? '\0' : reader.peek();
    const auto restOfLine = [&reader] {
        std::string rest;
        while (!reader.atEnd() && !endsLine(reader.peek())) {
            rest += reader.next();
        }
        return rest;
    };
    if (quote != '"' && quote != '\'' && quote != '`') {
        const std::string text = restOfLine();
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] == '#' && (i == 0 || Poco::Ascii::isSpace(text[i - 1]))) {
                return Poco::trim(text.substr(0, i));
            }
        }
        return Poco::trim(text);
    }
    const Reader begin = reader;
    reader.next();
    std::string value;
    while (!reader.atEnd() && reader.peek() != quote) {
        char c = reader.next();
        if (c == '\r' && !reader.atEnd() && reader.peek() == '\n') {
            c = reader.next();
        }
        if (quote == '"' && c == '\\' && !reader.atEnd()) {
            c = reader.next();
            static const std::map<char, char> kEscapes = {
                {'n', '\n'}, {'t', '\t'}, {'r', '\r'}, {'"', '"'}, {'\\', '\\'}, {'$', '$'}};
            const auto escape = kEscapes.find(c);
            if (escape == kEscapes.end()) {
                value += '\\';
                value += c;
            } else {
                value += escape->second;
            }
        } else {
            value += c;
        }
    }
    if (reader.atEnd()) {
        problem = std::string("the closing ") + quote + " is missing";
        // The lines after this one are read as ever, so that their mistakes are reported as well.
        reader = begin;
        (void)restOfLine();
        return value;
    }
    reader.next();
    const std::string rest = Poco::trim(restOfLine());
    if (!rest.empty() && rest[0] != '#') {
        problem = "something follows the closing quote";
    }
    return value;
}

}  // namespace

FileContents parseProperties(const std::string& text, const std::string& name) {
    FileContents contents;
    if (!checkText(text, name, contents.problems)) {
        return contents;
    }
    const std::string body = withoutByteOrderMark(text);
    Reader reader(body);
    std::map<std::string, std::string> seen;
    while (true) {
        while (!reader.atEnd() && Poco::Ascii::isSpace(reader.peek())) {
            reader.next();
        }
        if (reader.atEnd()) {
            return contents;
        }
        if (reader.peek() == '#' || reader.peek() == '!') {
            skipLine(reader);
            continue;
        }
        const std::string where = place(name, reader.line());
        std::string key;
        while (!reader.atEnd() && reader.peek() != '=' && reader.peek() != ':' &&
               !endsLine(reader.peek())) {
            key += reader.next();
        }
        Poco::trimInPlace(key);
        if (reader.atEnd() || endsLine(reader.peek())) {
            // Only the first word is shown: the rest may be a secret whose '=' was forgotten.
            const std::string word = key.substr(0, key.find_first_of(" \t"));
            contents.problems.push_back(where + ": \"" + word +
                                        "\" has no '='; a line is key = value");
            continue;
        }
        reader.next();
        std::string problem;
        const std::string value = Poco::trim(readValue(reader, problem));
        for (const std::string& end : {invisibleEnd(key), invisibleEnd(value)}) {
            if (!end.empty()) {
                problem = "begins or ends with the invisible character " + end + "; take it out";
            }
        }
        if (!problem.empty()) {
            contents.problems.push_back(where + ": " + key + ": " + problem);
            continue;
        }
        if (key.empty()) {
            contents.problems.push_back(where + ": no key before the '='");
            continue;
        }
        const auto [first, fresh] = seen.emplace(key, where);
        if (!fresh) {
            contents.problems.push_back(where + ": " + key + " is given already in " +
                                        first->second);
            continue;
        }
        contents.entries.push_back({key, value, where});
    }
}

FileContents parseEnvFile(const std::string& text, const std::string& name) {
    FileContents contents;
    if (!checkText(text, name, contents.problems)) {
        return contents;
    }
    const std::string body = withoutByteOrderMark(text);
    Reader reader(body);
    while (true) {
        while (!reader.atEnd() && Poco::Ascii::isSpace(reader.peek())) {
            reader.next();
        }
        if (reader.atEnd()) {
            return contents;
        }
        if (reader.peek() == '#') {
            skipLine(reader);
            continue;
        }
        const std::string where = place(name, reader.line());
        std::string key;
        while (!reader.atEnd() && reader.peek() != '=' && !endsLine(reader.peek())) {
            key += reader.next();
        }
        Poco::trimInPlace(key);
        if (key.compare(0, 7, "export ") == 0) {
            key = Poco::trim(key.substr(7));
        }
        // The line is not quoted back: it may be a secret.
        if (reader.atEnd() || reader.peek() != '=' || !isVariableName(key)) {
            skipLine(reader);
            contents.problems.push_back(where +
                                        ": a line is NAME=value; NAME= gives an empty value, and "
                                        "without a line the environment's own counts");
            continue;
        }
        reader.next();
        std::string problem;
        const std::string value = readEnvValue(reader, problem);
        if (const std::string end = invisibleEnd(value); !end.empty()) {
            problem = "begins or ends with the invisible character " + end + "; take it out";
        }
        if (!problem.empty()) {
            contents.problems.push_back(where + ": " + key + ": " + problem);
            continue;
        }
        contents.entries.push_back({key, value, where});
    }
}

std::string readWholeFile(const std::string& path) {
    // A folder opens as a stream and reads as empty: it would pass for a file without keys.
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) {
        throw ConfigException(path + ": is a folder, not a file");
    }
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        throw ConfigException(path + ": " + std::strerror(errno));
    }
    try {
        return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    } catch (const std::ios_base::failure& error) {
        throw ConfigException(path + ": " + error.code().message());
    }
}

}  // namespace drover
