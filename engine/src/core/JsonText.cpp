#include "core/JsonText.h"

#include <cstddef>
#include <limits>

namespace drover {

namespace {

std::optional<JsonView> anyDepth(std::string_view text) {
    return JsonView::tryParse(text, std::numeric_limits<std::size_t>::max());
}

}  // namespace

bool isJsonArray(std::string_view text) {
    const auto value = anyDepth(text);
    return value && value->isArray();
}

std::optional<std::vector<JsonMember>> splitJsonObject(std::string_view text) {
    const auto value = anyDepth(text);
    if (!value || !value->isObject()) {
        return std::nullopt;
    }
    std::vector<JsonMember> members;
    for (auto& [name, member] : value->members()) {
        members.emplace_back(std::move(name), member.text());
    }
    return members;
}

std::optional<std::vector<std::string_view>> splitJsonArray(std::string_view text) {
    const auto value = anyDepth(text);
    if (!value || !value->isArray()) {
        return std::nullopt;
    }
    std::vector<std::string_view> elements;
    for (const JsonView& element : value->elements()) {
        elements.push_back(element.text());
    }
    return elements;
}

std::optional<std::string> parseJsonString(std::string_view text) {
    const auto value = anyDepth(text);
    return value ? value->string() : std::nullopt;
}

}  // namespace drover
