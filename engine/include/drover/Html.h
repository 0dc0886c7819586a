#pragma once

#include <string>
#include <string_view>

namespace drover {

/// Returns text as it stands in HTML: between tags, or in an attribute with double quotes.
inline std::string escapedHtml(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        switch (c) {
            case '&':
                escaped += "&amp;";
                break;
            case '<':
                escaped += "&lt;";
                break;
            case '>':
                escaped += "&gt;";
                break;
            case '"':
                escaped += "&quot;";
                break;
            default:
                escaped += c;
        }
    }
    return escaped;
}

}  // namespace drover
