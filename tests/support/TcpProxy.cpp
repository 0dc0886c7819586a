#include "support/TcpProxy.h"

#include <algorithm>
#include <cstdint>

#include <Poco/Exception.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Timespan.h>

namespace drover::test {

namespace {

constexpr int kBuffer = 64 * 1024;
const Poco::Timespan kTick(0, 10 * 1000);

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
      acceptor_([this] {
          // Little is buffered here: what a sender has got rid of is on its way.
          listener_.setReceiveBufferSize(kBuffer);
          acceptLoop();
      }) {}

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

bool TcpProxy::moveBytes(Poco::Net::StreamSocket& from, std::string& bytes) {
    char buffer[64 * 1024];
    const std::size_t rate = rate_;
    const std::size_t most =
        rate == 0 ? sizeof(buffer) : std::clamp<std::size_t>(rate / 50, 1, sizeof(buffer));
    const int n = from.receiveBytes(buffer, static_cast<int>(most));
    if (n <= 0) {
        return false;
    }
    bytes.assign(buffer, static_cast<std::size_t>(n));
    pace(bytes.size());
    return true;
}

void TcpProxy::pace(std::size_t bytes) {
    const std::size_t rate = rate_;
    if (rate == 0) {
        return;
    }
    std::unique_lock lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    carriedBy_ = std::max(carriedBy_, now) +
                 std::chrono::nanoseconds(static_cast<std::int64_t>(bytes) * 1'000'000'000 /
                                          static_cast<std::int64_t>(rate));
    const auto until = carriedBy_;
    lock.unlock();
    std::this_thread::sleep_until(until);
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
        server.setReceiveBufferSize(kBuffer);
        server.setSendBufferSize(kBuffer);
        client.setSendBufferSize(kBuffer);
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
