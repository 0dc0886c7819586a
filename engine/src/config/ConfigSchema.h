#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drover {

enum class KeyType { Text, Integer, Double, Boolean, Choice, List };

/// One configuration key, or a family of keys, with everything about it.
///
/// The only source for checking values, refusing unknown keys, `drover config show` and the reference in conf/.
/// A segment in angle brackets stands for any name without dots: "queue.<alias>.concurrency".
struct KeySpec {
    std::string pattern;
    KeyType type = KeyType::Text;
    std::optional<std::string> defaultValue;  ///< As in a file; std::nullopt: no value.
    std::int64_t minimum = 0;                 ///< For an Integer or Double; both 0: no range.
    std::int64_t maximum = 0;
    std::vector<std::string> choices;  ///< For a Choice.
    /// Checks a Text further: returns a text that names the cure; empty: accepted. nullptr: any text.
    std::string (*rule)(std::string_view value) = nullptr;
    bool secret = false;      ///< Shown as *** everywhere.
    bool reloadable = false;  ///< HUP applies a changed value.
    bool required = false;
    std::string sentence;
    std::string owner;  ///< Name of the plugin that declares it; empty: the engine.

    /// Returns the form of a value: "an integer in [1, 65535]", "one of auto, json, text".
    [[nodiscard]] std::string expectation() const;
    /// Returns what is wrong with `value`: "expected an integer in [1, 65535]"; empty: it is accepted.
    [[nodiscard]] std::string error(const std::string& value) const;
    [[nodiscard]] bool accepts(const std::string& value) const { return error(value).empty(); }

private:
    [[nodiscard]] bool isOfType(const std::string& value) const;
};

/// The keys of a process: the engine's, and those of plugins as they are declared.
/// A value; const methods may be called from any thread.
class ConfigSchema {
public:
    /// Has the engine's own keys.
    ConfigSchema();

    /// Adds a plugin's key. A key that exists already (a shared one) stays, and becomes required if `spec` is.
    void add(const KeySpec& spec);
    /// Opens a table: every key below "<prefix>." is accepted, and is Text.
    void addTable(const std::string& prefix);

    /// Returns nullptr for an unknown key. Keys of tables have no spec.
    [[nodiscard]] const KeySpec* find(const std::string& key) const;
    [[nodiscard]] bool inTable(const std::string& key) const;
    /// Returns the most similar known key, std::nullopt if nothing is similar.
    [[nodiscard]] std::optional<std::string> nearest(const std::string& key) const;
    [[nodiscard]] const std::vector<KeySpec>& specs() const { return specs_; }

private:
    std::vector<KeySpec> specs_;
    std::vector<std::string> tables_;
};

/// Splits at commas, trims, leaves out empty items.
[[nodiscard]] std::vector<std::string> splitList(const std::string& text);

}  // namespace drover
