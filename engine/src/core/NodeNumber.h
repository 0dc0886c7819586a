#pragma once

#include <cstdint>
#include <string_view>

#include "drover/NodeNumber.h"

/// Reads further values of other clients as JavaScript does, beside drover/NodeNumber.h.
namespace drover {

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
