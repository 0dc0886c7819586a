#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <string>
#include <string_view>
#include <utility>

#include "drover/Json.h"

namespace drover {

/// Writes one JSON value, member by member.
///
/// Commas are placed by the writer. Text that is not UTF-8 is repaired, so that the result is JSON whatever the input was.
/// The caller follows the grammar: a key() before each member's value, an end for each begin.
/// Threads: one at a time.
class JsonWriter {
public:
    JsonWriter& beginObject() { return open('{'); }
    JsonWriter& endObject() { return close('}'); }
    JsonWriter& beginArray() { return open('['); }
    JsonWriter& endArray() { return close(']'); }
    JsonWriter& key(std::string_view name) {
        text(name);
        out_ += ':';
        return *this;
    }
    JsonWriter& text(std::string_view value) {
        separate();
        appendJsonString(out_, value);
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
    template <std::integral Integer>
    JsonWriter& number(Integer value) {
        return raw(std::to_string(value));
    }
    /// Writes the shortest text that reads back as `value`; null for what JSON has no number for.
    JsonWriter& number(double value) {
        if (!std::isfinite(value)) {
            return null();
        }
        char digits[32];
        const auto end = std::to_chars(std::begin(digits), std::end(digits), value);
        return raw({digits, static_cast<std::size_t>(end.ptr - digits)});
    }
    JsonWriter& boolean(bool value) { return raw(value ? "true" : "false"); }
    JsonWriter& null() { return raw("null"); }
    /// Writes a value that is JSON already.
    JsonWriter& raw(std::string_view json) {
        separate();
        out_ += json;
        return *this;
    }

    /// Returns what was written so far.
    [[nodiscard]] const std::string& str() const& { return out_; }
    [[nodiscard]] std::string str() && { return std::move(out_); }

private:
    JsonWriter& open(char bracket) {
        separate();
        out_ += bracket;
        return *this;
    }
    JsonWriter& close(char bracket) {
        out_ += bracket;
        return *this;
    }
    /// No value ends in one of these, so the last byte shows whether a value stands before the next one.
    void separate() {
        if (!out_.empty() && out_.back() != '{' && out_.back() != '[' && out_.back() != ':') {
            out_ += ',';
        }
    }

    std::string out_;
};

}  // namespace drover
