#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "routes/Inputs.h"

namespace drover::api {

/// The value of a header Location with holes: "/request/{id}?timestamp={timestamp}". "{id}" and "{timestamp}" are those of
/// the added job, any other name is a parameter of the route; values are percent-encoded.
///
/// A value once made; render() from any thread.
class LocationTemplate {
public:
    /// Throws Poco::SyntaxException if `text` is not a path or an http URL of printable ASCII, or a brace is not closed.
    /// An empty text means no header.
    explicit LocationTemplate(std::string_view text);

    [[nodiscard]] bool empty() const { return parts_.empty(); }
    /// Returns the names in braces, apart from id and timestamp.
    [[nodiscard]] std::vector<std::string> parameters() const;
    /// A parameter that was not given leaves nothing.
    [[nodiscard]] std::string render(const std::string& id,
                                     std::int64_t timestampMs,
                                     const Values& values) const;

private:
    struct Part {
        std::string text;
        bool isName = false;
    };
    std::vector<Part> parts_;
};

}  // namespace drover::api
