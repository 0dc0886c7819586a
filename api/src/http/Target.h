#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::api {

/// The request target, taken apart and decoded.
struct Target {
    std::string path;                   ///< As received, still encoded, without query.
    std::vector<std::string> segments;  ///< The path, decoded; "/" has none, "/a/" is "/a".
    std::vector<std::pair<std::string, std::string>> query;  ///< Decoded, in order, '+' as blank.

    /// Throws HttpError 400 for text that two readers could understand differently: a bad %-escape, %00, text that is not
    /// UTF-8, a dot segment (also an encoded one), an empty segment inside the path, a backslash that is not encoded, a
    /// target that is not a path. An encoded slash, backslash or line break is a part of its segment or value, as in
    /// Express. The absolute form ("http://host/path") counts as its path.
    static Target parse(std::string_view target);
};

}  // namespace drover::api
