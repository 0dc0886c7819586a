#include "routes/Idempotency.h"

#include <algorithm>
#include <string_view>
#include <variant>
#include <vector>

#include "http/Digest.h"

namespace drover::api {

namespace {

constexpr std::size_t kLongest = 255;

bool isVisible(char c) {
    return c > 0x20 && c < 0x7F;
}

[[noreturn]] void refuse() {
    throw HttpError(400,
                    "The header Idempotency-Key must be one text in quotes, or 1 to 255 visible "
                    "ASCII characters without quotes, commas and semicolons");
}

/// Returns the text of the header: a string of RFC 8941, or a word.
std::string keyOf(std::string_view header) {
    std::string key;
    if (header.size() >= 2 && header.front() == '"' && header.back() == '"') {
        header = header.substr(1, header.size() - 2);
        for (std::size_t i = 0; i < header.size(); ++i) {
            const bool escape = header[i] == '\\';
            i += escape ? 1 : 0;
            const bool mayBeEscaped = i < header.size() && (header[i] == '\\' || header[i] == '"');
            if (i == header.size() || escape != mayBeEscaped ||
                (header[i] != ' ' && !isVisible(header[i]))) {
                refuse();
            }
            key += header[i];
        }
    } else {
        if (!std::all_of(header.begin(), header.end(), isVisible) ||
            header.find_first_of("\",;") != std::string_view::npos) {
            refuse();
        }
        key = header;
    }
    if (key.empty() || key.size() > kLongest) {
        refuse();
    }
    return key;
}

std::string textOf(const ParameterValue& value) {
    struct {
        std::string operator()(std::int64_t number) const { return std::to_string(number); }
        std::string operator()(double number) const { return std::to_string(number); }
        std::string operator()(bool flag) const { return flag ? "true" : "false"; }
        std::string operator()(const std::string& text) const { return text; }
    } text;
    return std::visit(text, value);
}

}  // namespace

std::optional<AddOnce> addOnceOf(const Request& request,
                                 const std::string& route,
                                 std::chrono::milliseconds ttl) {
    const auto header = request.headers.find(kIdempotencyKey);
    if (header == request.headers.end()) {
        return std::nullopt;
    }
    const std::string key = keyOf(header->second);
    std::vector<std::string> values;
    for (const auto& [name, value] : request.values) {
        values.push_back(name);
        values.push_back(textOf(value));
    }
    std::vector<std::string_view> content = {request.path, request.body};
    content.insert(content.end(), values.begin(), values.end());
    AddOnce once;
    once.key = digestOf({request.token ? request.token->name : "", route, key});
    once.fingerprint = digestOf(content);
    once.ttl = ttl;
    return once;
}

void markRepeated(Response& response) {
    response.headers.emplace_back("Idempotent-Replayed", "true");
}

void describeIdempotency(Route& route) {
    route.headers.emplace_back(kIdempotencyKey);
    route.responses.push_back({422,
                               "The Idempotency-Key was sent with another request before",
                               R"({"$ref":"#/components/schemas/Error"})"});
}

}  // namespace drover::api
