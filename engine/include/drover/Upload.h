#pragma once

#include <functional>
#include <string>

namespace drover {

/// A body that arrives while its request is handled, and an answer that is sent meanwhile.
///
/// Each direction has a cap of bytes. While a handler does not read, or its client does not, the other side waits: nothing
/// grows. Destroying the upload ends the answer and the connection.
/// Threads: one at a time; the callbacks come on the front's.
class Upload {
public:
    enum class Arrival {
        Later,  ///< No byte is here. Wait for whenReadable().
        Some,   ///< Bytes were appended.
        End,    ///< The body is complete.
        Broken  ///< Nothing more comes; see problem().
    };
    enum class Sent {
        Yes,
        Full,  ///< Not sent: the client reads too slowly. Wait for whenWritable().
        Closed
    };
    /// Why a body is broken, as an answer would report it.
    struct Problem {
        int status = 0;
        std::string message;
    };

    virtual ~Upload() = default;
    /// Appends the bytes that have arrived to `bytes`. Never blocks.
    virtual Arrival read(std::string& bytes) = 0;
    /// Returns the reason for Broken: 400 for a wrong or unfinished body, 408 for a client that stood still, 503 when the
    /// process drains.
    [[nodiscard]] virtual Problem problem() const = 0;
    /// Calls `callback` once, when read() has more than Later, or before this returns. It must neither throw nor block. A
    /// second call replaces the first.
    virtual void whenReadable(std::function<void()> callback) = 0;
    /// Sends a part of the answer's body. Never blocks. Closed: the client has left.
    virtual Sent send(const std::string& bytes) = 0;
    /// Calls `callback` once, when the client has read half of what waits for it, or has left; else as whenReadable().
    virtual void whenWritable(std::function<void()> callback) = 0;
};

}  // namespace drover
