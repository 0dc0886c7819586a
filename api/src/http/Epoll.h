#pragma once

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <sys/epoll.h>
#include <unistd.h>

#include <Poco/Exception.h>

namespace drover::api {

/// Owns an epoll instance. The data of an event is its descriptor.
class Epoll {
public:
    /// Throws Poco::IOException without a descriptor.
    Epoll() : fd_(epoll_create1(EPOLL_CLOEXEC)) {
        if (fd_ < 0) {
            throw Poco::IOException(std::string("epoll: ") + std::strerror(errno));
        }
    }
    ~Epoll() { ::close(fd_); }
    Epoll(const Epoll&) = delete;
    Epoll& operator=(const Epoll&) = delete;

    [[nodiscard]] int fd() const { return fd_; }
    void add(int fd, std::uint32_t events) const { control(EPOLL_CTL_ADD, fd, events); }
    void change(int fd, std::uint32_t events) const { control(EPOLL_CTL_MOD, fd, events); }

private:
    void control(int operation, int fd, std::uint32_t events) const {
        epoll_event event{};
        event.events = events;
        event.data.fd = fd;
        epoll_ctl(fd_, operation, fd, &event);
    }

    const int fd_;
};

}  // namespace drover::api
