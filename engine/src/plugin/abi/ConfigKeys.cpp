#include "plugin/abi/ConfigKeys.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <system_error>
#include <utility>

#include "core/JsonText.h"
#include "drover/Exceptions.h"

namespace drover {

namespace {

template <typename Number>
std::optional<Number> parsed(std::string_view text) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return number;
}

bool hasRange(const drover_config_key& key) {
    return key.minimum != 0 || key.maximum != 0;
}

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
    if (hasRange(key)) {
        text += " in [" + std::to_string(key.minimum) + ", " + std::to_string(key.maximum) + "]";
    }
    return text;
}

bool fits(const drover_config_key& key, std::string_view value) {
    switch (key.type) {
        case DROVER_CONFIG_INT: {
            const auto number = parsed<std::int64_t>(value);
            return number && (!hasRange(key) || (*number >= key.minimum && *number <= key.maximum));
        }
        case DROVER_CONFIG_DOUBLE: {
            const auto number = parsed<double>(value);
            return number && std::isfinite(*number) &&
                   (!hasRange(key) || (*number >= static_cast<double>(key.minimum) &&
                                       *number <= static_cast<double>(key.maximum)));
        }
        case DROVER_CONFIG_BOOL:
            return value == "true" || value == "false";
        default:
            return isUtf8(value);
    }
}

}  // namespace

std::string fullKey(std::string_view plugin, const drover_config_key& key) {
    if ((key.flags & DROVER_CONFIG_SHARED) != 0) {
        return key.name;
    }
    return std::string(plugin) + "." + key.name;
}

std::optional<std::string> configComplaint(const drover_config_key& key, std::string_view value) {
    if (fits(key, value)) {
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

ConfigValues::ConfigValues(std::vector<std::optional<std::string>> values)
    : values_(std::move(values)) {
    bytes_.reserve(values_.size());
    for (const auto& value : values_) {
        bytes_.push_back(value ? drover_bytes{value->data(), value->size()}
                               : drover_bytes{nullptr, 0});
    }
    view_ = {sizeof(drover_config), static_cast<std::uint32_t>(bytes_.size()), bytes_.data()};
}

}  // namespace drover
