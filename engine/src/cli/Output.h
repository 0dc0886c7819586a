#pragma once

#include <ostream>
#include <utility>

#include "drover/JsonWriter.h"

namespace drover::cli {

/// Where a command prints its result: JSON on one line, or text. The command line decides once, here.
class Output {
public:
    Output(std::ostream& stream, bool json) : stream_(stream), json_(json) {}

    /// Calls `json` with a JsonWriter, or `text` with the stream, never both.
    template <typename Json, typename Text>
    void print(Json&& json, Text&& text) {
        if (json_) {
            JsonWriter writer;
            std::forward<Json>(json)(writer);
            stream_ << writer.str() << '\n';
        } else {
            std::forward<Text>(text)(stream_);
        }
    }

    /// Returns the stream, for what has one form only.
    [[nodiscard]] std::ostream& text() { return stream_; }

private:
    std::ostream& stream_;
    bool json_;
};

}  // namespace drover::cli
