#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct pg_result;

namespace drover::store {

/// The rows that a statement returned. Movable; every row is in memory, so statements carry a LIMIT (docs/pitfalls.md#p16).
///
/// Reading is exact or throws (docs/pitfalls.md#p9: the connector turns what does not fit into a silent default).
/// StoreException names the column and its type if that type is not the requested one, or for a NULL
/// that the caller did not request as optional; Poco::RangeException for a row or column that is not there.
/// Other types are cast in the SQL text: numeric to bigint or text, times to bigint microseconds (docs/pitfalls.md#p11).
class Result {
public:
    explicit Result(pg_result* result);

    [[nodiscard]] int rows() const;
    [[nodiscard]] int columns() const;
    [[nodiscard]] bool isNull(int row, int column) const;
    /// smallint, integer or bigint.
    [[nodiscard]] std::int64_t bigint(int row, int column) const;
    [[nodiscard]] std::optional<std::int64_t> optionalBigint(int row, int column) const;
    /// text, varchar, char or name. Valid as long as this Result.
    [[nodiscard]] std::string_view text(int row, int column) const;
    [[nodiscard]] std::optional<std::string> optionalText(int row, int column) const;

    /// Returns the server's tag of the command: "COMMIT", "INSERT 0 1".
    [[nodiscard]] std::string_view commandTag() const;

private:
    struct Clear {
        void operator()(pg_result* result) const noexcept;
    };

    void requireCell(int row, int column) const;
    void requireValue(int row, int column) const;
    [[noreturn]] void wrongType(int column, const char* wanted) const;

    std::unique_ptr<pg_result, Clear> result_;
};

}  // namespace drover::store
