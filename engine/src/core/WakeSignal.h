#pragma once

#include <cerrno>
#include <cstdint>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>

namespace drover {

/// A descriptor that other threads make readable, for a thread that waits in poll().
/// Threads: raise() from any, clear() from the one that waits.
class WakeSignal {
public:
    /// Throws std::system_error if the process has no descriptor left.
    WakeSignal() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        if (fd_ < 0) {
            throw std::system_error(errno, std::generic_category(), "eventfd");
        }
    }
    ~WakeSignal() { close(fd_); }
    WakeSignal(const WakeSignal&) = delete;
    WakeSignal& operator=(const WakeSignal&) = delete;

    void raise() {
        const std::uint64_t one = 1;
        // Fails only when the counter is full: then it is readable already.
        [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof(one));
    }
    void clear() {
        std::uint64_t count = 0;
        // Fails without a signal, which is as good.
        [[maybe_unused]] const ssize_t bytes = read(fd_, &count, sizeof(count));
    }
    [[nodiscard]] int fd() const { return fd_; }

private:
    const int fd_;
};

}  // namespace drover
