#pragma once

#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "drover/AbiText.h"
#include "drover/Json.h"
#include "drover/PluginAbi.h"

/// The rule of a plugin's configuration values: the engine and drover/Testing.h use the same one.
namespace drover::abi {

namespace detail {

template <typename Number>
std::optional<Number> parseNumber(std::string_view text) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return number;
}

}  // namespace detail

/// Returns true if the key bounds its number; without bounds any number is right.
[[nodiscard]] inline bool hasRange(const drover_config_key& key) {
    return key.minimum != 0 || key.maximum != 0;
}

/// Returns true if `value` is of the key's type and in its range.
[[nodiscard]] inline bool fits(const drover_config_key& key, std::string_view value) {
    switch (key.type) {
        case DROVER_CONFIG_INT: {
            const auto number = detail::parseNumber<std::int64_t>(value);
            return number && (!hasRange(key) || (*number >= key.minimum && *number <= key.maximum));
        }
        case DROVER_CONFIG_DOUBLE: {
            const auto number = detail::parseNumber<double>(value);
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

/// Checked values in the order of the keys, in the form of the plugin ABI. Owns the texts of its view.
class ConfigValues {
public:
    /// std::nullopt: the key has neither a value nor a default.
    explicit ConfigValues(std::vector<std::optional<std::string>> values)
        : values_(std::move(values)) {
        bytes_.reserve(values_.size());
        for (const auto& value : values_) {
            bytes_.push_back(value ? bytes(*value) : drover_bytes{nullptr, 0});
        }
        view_ = {sizeof(drover_config), static_cast<std::uint32_t>(bytes_.size()), bytes_.data()};
    }
    ConfigValues(const ConfigValues&) = delete;
    ConfigValues& operator=(const ConfigValues&) = delete;

    [[nodiscard]] const drover_config* view() const noexcept { return &view_; }

private:
    std::vector<std::optional<std::string>> values_;
    std::vector<drover_bytes> bytes_;
    drover_config view_;
};

}  // namespace drover::abi
