#pragma once

#include <string>

#include "config/Configuration.h"

namespace drover {

/// Return the text that `drover config show` prints: every key in force with its origin, secrets as ***.
/// Text: one line "key = value   (origin)" each. Json: {"<key>": {"value": string, "origin": string}}.
[[nodiscard]] std::string showText(const Configuration& config);
[[nodiscard]] std::string showJson(const Configuration& config);

/// Returns the reference of every key as a .properties file, all lines commented out: conf/drover.properties is this text.
[[nodiscard]] std::string referenceText(const ConfigSchema& schema);

}  // namespace drover
