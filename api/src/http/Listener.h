#pragma once

#include <chrono>
#include <optional>

#include <Poco/Net/SocketAddress.h>

#include "http/Epoll.h"

namespace drover::api {

/// A listening socket in the epoll of a loop.
///
/// While the process has no descriptor left, it is not watched: it would stay readable, and the loop would spin.
/// Threads: one at a time.
class Listener {
public:
    using Clock = std::chrono::steady_clock;

    struct Client {
        int fd;  ///< Non-blocking, without delay (TCP_NODELAY); the caller closes it.
        Poco::Net::SocketAddress address;
    };

    /// Binds and listens; port 0 is any free one. Throws Poco::Net::NetException naming host and port. `epoll` outlives it.
    Listener(const Poco::Net::SocketAddress& address, const Epoll& epoll);
    ~Listener() { close(); }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    /// Returns where it listens.
    [[nodiscard]] const Poco::Net::SocketAddress& address() const { return address_; }
    /// -1 once it is closed.
    [[nodiscard]] int fd() const { return fd_; }

    /// Returns the next client; std::nullopt if none waits, or none can be accepted now.
    std::optional<Client> accept(Clock::time_point now);
    /// Watches again if descriptors may be free by now.
    void resume(Clock::time_point now);
    void close();

private:
    Poco::Net::SocketAddress address_;
    const Epoll& epoll_;
    int fd_ = -1;
    std::optional<Clock::time_point> resumeAt_;  ///< Not watched until then.
};

}  // namespace drover::api
