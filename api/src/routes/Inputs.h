#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drover/Routes.h"

namespace drover::api {

using Values = std::map<std::string, ParameterValue>;

/// The message of Nest's ParseIntPipe, which clients of the reservation routes compare.
inline constexpr const char* kNotAnId = "Validation failed (numeric string is expected)";

/// Returns true for an Integer without a greatest value.
[[nodiscard]] bool isId(const Parameter& parameter);

/// Reads one parameter of a path or query. Integers are canonical decimals, `0|-?[1-9][0-9]*`, within the parameter's range:
/// no plus, no leading zero, no exponent, no digit of another script; without a declared minimum they are not negative.
/// Throws HttpError 400, naming parameter, value and what would be right; for an id with the message kNotAnId.
[[nodiscard]] ParameterValue readText(const Parameter& parameter, const std::string& text);

/// Reads the members of a JSON body: an object whose members are exactly `parameters` (of kind Body), each once. An
/// optional one may be null, which counts as not given.
/// Adds to `values`; returns the mistakes, empty without any. Text that is not a JSON object is one of them.
[[nodiscard]] std::vector<std::string> readBody(const std::vector<const Parameter*>& parameters,
                                                std::string_view body,
                                                Values& values);

/// Returns the mistake in a body that may be any JSON; empty without one.
[[nodiscard]] std::vector<std::string> readAnyJson(std::string_view body);

/// Returns true if `text` is a date and time of ISO 8601 with a zone: 2026-01-31T09:30:00Z, 2026-01-31T09:30:00.123+09:00.
[[nodiscard]] bool isDateTime(std::string_view text);

}  // namespace drover::api
