#include "http/BodyIntake.h"

#include <array>
#include <string>
#include <utility>

namespace drover::api {

namespace {

constexpr int kReadsPerTurn = 4;
constexpr std::size_t kReadBytes = 16384;

}  // namespace

BodyIntake::BodyIntake(const OpenBody& body, std::size_t capBytes)
    : reader_(body), state_(std::make_shared<UploadState>(capBytes)) {}

BodyIntake::Received BodyIntake::receive(Transport& transport,
                                         Readiness& readiness,
                                         Clock::time_point now) {
    std::array<char, kReadBytes> bytes;  // NOLINT: filled by receive()
    for (int reads = 0; readiness.readable && state_->wantsBytes(); ++reads) {
        if (reads == kReadsPerTurn) {
            return Received::Some;
        }
        const Transfer got = transport.receive(bytes.data(), bytes.size());
        switch (got.kind) {
            case Transfer::Kind::Some:
                readiness.onReceived(got);
                accept({bytes.data(), got.bytes}, now);
                break;
            case Transfer::Kind::Later:
                readiness.readable = false;
                break;
            case Transfer::Kind::End:
                state_->fail({400, "The body ended before it was complete"},
                             UploadState::Rest::IsRead);
                break;
            case Transfer::Kind::Foreign:
            case Transfer::Kind::Broken:
                return Received::Broken;
        }
    }
    return Received::All;
}

void BodyIntake::accept(std::string_view bytes, Clock::time_point now) {
    if (bytes.empty()) {
        return;
    }
    heard_ = now;
    std::string content;
    const BodyReader::State state = reader_.read(bytes, content);
    if (!content.empty()) {
        state_->append(std::move(content));
    }
    if (state == BodyReader::State::Whole) {
        state_->end();
    } else if (state == BodyReader::State::Wrong) {
        state_->fail({400, reader_.problem()}, UploadState::Rest::IsRead);
    }
}

BodyIntake::Clock::time_point BodyIntake::deadline(std::chrono::milliseconds idleTimeout) const {
    return state_->wantsBytes() ? heard_ + idleTimeout : Clock::time_point::max();
}

void BodyIntake::onTimeout() {
    state_->fail({408, "No byte of the body came in time"}, UploadState::Rest::IsRead);
}

void BodyIntake::onStop() {
    state_->fail({503, "The server is stopping"}, UploadState::Rest::IsDropped);
}

void BodyIntake::onClientLeft() {
    state_->fail({400, "The client has left"}, UploadState::Rest::IsDropped);
}

}  // namespace drover::api
