#pragma once

#include <cstdint>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <string>
#include <string_view>

#include "core/JsonText.h"

namespace drover {

/// Writes one JSON value. Text that is not UTF-8 is repaired, so that what comes out is JSON whatever went in.
class JsonText {
public:
    JsonText() : writer_(buffer_) {}

    JsonText& beginObject() { return writer_.StartObject(), *this; }
    JsonText& endObject() { return writer_.EndObject(), *this; }
    JsonText& beginArray() { return writer_.StartArray(), *this; }
    JsonText& endArray() { return writer_.EndArray(), *this; }
    JsonText& key(std::string_view name) { return text(name); }
    JsonText& text(std::string_view value) {
        const std::string clean = repairedUtf8(value);
        writer_.String(clean.data(), static_cast<rapidjson::SizeType>(clean.size()));
        return *this;
    }
    JsonText& number(std::int64_t value) { return writer_.Int64(value), *this; }
    JsonText& boolean(bool value) { return writer_.Bool(value), *this; }
    /// `json` is JSON already.
    JsonText& raw(std::string_view json) {
        writer_.RawValue(json.data(), json.size(), rapidjson::kObjectType);
        return *this;
    }

    [[nodiscard]] std::string str() const { return {buffer_.GetString(), buffer_.GetSize()}; }

private:
    rapidjson::StringBuffer buffer_;
    rapidjson::Writer<rapidjson::StringBuffer> writer_;
};

}  // namespace drover
