#pragma once

#include <cstdint>

#include "drover/PluginAbi.h"

/// Keys of a ServiceDescriptor. `flags`: DROVER_CONFIG_REQUIRED and its neighbours; a default of nullptr: none. The texts must
/// outlive the key.
namespace drover {

[[nodiscard]] inline drover_config_key textKey(const char* name,
                                               const char* defaultValue,
                                               const char* description,
                                               std::uint32_t flags = 0) {
    drover_config_key key{};
    key.struct_size = sizeof(key);
    key.type = DROVER_CONFIG_STRING;
    key.flags = flags;
    key.name = name;
    key.default_value = defaultValue;
    key.description = description;
    return key;
}

/// `defaultValue`: "true" or "false".
[[nodiscard]] inline drover_config_key flagKey(const char* name,
                                               const char* defaultValue,
                                               const char* description,
                                               std::uint32_t flags = 0) {
    drover_config_key key = textKey(name, defaultValue, description, flags);
    key.type = DROVER_CONFIG_BOOL;
    return key;
}

/// A whole number in [least, most].
[[nodiscard]] inline drover_config_key numberKey(const char* name,
                                                 const char* defaultValue,
                                                 std::int64_t least,
                                                 std::int64_t most,
                                                 const char* description,
                                                 std::uint32_t flags = 0) {
    drover_config_key key = textKey(name, defaultValue, description, flags);
    key.type = DROVER_CONFIG_INT;
    key.minimum = least;
    key.maximum = most;
    return key;
}

}  // namespace drover
