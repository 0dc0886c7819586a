#include "http/Target.h"

#include "drover/Json.h"
#include "drover/Routes.h"

namespace drover::api {

namespace {

int hexValue(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string decode(std::string_view text, bool plusIsBlank) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            const int high = i + 2 < text.size() ? hexValue(text[i + 1]) : -1;
            const int low = high >= 0 ? hexValue(text[i + 2]) : -1;
            if (low < 0) {
                throw HttpError(
                    400,
                    "The request target has a % that is not followed by two hexadecimal digits");
            }
            decoded += static_cast<char>(high * 16 + low);
            i += 2;
        } else {
            decoded += plusIsBlank && text[i] == '+' ? ' ' : text[i];
        }
    }
    // NUL ends a text early in C interfaces behind the front (docs/pitfalls.md#p10).
    if (decoded.find('\0') != std::string::npos) {
        throw HttpError(400, "The request target has an encoded NUL character (%00)");
    }
    if (!isUtf8(decoded)) {
        throw HttpError(400, "The request target is not UTF-8");
    }
    return decoded;
}

std::string decodeSegment(std::string_view text) {
    std::string segment = decode(text, false);
    if (segment == "." || segment == "..") {
        throw HttpError(400, "The path has a dot segment");
    }
    if (text.find('\\') != std::string_view::npos) {
        throw HttpError(400, "The path has a backslash; as a part of a name it is written %5C");
    }
    return segment;
}

/// Calls `visit` for each part between separators.
template <typename Visit>
void split(std::string_view text, char separator, Visit visit) {
    for (;;) {
        const auto end = text.find(separator);
        visit(text.substr(0, end));
        if (end == std::string_view::npos) {
            return;
        }
        text.remove_prefix(end + 1);
    }
}

}  // namespace

Target Target::parse(std::string_view text) {
    // RFC 9112, 3.2.2: a server must accept the absolute form.
    if (text.rfind("http://", 0) == 0 || text.rfind("https://", 0) == 0) {
        const auto path = text.find_first_of("/?", text.find("//") + 2);
        text = path == std::string_view::npos || text[path] == '?' ? std::string_view("/")
                                                                   : text.substr(path);
    }
    if (text.empty() || text.front() != '/') {
        throw HttpError(400, "The request target is not a path");
    }
    Target target;
    const auto question = text.find('?');
    const std::string_view path = text.substr(0, question);
    target.path = path;
    if (path.size() > 1) {
        split(path.substr(1), '/', [&target](std::string_view part) {
            target.segments.push_back(decodeSegment(part));
        });
    }
    // A slash at the end changes nothing, as in Express.
    if (!target.segments.empty() && target.segments.back().empty()) {
        target.segments.pop_back();
    }
    for (const std::string& segment : target.segments) {
        if (segment.empty()) {
            throw HttpError(400, "The path has an empty segment");
        }
    }
    if (question != std::string_view::npos && question + 1 < text.size()) {
        split(text.substr(question + 1), '&', [&target](std::string_view pair) {
            if (pair.empty()) {
                return;
            }
            const auto equals = pair.find('=');
            target.query.emplace_back(decode(pair.substr(0, equals), true),
                                      equals == std::string_view::npos
                                          ? std::string()
                                          : decode(pair.substr(equals + 1), true));
        });
    }
    return target;
}

}  // namespace drover::api
