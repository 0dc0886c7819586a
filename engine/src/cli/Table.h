#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace drover::cli {

/// Lines of aligned columns. Cells are text of clients: what a terminal would act on becomes '?'.
class Table {
public:
    enum class Align { Left, Right };
    struct Column {
        const char* title;
        Align align = Align::Left;
    };

    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    /// Appends a line with a cell for each column.
    void add(std::vector<std::string> cells);
    [[nodiscard]] bool empty() const { return lines_.empty(); }
    /// Writes the titles and the lines. `width`: a longer line is cut, so that it does not wrap; 0: none is.
    void write(std::ostream& out, int width) const;

private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> lines_;
};

/// Returns the text on one line, with '?' for each control character, and for bytes that are not UTF-8.
[[nodiscard]] std::string plainText(std::string_view text);

/// Returns the text cut to so many characters, with an ellipsis in place of the rest.
[[nodiscard]] std::string cut(const std::string& text, std::size_t characters);

/// Returns "250 ms", "3.2 s", "17 min", "5 h", "12 d".
[[nodiscard]] std::string durationText(std::int64_t ms);
/// Returns "2026-11-30 18:29:03" of UTC; "-" for no time.
[[nodiscard]] std::string timeText(const std::optional<std::int64_t>& ms);
/// Returns a rate with a decimal below 100; "-" for none.
[[nodiscard]] std::string rateText(const std::optional<double>& rate);

/// Parses "500ms", "90s", "15m", "2h", "30d". Throws UsageException that names the option.
[[nodiscard]] std::int64_t parseDuration(const std::string& option, const std::string& text);
/// Parses an integer in a range. Throws UsageException that names the option.
[[nodiscard]] std::int64_t parseInteger(const std::string& option,
                                        const std::string& text,
                                        std::int64_t least,
                                        std::int64_t most);

}  // namespace drover::cli
