#pragma once

#include <charconv>
#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

namespace drover::admin {

/// An id of a stream in Redis, for comparisons: "<ms>-<n>", or "<ms>".
struct StreamId {
    std::uint64_t ms = 0, n = 0;

    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 reads the comparison with 0 as one of a pointer.
    auto operator<=>(const StreamId&) const = default;

    [[nodiscard]] static std::optional<StreamId> parse(std::string_view text) {
        StreamId id;
        const char* const end = text.data() + text.size();
        auto read = std::from_chars(text.data(), end, id.ms);
        if (read.ec != std::errc()) {
            return std::nullopt;
        }
        if (read.ptr != end && *read.ptr == '-') {
            read = std::from_chars(read.ptr + 1, end, id.n);
        }
        return read.ec == std::errc() && read.ptr == end ? std::optional(id) : std::nullopt;
    }
};

}  // namespace drover::admin
