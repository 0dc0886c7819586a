#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "drover/ConfigKey.h"
#include "drover/PluginAbi.h"

namespace drover {

using abi::ConfigValues;

/// Returns the configured value of a full key ("echo.sleepMs", "database.url"); std::nullopt: none.
using ConfigLookup = std::function<std::optional<std::string>(const std::string& fullKey)>;

/// The key as it stands in a file: `<plugin>.<name>`, or the name alone for a shared key.
[[nodiscard]] std::string fullKey(std::string_view plugin, const drover_config_key& key);

/// Checks `value` against the key's type and range. Returns the mistake with the expectation ("'x' is not an integer
/// in [1, 65535]"), without the value if the key is secret; std::nullopt: the value is right.
[[nodiscard]] std::optional<std::string> configComplaint(const drover_config_key& key,
                                                         std::string_view value);

/// The checked values in the order of the keys; std::nullopt where there is neither a value nor a default.
/// Throws ConfigException with the full key, the value (unless secret) and the expectation.
[[nodiscard]] std::vector<std::optional<std::string>> checkedConfig(
    std::string_view plugin,
    std::span<const drover_config_key* const> keys,
    const ConfigLookup& lookup);

}  // namespace drover
