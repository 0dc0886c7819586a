#include "plugin/abi/ConfigKeys.h"

#include <utility>

#include "core/JsonText.h"
#include "drover/Exceptions.h"

namespace drover {

namespace {

/// "an integer in [1, 65535]".
std::string wanted(const drover_config_key& key) {
    std::string text;
    switch (key.type) {
        case DROVER_CONFIG_INT:
            text = "an integer";
            break;
        case DROVER_CONFIG_DOUBLE:
            text = "a number";
            break;
        case DROVER_CONFIG_BOOL:
            return "'true' or 'false'";
        default:
            return "text in UTF-8";
    }
    if (abi::hasRange(key)) {
        text += " in [" + std::to_string(key.minimum) + ", " + std::to_string(key.maximum) + "]";
    }
    return text;
}

}  // namespace

std::string fullKey(std::string_view plugin, const drover_config_key& key) {
    if ((key.flags & DROVER_CONFIG_SHARED) != 0) {
        return key.name;
    }
    return std::string(plugin) + "." + key.name;
}

std::optional<std::string> configComplaint(const drover_config_key& key, std::string_view value) {
    if (abi::fits(key, value)) {
        return std::nullopt;
    }
    const std::string shown = (key.flags & DROVER_CONFIG_SECRET) != 0
                                  ? std::string("its value")
                                  : "'" + repairedUtf8(value) + "'";
    return shown + " is not " + wanted(key);
}

std::vector<std::optional<std::string>> checkedConfig(
    std::string_view plugin,
    std::span<const drover_config_key* const> keys,
    const ConfigLookup& lookup) {
    std::vector<std::optional<std::string>> values;
    values.reserve(keys.size());
    for (const drover_config_key* key : keys) {
        const std::string full = fullKey(plugin, *key);
        std::optional<std::string> value = lookup(full);
        if (!value && key->default_value != nullptr) {
            value = key->default_value;
        }
        if (value) {
            if (const auto complaint = configComplaint(*key, *value)) {
                throw ConfigException(full + ": " + *complaint);
            }
        } else if ((key->flags & DROVER_CONFIG_REQUIRED) != 0) {
            throw ConfigException(full + " is required by the plugin " + std::string(plugin) +
                                  ": set it to " + wanted(*key));
        }
        values.push_back(std::move(value));
    }
    return values;
}

}  // namespace drover
