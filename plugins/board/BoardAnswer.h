#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drover/JsonWriter.h"
#include "drover/Response.h"

namespace drover::board {

/// A text that the page shows in the reader's language, by its key, with the values of its gaps.
struct PageText {
    std::string_view key;
    std::vector<std::pair<std::string_view, std::string>> texts = {};
    std::vector<std::pair<std::string_view, std::int64_t>> numbers = {};

    void write(JsonWriter& out) const;
};

/// Further members of an error.
struct ErrorMore {
    const PageText* detail =
        nullptr;  ///< `message`: shown below the headline, in the reader's language …
    std::string message = {};  ///< … or as it is.
    std::string code = {};     ///< `code`: for programs.
    std::string jobSchedulerId = {};
};

/// Returns {"error": {"key", "options"?}, "message"?, "code"?, "jobSchedulerId"?}, the page's shape of an error.
[[nodiscard]] Response errorAnswer(int status, const PageText& error, const ErrorMore& more = {});

/// Returns 200 with JSON.
[[nodiscard]] Response jsonAnswer(std::string json);
/// Returns an answer without content: {}, or with 204 nothing.
[[nodiscard]] Response emptyAnswer(int status = 200);

/// Thrown to answer with an error.
struct BoardError {
    Response answer;
};

}  // namespace drover::board
