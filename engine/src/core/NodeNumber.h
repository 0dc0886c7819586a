#pragma once

#include <cstdint>
#include <string_view>

/// Values of other clients, read as JavaScript reads them. Options from environment variables are text, as are some from forms
/// and configuration files: BullMQ's worker compares and calculates with the stored value, so the engine does the same.
namespace drover {

/// Number(JSON.parse(json)): NaN for text that is not a number, for objects, and for arrays of several elements. `json` is one
/// valid JSON value.
[[nodiscard]] double nodeNumber(std::string_view json);

/// Number(text): blanks around it, 0x, 0o, 0b and Infinity are understood, "" is 0.
[[nodiscard]] double nodeNumberOfText(std::string_view text);

/// parseInt(text, 10): the integer that the text begins with, so 2 for "2.7" and 1 for "1e308". 0 where JavaScript has NaN.
/// Saturates.
[[nodiscard]] std::int64_t nodeLeadingInteger(std::string_view text);

/// Boolean(JSON.parse(json)): false for false, null, 0 and "".
[[nodiscard]] bool nodeTruth(std::string_view json);

/// The whole part, towards zero; 0 for NaN. Saturates.
[[nodiscard]] std::int64_t wholePart(double number);

/// The next whole number upwards; 0 for NaN. Saturates.
[[nodiscard]] std::int64_t roundedUp(double number);

}  // namespace drover
