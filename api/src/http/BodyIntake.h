#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string_view>

#include "http/BodyReader.h"
#include "http/Readiness.h"
#include "http/Transport.h"
#include "http/UploadState.h"

namespace drover::api {

/// The open body of one request, on its way from its connection to its handler.
///
/// It is received as far as the handler has room. The handler learns by the UploadState how the body ends, and why it
/// breaks.
///
/// Threads: the gate's alone; what state() returns is shared with the handler.
class BodyIntake {
public:
    using Clock = std::chrono::steady_clock;

    enum class Received {
        All,    ///< No byte is here, or the handler has no room.
        Some,   ///< Further bytes may be here: other connections have the next turn.
        Broken  ///< The connection is of no use any more.
    };

    /// `capBytes`: see UploadState.
    BodyIntake(const OpenBody& body, std::size_t capBytes);

    [[nodiscard]] const std::shared_ptr<UploadState>& state() const { return state_; }

    /// The client has its full time from now on.
    void restartClock(Clock::time_point now) { heard_ = now; }
    /// Receives what has come.
    Received receive(Transport& transport, Readiness& readiness, Clock::time_point now);
    /// Accepts bytes that have come behind the head; they may be empty.
    void accept(std::string_view bytes, Clock::time_point now);

    /// Returns until when the client must send a byte; Clock::time_point::max(): the handler has no room for one, or the
    /// body is over.
    [[nodiscard]] Clock::time_point deadline(std::chrono::milliseconds idleTimeout) const;

    // These break the body, unless it is over.
    void onTimeout();
    void onStop();
    void onClientLeft();

private:
    BodyReader reader_;
    const std::shared_ptr<UploadState> state_;
    Clock::time_point heard_;  ///< When the last byte came.
};

}  // namespace drover::api
