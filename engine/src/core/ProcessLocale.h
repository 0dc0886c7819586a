#pragma once

#include <locale>

namespace drover {

/// Makes the classic locale the one of new streams again, if code of a plugin has chosen another: streams of libraries, that
/// of the HTTP status line among them, would group digits by it (docs/pitfalls.md#u5). Returns true if there was another.
inline bool restoreClassicLocale() {
    if (std::locale() == std::locale::classic()) {
        return false;
    }
    std::locale::global(std::locale::classic());
    return true;
}

}  // namespace drover
