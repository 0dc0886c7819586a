#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "drover/Json.h"
#include "routes/Inputs.h"

namespace drover::api {

/// JSON with holes: a string value that is exactly "{name}" is replaced by the typed value of that parameter, so
/// {"userId":"{userId}"} with the integer 7 becomes {"userId":7}. A member whose parameter was not given is left out, an
/// element of an array becomes null. Everything else keeps its text, numbers and escapes included; blanks are dropped.
///
/// A value once made; render() from any thread.
class JsonTemplate {
public:
    /// Throws Poco::SyntaxException with reason and place if `text` is not JSON, nested too deep or has a member twice.
    explicit JsonTemplate(std::string_view text);
    ~JsonTemplate();
    JsonTemplate(JsonTemplate&&) noexcept;
    JsonTemplate& operator=(JsonTemplate&&) noexcept;

    /// Returns the names in braces.
    [[nodiscard]] const std::set<std::string>& names() const { return names_; }

    [[nodiscard]] std::string render(const Values& values) const;

private:
    struct Node;

    Node nodeOf(const JsonView& value);

    std::unique_ptr<const Node> root_;
    std::set<std::string> names_;
};

}  // namespace drover::api
