#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover {

/// Whether `text` is one JSON value (RFC 8259), any type, with nothing after it.
///
/// Bytes are checked as strict UTF-8, and a NUL byte is never JSON. Half a surrogate pair written as an escape
/// ("\ud83d") is accepted, since JSON.stringify writes it for a string cut in two. Numbers beyond what a double holds
/// (1e400) are refused: no two readers agree on them. Nesting costs heap, never stack.
[[nodiscard]] bool isJson(std::string_view text);

/// As isJson(), for a value that must be an object, or an array.
[[nodiscard]] bool isJsonObject(std::string_view text);
[[nodiscard]] bool isJsonArray(std::string_view text);

/// Whether `text` is well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
[[nodiscard]] bool isUtf8(std::string_view text);

/// `text` with every broken character replaced by one U+FFFD: for text that must not be lost because of a stray byte.
[[nodiscard]] std::string repairedUtf8(std::string_view text);

/// Appends `text` as a JSON string with its quotes, escaped as JSON.stringify does: a slash and everything above U+001F
/// stay as they are. Bytes that are not UTF-8 become U+FFFD, as a Node client would read them.
void appendJsonString(std::string& out, std::string_view text);
/// The same, as a string of its own.
[[nodiscard]] std::string jsonString(std::string_view text);

/// One member of an object: its name without quotes and escapes, and its value's bytes as they stand in the text.
using JsonMember = std::pair<std::string, std::string_view>;

/// Takes an object apart without looking into its values; they are views into `text`. Order and duplicates are kept.
/// std::nullopt if `text` is no JSON object.
[[nodiscard]] std::optional<std::vector<JsonMember>> splitJsonObject(std::string_view text);

/// The values of an array, as they stand in the text. std::nullopt if `text` is no JSON array.
[[nodiscard]] std::optional<std::vector<std::string_view>> splitJsonArray(std::string_view text);

/// The text of a JSON string value, unescaped; std::nullopt if `text` is no JSON string.
[[nodiscard]] std::optional<std::string> parseJsonString(std::string_view text);

}  // namespace drover
