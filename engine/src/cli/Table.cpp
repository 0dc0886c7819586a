#include "cli/Table.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <utility>

#include "cli/CommandLine.h"

namespace drover::cli {

namespace {

/// Returns the length of the UTF-8 character that begins at `at`; 0: there is none.
std::size_t characterAt(std::string_view text, std::size_t at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const std::size_t length = byte < 0x80   ? 1
                               : byte < 0xC2 ? 0
                               : byte < 0xE0 ? 2
                               : byte < 0xF0 ? 3
                               : byte < 0xF5 ? 4
                                             : 0;
    if (length == 0 || at + length > text.size()) {
        return 0;
    }
    for (std::size_t i = 1; i < length; ++i) {
        if ((static_cast<unsigned char>(text[at + i]) & 0xC0) != 0x80) {
            return 0;
        }
    }
    return length;
}

std::size_t charactersOf(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

}  // namespace

std::string plainText(std::string_view text) {
    std::string plain;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = characterAt(text, at);
        const auto byte = static_cast<unsigned char>(text[at]);
        // The second row of control characters has two bytes.
        const bool control =
            byte < 0x20 || byte == 0x7F ||
            (byte == 0xC2 && length == 2 && static_cast<unsigned char>(text[at + 1]) < 0xA0);
        if (length == 0 || control) {
            plain += '?';
        } else {
            plain += text.substr(at, length);
        }
        at += std::max<std::size_t>(length, 1);
    }
    return plain;
}

std::string cut(const std::string& text, std::size_t characters) {
    if (charactersOf(text) <= characters) {
        return text;
    }
    std::size_t at = 0;
    for (std::size_t seen = 0; seen + 1 < characters; ++seen) {
        at += std::max<std::size_t>(characterAt(text, at), 1);
    }
    return text.substr(0, at) + (characters > 0 ? "…" : "");
}

void Table::add(std::vector<std::string> cells) {
    for (std::string& cell : cells) {
        cell = plainText(cell);
    }
    cells.resize(columns_.size());
    lines_.push_back(std::move(cells));
}

void Table::write(std::ostream& out, int width) const {
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        std::size_t widest = charactersOf(columns_[i].title);
        for (const auto& line : lines_) {
            widest = std::max(widest, charactersOf(line[i]));
        }
        widths.push_back(widest);
    }
    const auto print = [&](const auto& textOf) {
        std::string line;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const std::string text = textOf(i);
            const std::string blanks(widths[i] - charactersOf(text), ' ');
            line += columns_[i].align == Align::Right ? blanks + text : text + blanks;
            line += "  ";
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out << (width > 0 ? cut(line, static_cast<std::size_t>(width)) : line) << '\n';
    };
    print([&](std::size_t i) { return std::string(columns_[i].title); });
    for (const auto& cells : lines_) {
        print([&](std::size_t i) { return cells[i]; });
    }
}

std::string durationText(std::int64_t ms) {
    if (ms < 1000) {
        return std::to_string(ms) + " ms";
    }
    if (ms < 10000) {
        return std::to_string(ms / 1000) + "." + std::to_string(ms % 1000 / 100) + " s";
    }
    const std::pair<std::int64_t, const char*> units[] = {
        {86400000, " d"}, {3600000, " h"}, {60000, " min"}};
    for (const auto& [length, name] : units) {
        if (ms >= 2 * length) {
            return std::to_string(ms / length) + name;
        }
    }
    return std::to_string(ms / 1000) + " s";
}

std::string timeText(const std::optional<std::int64_t>& ms) {
    if (!ms) {
        return "-";
    }
    const auto seconds = static_cast<std::time_t>(*ms / 1000);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts)};
}

std::string rateText(const std::optional<double>& rate) {
    if (!rate) {
        return "-";
    }
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), *rate < 100 && *rate > 0 ? "%.1f" : "%.0f", *rate);
    return text.data();
}

std::int64_t parseDuration(const std::string& option, const std::string& text) {
    std::int64_t number = -1;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit(end.ptr,
                                static_cast<std::size_t>(text.data() + text.size() - end.ptr));
    const std::pair<std::string_view, std::int64_t> units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    constexpr std::int64_t kMost = 100LL * 366 * 86400000;
    for (const auto& [name, length] : units) {
        if (end.ec == std::errc() && unit == name && number >= 0 && number <= kMost / length) {
            return number * length;
        }
    }
    throw UsageException("--" + option +
                         " must be a time such as 500ms, 90s, 15m, 2h or 30d, not " + text);
}

std::int64_t parseInteger(const std::string& option,
                          const std::string& text,
                          std::int64_t least,
                          std::int64_t most) {
    std::int64_t number = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || end.ec != std::errc() || end.ptr != text.data() + text.size() ||
        number < least || number > most) {
        throw UsageException("--" + option + " must be an integer in [" + std::to_string(least) +
                             ", " + std::to_string(most) + "], not " + text);
    }
    return number;
}

}  // namespace drover::cli
