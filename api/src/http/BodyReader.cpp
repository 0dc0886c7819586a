#include "http/BodyReader.h"

#include <algorithm>
#include <utility>

#include "http/HttpText.h"

namespace drover::api {

namespace {

/// Sizes of chunks up to 4 GiB.
constexpr std::size_t kMaxDigits = 8;
constexpr std::size_t kMaxLineBytes = 8192;

}  // namespace

BodyReader::BodyReader(const OpenBody& body)
    : chunked_(body.chunked),
      stage_(body.chunked ? Stage::Size : Stage::Content),
      state_(body.chunked || body.bytes > 0 ? State::Partial : State::Whole),
      left_(body.bytes) {}

BodyReader::State BodyReader::read(std::string_view bytes, std::string& body) {
    while (state_ == State::Partial && !bytes.empty()) {
        if (stage_ != Stage::Content) {
            acceptFraming(bytes.front());
            bytes.remove_prefix(1);
            continue;
        }
        const std::size_t count =
            static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
        body.append(bytes.substr(0, count));
        bytes.remove_prefix(count);
        left_ -= count;
        if (left_ == 0 && chunked_) {
            stage_ = Stage::ChunkEnd;
        } else if (left_ == 0) {
            state_ = State::Whole;
        }
    }
    return state_;
}

void BodyReader::acceptFraming(char c) {
    switch (stage_) {
        case Stage::Content:
            return;
        case Stage::Size:
            return acceptSize(c);
        case Stage::Extension:
            return c == '\r' ? enterLineEnd(c, Stage::SizeEnd) : countLineByte(c);
        case Stage::SizeEnd:
            lineBytes_ = 0;
            return enterLineEnd(c, left_ == 0 ? Stage::Trailer : Stage::Content);
        case Stage::ChunkEnd:
            return enterLineEnd(c, Stage::ChunkLineEnd);
        case Stage::ChunkLineEnd:
            digits_ = 0;
            return enterLineEnd(c, Stage::Size);
        case Stage::Trailer:
            if (c == '\r') {
                return enterLineEnd(c, Stage::LastLineEnd);
            }
            stage_ = Stage::TrailerText;
            return countLineByte(c);
        case Stage::TrailerText:
            return c == '\r' ? enterLineEnd(c, Stage::TrailerEnd) : countLineByte(c);
        case Stage::TrailerEnd:
            return enterLineEnd(c, Stage::Trailer);
        case Stage::LastLineEnd:
            enterLineEnd(c, Stage::LastLineEnd);
            state_ = state_ == State::Partial ? State::Whole : state_;
            return;
    }
}

void BodyReader::acceptSize(char c) {
    if (const int digit = hexValue(c); digit >= 0) {
        left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
        if (++digits_ > kMaxDigits) {
            refuse("The size of a chunk has more than 8 digits");
        }
    } else if (digits_ == 0) {
        refuse("A chunk does not begin with its size in hexadecimal digits");
    } else if (c == ';') {
        stage_ = Stage::Extension;
    } else {
        enterLineEnd(c, Stage::SizeEnd);
    }
}

/// Accepts the CR or LF that is due.
void BodyReader::enterLineEnd(char c, Stage next) {
    const bool wantsLineFeed = stage_ == Stage::SizeEnd || stage_ == Stage::ChunkLineEnd ||
                               stage_ == Stage::TrailerEnd || stage_ == Stage::LastLineEnd;
    if (c != (wantsLineFeed ? '\n' : '\r')) {
        return refuse(stage_ == Stage::ChunkEnd
                          ? "A chunk is longer than its size"
                          : "A line of the chunked body does not end in CR and LF");
    }
    stage_ = next;
}

void BodyReader::countLineByte(char c) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7F) {
        return refuse("An extension of a chunk, or a trailer, has a control character");
    }
    if (++lineBytes_ > kMaxLineBytes) {
        refuse("An extension of a chunk, or the trailers, are longer than 8192 bytes");
    }
}

void BodyReader::refuse(std::string problem) {
    state_ = State::Wrong;
    problem_ = std::move(problem);
}

}  // namespace drover::api
