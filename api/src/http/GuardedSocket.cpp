#include "http/GuardedSocket.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace drover::api {

GuardedSocket::GuardedSocket(std::unique_ptr<PoolRequest> request,
                             int fd,
                             const Poco::Net::SocketAddress& local)
    : request_(std::move(request)),
      local_(local),
      peer_(request_->request.remoteAddress(), std::uint16_t{0}),
      head_(request_->request.whole().headForPoco()) {
    reset(fd);
}

GuardedSocket::~GuardedSocket() {
    reset();  // The base closes its descriptor.
}

bool GuardedSocket::poll(const Poco::Timespan& /*timeout*/, int mode) {
    return (mode & SELECT_READ) == 0 || read_ < head_.size();
}

int GuardedSocket::receiveBytes(void* buffer, int length, int /*flags*/) {
    const std::size_t count = std::min(head_.size() - read_, static_cast<std::size_t>(length));
    std::memcpy(buffer, head_.data() + read_, count);
    read_ += count;
    return static_cast<int>(count);
}

int GuardedSocket::sendBytes(const void* /*buffer*/, int length, int /*flags*/) {
    return length;
}

}  // namespace drover::api
