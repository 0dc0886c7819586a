#pragma once

#include <charconv>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "drover/ActiveJob.h"
#include "drover/PluginAbi.h"

namespace drover {

enum class ConfigType {
    Text = DROVER_CONFIG_STRING,
    Integer = DROVER_CONFIG_INT,
    Number = DROVER_CONFIG_DOUBLE,
    Boolean = DROVER_CONFIG_BOOL
};

/// A key of the plugin: `<plugin>.<name>` in .properties files. The engine checks type and range before the plugin
/// sees a value.
struct ConfigKey {
    std::string name = {};  ///< The unit is in the name, as in "timeoutMs".
    ConfigType type = ConfigType::Text;
    std::string defaultValue = {};  ///< As in a file; empty: none.
    std::int64_t minimum = 0;       ///< For an Integer or a Number; both 0: no range.
    std::int64_t maximum = 0;
    bool required = false;
    bool secret = false;  ///< Never shown in a log, an error or a listing.
    bool shared =
        false;  ///< `name` is the whole key ("database.url"), not one below the plugin's name.
    bool reloadable = false;  ///< A reload may change it: then HandlerBase::configure is called.
    std::string description = {};
};

/// The checked values of the declared keys. A view: valid during the call it was handed to; copy values for later.
///
/// Asking for a key that was not declared, or in another type, throws std::logic_error; for one that has neither value nor
/// default std::out_of_range.
class Config {
public:
    Config(std::span<const drover_config_key* const> keys,
           const drover_config* values,
           EngineLog log) noexcept
        : keys_(keys), values_(values), log_(log) {}

    /// Returns true if the key has a value or a default.
    [[nodiscard]] bool has(std::string_view key) const {
        return values_->values[indexOf(key)].data != nullptr;
    }
    [[nodiscard]] std::string text(std::string_view key) const {
        return std::string(value(key, DROVER_CONFIG_STRING));
    }
    [[nodiscard]] std::int64_t integer(std::string_view key) const {
        return parsed<std::int64_t>(key, DROVER_CONFIG_INT);
    }
    [[nodiscard]] double number(std::string_view key) const {
        return parsed<double>(key, DROVER_CONFIG_DOUBLE);
    }
    [[nodiscard]] bool boolean(std::string_view key) const {
        return value(key, DROVER_CONFIG_BOOL) == "true";
    }

    /// The log of the process.
    [[nodiscard]] EngineLog log() const noexcept { return log_; }

private:
    [[nodiscard]] std::size_t indexOf(std::string_view key) const {
        for (std::size_t i = 0; i < keys_.size() && i < values_->count; ++i) {
            if (key == keys_[i]->name) {
                return i;
            }
        }
        throw std::logic_error("the plugin does not declare the configuration key " +
                               std::string(key));
    }

    [[nodiscard]] std::string_view value(std::string_view key, std::int32_t type) const {
        const std::size_t i = indexOf(key);
        if (keys_[i]->type != type) {
            throw std::logic_error("the configuration key " + std::string(key) +
                                   " is declared with another type");
        }
        const drover_bytes& bytes = values_->values[i];
        if (bytes.data == nullptr) {
            throw std::out_of_range("the configuration key " + std::string(key) + " has no value");
        }
        return {bytes.data, bytes.size};
    }

    template <typename Number>
    [[nodiscard]] Number parsed(std::string_view key, std::int32_t type) const {
        const std::string_view text = value(key, type);
        Number number{};
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error != std::errc() || end != text.data() + text.size()) {
            throw std::logic_error("the configuration key " + std::string(key) +
                                   " is not a number");
        }
        return number;
    }

    std::span<const drover_config_key* const> keys_;
    const drover_config* values_;
    EngineLog log_;
};

}  // namespace drover
