#include "support/InlineCommand.h"

#include <stdexcept>

#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>

namespace drover::test {

std::string askInline(int port, const std::string& line) {
    Poco::Net::StreamSocket socket;
    socket.connect(Poco::Net::SocketAddress("127.0.0.1", static_cast<Poco::UInt16>(port)),
                   Poco::Timespan(1, 0));
    socket.setReceiveTimeout(Poco::Timespan(20, 0));
    const std::string request = line + "\r\n";
    socket.sendBytes(request.data(), static_cast<int>(request.size()));
    char reply[4096] = {};
    const int n = socket.receiveBytes(reply, sizeof(reply) - 1);
    if (n <= 0) {
        throw std::runtime_error("redis-server closed the connection: " + line);
    }
    return reply;
}

}  // namespace drover::test
