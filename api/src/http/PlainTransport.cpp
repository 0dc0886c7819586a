#include "http/PlainTransport.h"

#include <cerrno>
#include <sys/socket.h>

namespace drover::api {

namespace {

Transfer failure() {
    return {errno == EAGAIN ? Transfer::Kind::Later : Transfer::Kind::Broken};
}

}  // namespace

Transfer PlainTransport::receive(char* buffer, std::size_t size) {
    ssize_t count = 0;
    do {
        count = recv(fd_, buffer, size, MSG_DONTWAIT);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        return failure();
    }
    const auto bytes = static_cast<std::size_t>(count);
    // A part of the buffer is all that the kernel has.
    return {count == 0 ? Transfer::Kind::End : Transfer::Kind::Some, bytes, bytes == size};
}

Transfer PlainTransport::send(std::string_view bytes) {
    ssize_t count = 0;
    do {
        count = ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (count < 0 && errno == EINTR);
    return count < 0 ? failure() : Transfer{Transfer::Kind::Some, static_cast<std::size_t>(count)};
}

}  // namespace drover::api
