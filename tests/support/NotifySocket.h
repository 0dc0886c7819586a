#pragma once

#include <chrono>
#include <cstddef>
#include <cstring>
#include <map>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/Patience.h"

namespace drover::test {

/// The datagram socket of a service manager, as in NOTIFY_SOCKET.
class NotifySocket {
public:
    /// `address`: a path, or @ and a name.
    explicit NotifySocket(std::string address)
        : address_(std::move(address)), fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un own{};
        own.sun_family = AF_UNIX;
        std::memcpy(own.sun_path, address_.data(), address_.size());
        std::size_t length = offsetof(sockaddr_un, sun_path) + address_.size();
        if (address_.front() == '@') {
            own.sun_path[0] = '\0';
        } else {
            ::unlink(address_.c_str());
            ++length;
        }
        if (::bind(fd_, reinterpret_cast<sockaddr*>(&own), static_cast<socklen_t>(length)) != 0) {
            throw std::runtime_error("cannot bind " + address_);
        }
    }
    ~NotifySocket() { ::close(fd_); }
    NotifySocket(const NotifySocket&) = delete;
    NotifySocket& operator=(const NotifySocket&) = delete;

    [[nodiscard]] const std::string& address() const { return address_; }

    /// Returns the next datagram; throws if none comes in time.
    [[nodiscard]] std::string next() const {
        pollfd waiting{fd_, POLLIN, 0};
        if (::poll(&waiting, 1, static_cast<int>(kPatience.count())) <= 0) {
            throw std::runtime_error("no datagram came to " + address_);
        }
        std::string text(4096, '\0');
        const ssize_t size = ::recv(fd_, text.data(), text.size(), 0);
        text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
        return text;
    }
    /// Returns the next datagram that begins with `begin`; skips others.
    [[nodiscard]] std::string nextWith(const std::string& begin) const {
        while (true) {
            if (std::string text = next(); text.rfind(begin, 0) == 0) {
                return text;
            }
        }
    }
    /// Returns true if no datagram is there.
    [[nodiscard]] bool isEmpty() const {
        pollfd waiting{fd_, POLLIN, 0};
        return ::poll(&waiting, 1, 0) == 0;
    }

private:
    const std::string address_;
    const int fd_;
};

}  // namespace drover::test
