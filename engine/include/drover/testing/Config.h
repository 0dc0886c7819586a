#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "drover/ConfigKey.h"
#include "drover/PluginAbi.h"

namespace drover::testing::detail {

/// The values of a plugin's keys, by their names, checked as the engine checks them.
class Config {
public:
    using Map = std::map<std::string, std::string>;

    /// Throws std::invalid_argument for a value that does not fit, a required key without value, and an undeclared key.
    Config(const drover_plugin_descriptor& plugin, Map given)
        : given_(std::move(given)), values_(checked(plugin, given_)) {}

    [[nodiscard]] const drover_config* view() const noexcept { return values_.view(); }
    [[nodiscard]] const Map& given() const noexcept { return given_; }

private:
    static std::vector<std::optional<std::string>> checked(const drover_plugin_descriptor& plugin,
                                                           const Map& given) {
        std::vector<std::optional<std::string>> values;
        std::size_t known = 0;
        for (std::uint32_t i = 0; i < plugin.config_key_count; ++i) {
            const drover_config_key& key = *plugin.config_keys[i];
            const auto found = given.find(key.name);
            if (found != given.end()) {
                ++known;
                require(abi::fits(key, found->second),
                        "the configuration key " + found->first + " cannot be '" + found->second +
                            "': another type or out of its range");
                values.emplace_back(found->second);
            } else if (key.default_value != nullptr) {
                values.emplace_back(key.default_value);
            } else {
                require((key.flags & DROVER_CONFIG_REQUIRED) == 0,
                        std::string("the configuration key ") + key.name + " is required");
                values.emplace_back(std::nullopt);
            }
        }
        require(known == given.size(), "a configuration key is given that is not declared");
        return values;
    }

    static void require(bool good, const std::string& otherwise) {
        if (!good) {
            throw std::invalid_argument(otherwise);
        }
    }

    Map given_;
    abi::ConfigValues values_;
};

}  // namespace drover::testing::detail
