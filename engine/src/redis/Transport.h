#pragma once

#include <cstddef>

namespace drover {

/// Moves the bytes of one connection over a socket that does not block; the socket outlives it.
///
/// No function waits, and none raises SIGPIPE. A caller receives until nothing is here before it waits for the socket, which
/// reports nothing of bytes that are decrypted already. Each function throws RedisIoException when the connection is lost.
/// Threads: one at a time.
class Transport {
public:
    Transport() = default;
    virtual ~Transport() = default;
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;

    /// Sends a part of `bytes` and returns its length; 0: nothing can be sent before the socket is writable. Then the same
    /// bytes come again, at any address and perhaps with further ones behind them.
    virtual std::size_t send(const char* bytes, std::size_t count) = 0;
    /// Returns how many bytes were stored in `buffer`; 0: nothing is here. `size` is at least 16 KiB, the longest record of
    /// TLS, so that no decrypted byte stays behind while the socket reports nothing.
    virtual std::size_t receive(char* buffer, std::size_t size) = 0;
    /// Returns true if receive() would return bytes, or throw; may throw itself.
    virtual bool hasInput() = 0;
};

}  // namespace drover
