#include "http/Listener.h"

#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include <Poco/Net/NetException.h>

namespace drover::api {

namespace {

constexpr std::chrono::milliseconds kRest{100};

}  // namespace

Listener::Listener(const Poco::Net::SocketAddress& address, const Epoll& epoll)
    : address_(address), epoll_(epoll) {
    fd_ = socket(address_.af(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    if (fd_ < 0 || setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd_, address_.addr(), address_.length()) != 0 || listen(fd_, SOMAXCONN) != 0) {
        const std::string reason = std::strerror(errno);
        close();
        throw Poco::Net::NetException("listen on " + address_.toString() + ": " + reason);
    }
    sockaddr_storage bound{};
    socklen_t length = sizeof(bound);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&bound), &length);
    address_ = Poco::Net::SocketAddress(reinterpret_cast<sockaddr*>(&bound), length);
    epoll_.add(fd_, EPOLLIN);
}

std::optional<Listener::Client> Listener::accept(Clock::time_point now) {
    while (fd_ >= 0) {
        sockaddr_storage from{};
        socklen_t length = sizeof(from);
        const int fd =
            accept4(fd_, reinterpret_cast<sockaddr*>(&from), &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            const int on = 1;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
            return Client{fd, Poco::Net::SocketAddress(reinterpret_cast<sockaddr*>(&from), length)};
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            epoll_.change(fd_, 0);
            resumeAt_ = now + kRest;
            return std::nullopt;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return std::nullopt;
        }
        // Any other error concerns this one client, which is gone already.
    }
    return std::nullopt;
}

void Listener::resume(Clock::time_point now) {
    if (fd_ >= 0 && resumeAt_ && now >= *resumeAt_) {
        resumeAt_.reset();
        epoll_.change(fd_, EPOLLIN);
    }
}

void Listener::close() {
    if (fd_ >= 0) {
        ::close(std::exchange(fd_, -1));
    }
}

}  // namespace drover::api
