#pragma once

#include <unistd.h>
#include <utility>

namespace drover {

/// A file descriptor with one owner. Negative: none.
class Descriptor {
public:
    explicit Descriptor(int fd = -1) : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Descriptor() {
        if (fd_ >= 0) {
            ::close(fd_);
        }
    }
    [[nodiscard]] int get() const { return fd_; }
    /// Gives it up: the caller closes it, or it is never closed.
    int release() { return std::exchange(fd_, -1); }

private:
    int fd_;
};

}  // namespace drover
