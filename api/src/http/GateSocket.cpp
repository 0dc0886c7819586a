#include "http/GateSocket.h"

#include <chrono>

#include <Poco/Exception.h>

#include "http/GuardedSocket.h"

namespace drover::api {

bool GateSocket::poll(const Poco::Timespan& timeout, int /*mode*/) {
    return gate_.poll(std::chrono::milliseconds(timeout.totalMilliseconds()));
}

Poco::Net::SocketImpl* GateSocket::acceptConnection(Poco::Net::SocketAddress& clientAddress) {
    Connection* const connection = gate_.take();
    if (connection == nullptr) {
        throw Poco::IllegalStateException(
            "acceptConnection without a ready connection: poll() comes first");
    }
    clientAddress = connection->peer;
    return new GuardedSocket(gate_, *connection);
}

}  // namespace drover::api
