#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>

#include <Poco/Net/SocketAddress.h>

#include "http/RequestReader.h"

namespace drover::api {

/// One client. Owned by the ConnectionGate; used by one side at a time, by `phase`: in Serving by the
/// GuardedSocket that serves its request, in every other phase by the gate's thread. Only the gate closes the descriptor.
struct Connection {
    using Clock = std::chrono::steady_clock;

    enum class Phase {
        Waiting,  ///< No byte of a request is here.
        Reading,  ///< A request has begun and is not whole.
        Serving,  ///< A whole request waits for a thread, or has one.
        Writing,  ///< The answer is written, and the client has not read it yet.
        Lingering  ///< The server's side is shut; further bytes are dropped, so that the client can read the answer.
    };

    Connection(int descriptor, const Poco::Net::SocketAddress& from, const RequestLimits& limits)
        : fd(descriptor), peer(from), reader(limits) {}

    [[nodiscard]] bool hasOutput() const { return written < output.size(); }

    const int fd;
    const Poco::Net::SocketAddress peer;
    std::string group;  ///< The unit of the cap per address.
    RequestReader reader;
    std::atomic<Phase> phase{Phase::Waiting};
    Clock::time_point deadline;    ///< End of the phase, whatever happens; none in Serving.
    Clock::time_point since;       ///< When Waiting, Reading or Lingering began.
    Clock::time_point readySince;  ///< When its request was whole.
    std::string output;  ///< The part of the answer that the kernel did not accept at once.
    std::size_t written = 0;
    bool closeAfterOutput = false;
    bool turnedAway = false;    ///< Beyond a cap: counted apart.
    std::size_t discarded = 0;  ///< Bytes thrown away while lingering.
};

}  // namespace drover::api
