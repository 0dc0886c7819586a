#include "routes/JsonTemplate.h"

#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <Poco/Exception.h>

namespace drover::api {

namespace {

/// Returns the name of a hole; std::nullopt: an ordinary value.
std::optional<std::string> holeIn(const JsonView& value) {
    const std::string text = value.string().value_or("");
    if (text.size() < 3 || text.front() != '{' || text.back() != '}') {
        return std::nullopt;
    }
    return text.substr(1, text.size() - 2);
}

void appendValue(std::string& out, const ParameterValue& value) {
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        out += std::to_string(*integer);
    } else if (const auto* number = std::get_if<double>(&value)) {
        char digits[32];
        out.append(digits, std::to_chars(digits, digits + sizeof(digits), *number).ptr);
    } else if (const auto* boolean = std::get_if<bool>(&value)) {
        out += *boolean ? "true" : "false";
    } else {
        appendJsonString(out, std::get<std::string>(value));
    }
}

}  // namespace

/// A part of the template: text that never changes, a hole, or brackets around parts of which one has a hole.
struct JsonTemplate::Node {
    enum class Kind { Text, Hole, Object, Array };

    Kind kind = Kind::Text;
    std::string text;    // The name of a hole.
    std::string prefix;  // `"name":` of a member, empty for an element.
    std::vector<Node> parts;

    void render(std::string& out, const Values& values) const {
        if (kind == Kind::Text) {
            out += text;
            return;
        }
        if (kind == Kind::Hole) {
            const auto found = values.find(text);
            found == values.end() ? out.append("null") : (appendValue(out, found->second), out);
            return;
        }
        const bool object = kind == Kind::Object;
        out += object ? '{' : '[';
        const char* separator = "";
        for (const Node& part : parts) {
            if (object && part.kind == Kind::Hole && values.count(part.text) == 0) {
                continue;
            }
            out.append(separator).append(part.prefix);
            part.render(out, values);
            separator = ",";
        }
        out += object ? '}' : ']';
    }
};

JsonTemplate::Node JsonTemplate::nodeOf(const JsonView& value) {
    Node node;
    if (auto name = holeIn(value)) {
        names_.insert(*name);
        node.kind = Node::Kind::Hole;
        node.text = std::move(*name);
        return node;
    }
    if (!value.isObject() && !value.isArray()) {
        node.text = value.text();
        return node;
    }
    node.kind = value.isObject() ? Node::Kind::Object : Node::Kind::Array;
    std::set<std::string> seen;
    for (const auto& [name, member] : value.members()) {
        if (!seen.insert(name).second) {
            throw Poco::SyntaxException("member " + name + " stands in the object twice");
        }
        node.parts.push_back(nodeOf(member));
        node.parts.back().prefix = jsonString(name) + ":";
    }
    for (const JsonView& element : value.elements()) {
        node.parts.push_back(nodeOf(element));
    }
    for (const Node& part : node.parts) {
        if (part.kind != Node::Kind::Text) {
            return node;
        }
    }
    Node constant;
    node.render(constant.text, {});
    return constant;
}

JsonTemplate::JsonTemplate(std::string_view text) {
    try {
        root_ = std::make_unique<const Node>(nodeOf(JsonView::parse(text)));
    } catch (const JsonException& error) {
        throw Poco::SyntaxException(error.what());
    }
}

JsonTemplate::~JsonTemplate() = default;
JsonTemplate::JsonTemplate(JsonTemplate&&) noexcept = default;
JsonTemplate& JsonTemplate::operator=(JsonTemplate&&) noexcept = default;

std::string JsonTemplate::render(const Values& values) const {
    std::string out;
    root_->render(out, values);
    return out;
}

}  // namespace drover::api
