#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drover/Json.h"

namespace drover {

/// Returns true for a text that isJson() accepts and whose value is an array.
[[nodiscard]] bool isJsonArray(std::string_view text);

/// One member of an object: its name without quotes and escapes, and its value's bytes as they stand in the text.
using JsonMember = std::pair<std::string, std::string_view>;

/// Splits an object without looking into its values; they are views into `text`. Order and duplicates are preserved.
/// Nesting has no limit here, since nothing descends into it. std::nullopt if `text` is not a JSON object.
[[nodiscard]] std::optional<std::vector<JsonMember>> splitJsonObject(std::string_view text);

/// The values of an array, as they stand in the text. std::nullopt if `text` is not a JSON array.
[[nodiscard]] std::optional<std::vector<std::string_view>> splitJsonArray(std::string_view text);

/// The text of a JSON string value, unescaped; std::nullopt if `text` is not a JSON string.
[[nodiscard]] std::optional<std::string> parseJsonString(std::string_view text);

}  // namespace drover
