#include "support/TcpProxy.h"

#include <Poco/Exception.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Timespan.h>

namespace drover::test {

namespace {

const Poco::Timespan kTick(0, 10 * 1000);

/// Moves what is there from one socket to the other; false at the end of the stream.
bool moveBytes(Poco::Net::StreamSocket& from, std::string& bytes) {
    char buffer[64 * 1024];
    const int n = from.receiveBytes(buffer, sizeof(buffer));
    if (n <= 0) {
        return false;
    }
    bytes.assign(buffer, static_cast<std::size_t>(n));
    return true;
}

void sendAll(Poco::Net::StreamSocket& to, const std::string& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        sent += static_cast<std::size_t>(
            to.sendBytes(bytes.data() + sent, static_cast<int>(bytes.size() - sent)));
    }
}

}  // namespace

TcpProxy::TcpProxy(int serverPort, int port)
    : serverPort_(serverPort),
      listener_(Poco::Net::SocketAddress("127.0.0.1", static_cast<Poco::UInt16>(port))),
      port_(listener_.address().port()),
      acceptor_([this] { acceptLoop(); }) {}

TcpProxy::~TcpProxy() {
    stopping_ = true;
    acceptor_.join();
    for (std::thread& carrier : carriers_) {
        carrier.join();
    }
}

void TcpProxy::loseReply(const std::string& toRequestWith) {
    const std::lock_guard lock(mutex_);
    aim_ = toRequestWith;
}

bool TcpProxy::takesAim(const std::string& bytes) {
    const std::lock_guard lock(mutex_);
    if (aim_.empty() || bytes.find(aim_) == std::string::npos) {
        return false;
    }
    aim_.clear();
    return true;
}

void TcpProxy::acceptLoop() {
    while (!stopping_) {
        if (listener_.poll(kTick, Poco::Net::Socket::SELECT_READ)) {
            carriers_.emplace_back(
                [this, client = listener_.acceptConnection()] { carry(client); });
        }
    }
}

void TcpProxy::carry(Poco::Net::StreamSocket client) {
    try {
        Poco::Net::StreamSocket server(
            Poco::Net::SocketAddress("127.0.0.1", static_cast<Poco::UInt16>(serverPort_)));
        client.setNoDelay(true);
        server.setNoDelay(true);
        bool losing = false;
        std::string bytes;
        while (!stopping_) {
            Poco::Net::Socket::SocketList readable{client, server}, writable, failed;
            if (Poco::Net::Socket::select(readable, writable, failed, kTick) == 0) {
                continue;
            }
            for (const Poco::Net::Socket& socket : readable) {
                if (socket == client) {
                    if (!moveBytes(client, bytes)) {
                        return;
                    }
                    losing = losing || takesAim(bytes);
                    sendAll(server, bytes);
                } else {
                    if (!moveBytes(server, bytes)) {
                        return;
                    }
                    if (losing) {
                        ++lost_;
                        return;
                    }
                    sendAll(client, bytes);
                }
            }
        }
    } catch (const Poco::Exception&) {
        // One side is gone: the sockets close with this scope, and the other side sees it.
    }
}

}  // namespace drover::test
