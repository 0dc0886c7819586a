#include "redis/PlainTransport.h"

#include <cerrno>
#include <string>
#include <sys/socket.h>
#include <system_error>

#include "drover/Exceptions.h"

namespace drover {

namespace {

bool isLater(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

[[noreturn]] void fail(const char* operation, int error) {
    throw RedisIoException(std::string(operation) +
                           " Redis: " + std::generic_category().message(error));
}

}  // namespace

std::size_t PlainTransport::send(const char* bytes, std::size_t count) {
    const ssize_t sent = ::send(fd_, bytes, count, MSG_NOSIGNAL);
    if (sent < 0 && !isLater(errno)) {
        fail("send to", errno);
    }
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

std::size_t PlainTransport::receive(char* buffer, std::size_t size) {
    const ssize_t received = ::recv(fd_, buffer, size, 0);
    if (received < 0 && !isLater(errno)) {
        fail("receive from", errno);
    }
    if (received == 0) {
        throw RedisIoException("Redis closed the connection");
    }
    return received < 0 ? 0 : static_cast<std::size_t>(received);
}

bool PlainTransport::hasInput() {
    char byte = 0;
    return ::recv(fd_, &byte, 1, MSG_PEEK) >= 0 || !isLater(errno);
}

}  // namespace drover
