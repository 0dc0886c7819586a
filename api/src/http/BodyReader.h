#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace drover::api {

/// A body that begins behind a head which is handed out before it.
struct OpenBody {
    bool chunked = false;
    std::uint64_t bytes = 0;  ///< The length of a body that is not chunked.
    bool expectsContinue =
        false;  ///< The client waits for "100 Continue" before it sends the body.
    /// The answer of a front that wants no such body.
    int refusalStatus = 0;
    std::string refusalMessage{};
};

/// Cuts one body out of the bytes behind its head, strictly: by its length, or by chunks (RFC 9112, 7.1).
///
/// Extensions of chunks and trailers are checked and dropped. Poco's reader of chunks has no limits and hides a body that
/// ends early (docs/pitfalls.md#n5).
/// Threads: one owner at a time.
class BodyReader {
public:
    enum class State {
        Partial,
        Whole,  ///< Bytes behind the body are ignored.
        Wrong   ///< See problem().
    };

    explicit BodyReader(const OpenBody& body);

    /// Appends those of `bytes` to `body` that are content, up to the end or a mistake.
    State read(std::string_view bytes, std::string& body);
    [[nodiscard]] const std::string& problem() const { return problem_; }

private:
    enum class Stage {
        Content,
        Size,
        Extension,
        SizeEnd,
        ChunkEnd,
        ChunkLineEnd,
        Trailer,
        TrailerText,
        TrailerEnd,
        LastLineEnd
    };

    void acceptFraming(char c);
    void acceptSize(char c);
    void enterLineEnd(char c, Stage next);
    void countLineByte(char c);
    void refuse(std::string problem);

    const bool chunked_;
    Stage stage_;
    State state_ = State::Partial;
    std::uint64_t left_ = 0;     ///< Bytes of the content, or of the chunk.
    std::size_t digits_ = 0;     ///< Those of the size of the chunk.
    std::size_t lineBytes_ = 0;  ///< Those of the extension, or of all trailers.
    std::string problem_;
};

}  // namespace drover::api
