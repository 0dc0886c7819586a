#pragma once

#include <cstdint>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <string>
#include <string_view>

#include "core/JsonText.h"

namespace drover {

/// Writes one JSON value. Text that is not UTF-8 is repaired, so that what comes out is JSON whatever went in.
class JsonWriter {
public:
    JsonWriter() : writer_(buffer_) {}

    JsonWriter& beginObject() { return writer_.StartObject(), *this; }
    JsonWriter& endObject() { return writer_.EndObject(), *this; }
    JsonWriter& beginArray() { return writer_.StartArray(), *this; }
    JsonWriter& endArray() { return writer_.EndArray(), *this; }
    JsonWriter& key(std::string_view name) { return text(name); }
    JsonWriter& text(std::string_view value) {
        const std::string clean = repairedUtf8(value);
        writer_.String(clean.data(), static_cast<rapidjson::SizeType>(clean.size()));
        return *this;
    }
    /// Writes an array of texts.
    template <typename Texts>
    JsonWriter& texts(const Texts& values) {
        beginArray();
        for (const auto& value : values) {
            text(value);
        }
        return endArray();
    }
    JsonWriter& number(std::int64_t value) { return writer_.Int64(value), *this; }
    JsonWriter& boolean(bool value) { return writer_.Bool(value), *this; }
    /// `json` is JSON already.
    JsonWriter& raw(std::string_view json) {
        writer_.RawValue(json.data(), json.size(), rapidjson::kObjectType);
        return *this;
    }

    [[nodiscard]] std::string str() const { return {buffer_.GetString(), buffer_.GetSize()}; }

private:
    rapidjson::StringBuffer buffer_;
    rapidjson::Writer<rapidjson::StringBuffer> writer_;
};

}  // namespace drover
