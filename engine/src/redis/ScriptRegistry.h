#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace drover {

/// One script as Redis knows it.
struct Script {
    std::string name;
    std::string text;
    std::string
        sha1;  ///< Of the text, hex: computed here, so that EVALSHA works without SCRIPT LOAD.
    int keyCount = 0;
};

/// The scripts embedded in the library. Immutable once made; shared by every connection.
class ScriptRegistry {
public:
    ScriptRegistry();
    /// Each script as `rewrite` makes it of its name and text: for tests that plant errors.
    explicit ScriptRegistry(
        const std::function<std::string(std::string_view name, std::string_view text)>& rewrite);
    /// Throws Poco::NotFoundException for an unknown name: a mistake in the code.
    [[nodiscard]] const Script& get(const std::string& name) const;
    [[nodiscard]] const Script& bySha1(std::string_view sha1) const;

private:
    std::map<std::string, Script> scripts_;
};

}  // namespace drover
