#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <Poco/Net/SocketAddress.h>

#include "http/BodyIntake.h"
#include "http/ExchangeState.h"
#include "http/Readiness.h"
#include "http/RequestReader.h"
#include "http/StreamState.h"
#include "http/Transport.h"

namespace drover::api {

/// One client. Used by the thread of the ConnectionGate alone; other threads know it by a Ticket.
struct Connection {
    using Clock = std::chrono::steady_clock;

    enum class Phase {
        Waiting,    ///< No byte of a request is here.
        Reading,    ///< A request has begun and is not whole.
        Answering,  ///< A whole request has no answer yet.
        Writing,    ///< The answer is here, and the kernel has not accepted all of it.
        Streaming,  ///< Events are sent as they come, or lines while an open body arrives.
        Lingering,  ///< The server's side is shut; further bytes are dropped, so that the client can read the answer.
        Closed  ///< Its descriptor is closed; it goes away at the end of the turn.
    };

    Connection(int descriptor,
               std::unique_ptr<Transport> bytes,
               const Poco::Net::SocketAddress& from,
               const RequestLimits& limits)
        : fd(descriptor),
          transport(std::move(bytes)),
          remoteAddress(from.host().toString()),
          reader(limits) {}

    const int fd;
    std::unique_ptr<Transport> transport;  ///< Over fd.
    const std::string remoteAddress;
    std::string group;  ///< The unit of the cap per address.
    RequestReader reader;
    Phase phase = Phase::Waiting;
    Clock::time_point deadline;    ///< End of the phase, whatever happens.
    Clock::time_point since;       ///< When the phase began; in Streaming the last write.
    std::uint64_t serial = 0;      ///< In the Ticket of the present request.
    Clock::time_point wholeSince;  ///< When that request was whole.
    bool headOnly = false;         ///< That request is HEAD.
    std::shared_ptr<ExchangeState> exchange;  ///< In Answering and Streaming.
    std::shared_ptr<StreamState> stream;      ///< In Streaming.
    std::size_t streamed = 0;                 ///< Bytes of that stream.
    std::optional<BodyIntake> intake;         ///< While an open body may arrive.
    std::string output;                       ///< To be sent, from `written` on.
    std::size_t written = 0;
    bool closeAfterOutput = false;
    Readiness readiness;
    bool turnedAway = false;    ///< Beyond a cap: counted apart.
    bool shut = false;          ///< The server has shut its side.
    std::size_t discarded = 0;  ///< Bytes thrown away while lingering.
};

}  // namespace drover::api
