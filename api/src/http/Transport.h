#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace drover::api {

/// The result of one attempt to move bytes over a connection.
struct Transfer {
    enum class Kind {
        Some,     ///< `bytes` were moved.
        Later,    ///< Nothing can be moved before the descriptor reports a change.
        End,      ///< Result of receive(): the client has ended its side.
        Foreign,  ///< The client speaks plain HTTP where TLS is due.
        Broken    ///< The connection is of no use any more.
    };

    Kind kind = Kind::Broken;
    std::size_t bytes = 0;
    /// After a receive(): further bytes may be here, and no change of the descriptor will report them.
    bool more = false;
};

/// The bytes of one connection over a socket that does not block. The socket belongs to the Connection and outlives it.
///
/// No function waits, and none raises SIGPIPE. Bytes that send() did not accept come again with the next call, at any
/// address and perhaps with further ones behind them.
///
/// Threads: the gate's alone.
class Transport {
public:
    virtual ~Transport() = default;

    /// Moves up to `size` bytes of the client into `buffer`; `size` > 0.
    [[nodiscard]] virtual Transfer receive(char* buffer, std::size_t size) = 0;
    /// Moves a part of `bytes`, which are not empty, towards the client.
    [[nodiscard]] virtual Transfer send(std::string_view bytes) = 0;
    /// Marks the end of what is sent, if the protocol has a mark. Returns false while the mark waits for room.
    [[nodiscard]] virtual bool sendEnd() = 0;
    /// Returns why the connection is broken, for a log; empty if there is nothing to learn from it.
    [[nodiscard]] virtual std::string problem() const { return {}; }
};

}  // namespace drover::api
