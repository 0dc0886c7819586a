#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace drover {

/// One script, as Redis stores it.
struct Script {
    std::string name;
    std::string text;
    /// The digest of the text, hex: computed here, so that EVALSHA works without SCRIPT LOAD.
    std::string sha1;
    int keyCount = 0;
};

/// The scripts embedded in the library. Immutable once made; shared by every connection.
class ScriptRegistry {
public:
    ScriptRegistry();
    /// Returns the registry of the scripts as they are embedded, made once.
    [[nodiscard]] static const std::shared_ptr<const ScriptRegistry>& embedded();
    /// Stores each script as `rewrite` returns it for its name and text: for tests that plant errors.
    explicit ScriptRegistry(
        const std::function<std::string(std::string_view name, std::string_view text)>& rewrite);
    /// Throws Poco::NotFoundException for an unknown name: a mistake in the code.
    [[nodiscard]] const Script& get(const std::string& name) const;
    [[nodiscard]] const Script& bySha1(std::string_view sha1) const;

private:
    std::map<std::string, Script> scripts_;
};

}  // namespace drover
