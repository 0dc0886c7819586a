#include "app/ConfigFiles.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include <Poco/Ascii.h>
#include <Poco/String.h>

#include "core/JsonText.h"
#include "drover/Exceptions.h"

namespace drover {

namespace {

/// Characters with the number of their line.
class Reader {
public:
    explicit Reader(const std::string& text) : text_(text) {}

    [[nodiscard]] bool atEnd() const { return at_ >= text_.size(); }
    [[nodiscard]] char peek() const { return text_[at_]; }
    [[nodiscard]] int line() const { return line_; }
    char next() {
        const char c = text_[at_++];
        // "\r\n" is one end of line.
        if (c == '\n' || (c == '\r' && (atEnd() || peek() != '\n'))) {
            ++line_;
        }
        return c;
    }

private:
    const std::string& text_;
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

std::string readValue(Reader& reader) {
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
            case '\r':
                if (!reader.atEnd() && reader.peek() == '\n') {
                    reader.next();
                }
                break;
            case '\n':
                break;
            default:
                value += c;
        }
    }
    return value;
}

std::string place(const std::string& name, int line) {
    return name + ":" + std::to_string(line);
}

/// Reports what no text file of ours may hold; returns whether the text can be parsed.
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

bool isVariableName(const std::string& name) {
    if (name.empty() || (!Poco::Ascii::isAlpha(name[0]) && name[0] != '_')) {
        return false;
    }
    for (const char c : name) {
        if (!Poco::Ascii::isAlphaNumeric(c) && c != '_') {
            return false;
        }
    }
    return true;
}

/// The value of one line of a .env file; `problem` is set if it is malformed.
std::string parseEnvValue(const std::string& text, std::string& problem) {
    const char quote = text.empty() ? '\0' : text[0];
    if (quote != '"' && quote != '\'') {
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] == '#' && (i == 0 || Poco::Ascii::isSpace(text[i - 1]))) {
                return Poco::trim(text.substr(0, i));
            }
        }
        return Poco::trim(text);
    }
    std::string value;
    std::size_t i = 1;
    for (; i < text.size() && text[i] != quote; ++i) {
        if (quote == '"' && text[i] == '\\' && i + 1 < text.size()) {
            ++i;
            static const std::map<char, char> kEscapes = {
                {'n', '\n'}, {'t', '\t'}, {'r', '\r'}, {'"', '"'}, {'\\', '\\'}, {'$', '$'}};
            const auto escape = kEscapes.find(text[i]);
            if (escape == kEscapes.end()) {
                value += '\\';
                value += text[i];
            } else {
                value += escape->second;
            }
        } else {
            value += text[i];
        }
    }
    if (i >= text.size()) {
        problem = std::string("the closing ") + quote + " is missing";
        return value;
    }
    const std::string rest = Poco::trim(text.substr(i + 1));
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
        const std::string value = Poco::trim(readValue(reader));
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
    int number = 0;
    std::size_t from = 0;
    while (from < body.size()) {
        const std::size_t end = std::min(body.find('\n', from), body.size());
        std::string line = Poco::trim(body.substr(from, end - from));
        from = end + 1;
        const std::string where = place(name, ++number);
        if (line.empty() || line[0] == '#') {
            continue;
        }
        if (line.compare(0, 7, "export ") == 0) {
            line = Poco::trim(line.substr(7));
        }
        const std::size_t equals = line.find('=');
        const std::string key = Poco::trim(line.substr(0, equals));
        // The line is not quoted back: it may be a secret.
        if (equals == std::string::npos || !isVariableName(key)) {
            contents.problems.push_back(where + ": a line is NAME=value");
            continue;
        }
        std::string problem;
        const std::string value = parseEnvValue(Poco::trim(line.substr(equals + 1)), problem);
        if (!problem.empty()) {
            contents.problems.push_back(where + ": " + key + ": " + problem);
            continue;
        }
        contents.entries.push_back({key, value, where});
    }
    return contents;
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
