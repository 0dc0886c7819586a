#include "JsonTemplate.h"

#include <cstdint>
#include <optional>
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <Poco/Exception.h>

namespace drover::api {

namespace {

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;

/// The name of a hole; std::nullopt: an ordinary value.
std::optional<std::string> holeIn(const rapidjson::Value& value) {
    if (!value.IsString()) {
        return std::nullopt;
    }
    const std::string_view text(value.GetString(), value.GetStringLength());
    if (text.size() < 3 || text.front() != '{' || text.back() != '}') {
        return std::nullopt;
    }
    return std::string(text.substr(1, text.size() - 2));
}

void collect(const rapidjson::Value& value, std::set<std::string>& names) {
    if (value.IsObject()) {
        std::set<std::string_view> seen;
        for (const auto& member : value.GetObject()) {
            const std::string_view name(member.name.GetString(), member.name.GetStringLength());
            if (!seen.insert(name).second) {
                throw Poco::SyntaxException("member " + std::string(name) +
                                            " stands in the object twice");
            }
            collect(member.value, names);
        }
    } else if (value.IsArray()) {
        for (const auto& element : value.GetArray()) {
            collect(element, names);
        }
    } else if (const auto name = holeIn(value)) {
        names.insert(*name);
    }
}

void writeValue(JsonWriter& json, const ParameterValue& value) {
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        json.Int64(*integer);
    } else if (const auto* number = std::get_if<double>(&value)) {
        json.Double(*number);
    } else if (const auto* boolean = std::get_if<bool>(&value)) {
        json.Bool(*boolean);
    } else {
        const auto& text = std::get<std::string>(value);
        json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
    }
}

void write(JsonWriter& json, const rapidjson::Value& value, const Values& values) {
    if (value.IsObject()) {
        json.StartObject();
        for (const auto& member : value.GetObject()) {
            const auto name = holeIn(member.value);
            if (name && values.count(*name) == 0) {
                continue;
            }
            json.Key(member.name.GetString(), member.name.GetStringLength());
            write(json, member.value, values);
        }
        json.EndObject();
    } else if (value.IsArray()) {
        json.StartArray();
        for (const auto& element : value.GetArray()) {
            write(json, element, values);
        }
        json.EndArray();
    } else if (const auto name = holeIn(value)) {
        const auto found = values.find(*name);
        if (found == values.end()) {
            json.Null();
        } else {
            writeValue(json, found->second);
        }
    } else {
        value.Accept(json);
    }
}

}  // namespace

struct JsonTemplate::Tree {
    rapidjson::Document document;
};

JsonTemplate::JsonTemplate(std::string_view text) {
    auto tree = std::make_unique<Tree>();
    rapidjson::Document& document = tree->document;
    document.Parse<rapidjson::kParseValidateEncodingFlag | rapidjson::kParseFullPrecisionFlag>(
        text.data(), text.size());
    if (document.HasParseError()) {
        throw Poco::SyntaxException(
            std::string(rapidjson::GetParseError_En(document.GetParseError())) + " (at byte " +
            std::to_string(document.GetErrorOffset()) + ")");
    }
    collect(document, names_);
    tree_ = std::move(tree);
}

JsonTemplate::~JsonTemplate() = default;
JsonTemplate::JsonTemplate(JsonTemplate&&) noexcept = default;
JsonTemplate& JsonTemplate::operator=(JsonTemplate&&) noexcept = default;

std::string JsonTemplate::render(const Values& values) const {
    rapidjson::StringBuffer buffer;
    JsonWriter json(buffer);
    write(json, tree_->document, values);
    return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace drover::api
