#include "http/GateSocket.h"

#include <chrono>
#include <memory>
#include <utility>

#include <Poco/Exception.h>

#include "http/GuardedSocket.h"

namespace drover::api {

bool GateSocket::poll(const Poco::Timespan& timeout, int /*mode*/) {
    return gate_.poll(std::chrono::milliseconds(timeout.totalMilliseconds()));
}

Poco::Net::SocketImpl* GateSocket::acceptConnection(Poco::Net::SocketAddress& clientAddress) {
    std::unique_ptr<PoolRequest> request = gate_.popReady();
    if (!request) {
        throw Poco::IllegalStateException(
            "acceptConnection without a ready request: poll() comes first");
    }
    clientAddress = Poco::Net::SocketAddress(request->request.remoteAddress(), std::uint16_t{0});
    return new GuardedSocket(std::move(request), gate_.fd(), gate_.address());
}

}  // namespace drover::api
