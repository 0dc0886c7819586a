#pragma once

#include <string_view>
#include <vector>

namespace drover::api {

/// Returns `text` without blanks and tabs at its ends.
[[nodiscard]] inline std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) {
        return {};
    }
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// Returns the entries between the commas of a configured list, trimmed; empty ones do not count. Views into `list`.
[[nodiscard]] inline std::vector<std::string_view> commaList(std::string_view list) {
    std::vector<std::string_view> entries;
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        if (const std::string_view entry = trimmed(list.substr(0, comma)); !entry.empty()) {
            entries.push_back(entry);
        }
        list = comma == std::string_view::npos ? "" : list.substr(comma + 1);
    }
    return entries;
}

}  // namespace drover::api
