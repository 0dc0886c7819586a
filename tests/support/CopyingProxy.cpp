#include "support/CopyingProxy.h"

#include <utility>

#include <Poco/Exception.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Timespan.h>

namespace drover::test {

namespace {

const Poco::Timespan kTick(0, 10 * 1000);

Poco::Net::SocketAddress loopback(int port) {
    return {"127.0.0.1", static_cast<Poco::UInt16>(port)};
}

/// Moves what is there from the socket; false at the end of the stream.
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

CopyingProxy::CopyingProxy(int serverPort)
    : serverPort_(serverPort),
      listener_(loopback(0)),
      port_(listener_.address().port()),
      acceptor_([this] { acceptLoop(); }) {}

CopyingProxy::~CopyingProxy() {
    stopping_ = true;
    acceptor_.join();
    for (std::thread& carrier : carriers_) {
        carrier.join();
    }
}

void CopyingProxy::duplicate(Copy copy, int every, const std::string& toRequestWith) {
    const std::lock_guard lock(mutex_);
    copy_ = copy;
    every_ = every;
    requests_ = 0;
    copiedRequest_ = toRequestWith;
}

void CopyingProxy::inject(const std::string& bytes) {
    const std::lock_guard lock(mutex_);
    injected_ = bytes;
    ++injections_;
}

bool CopyingProxy::copies(const std::string& request) {
    const std::lock_guard lock(mutex_);
    if (every_ == 0 || request.find(copiedRequest_) == std::string::npos) {
        return false;
    }
    return ++requests_ % every_ == 0;
}

void CopyingProxy::acceptLoop() {
    while (!stopping_) {
        if (listener_.poll(kTick, Poco::Net::Socket::SELECT_READ)) {
            ++connections_;
            carriers_.emplace_back(
                [this, client = listener_.acceptConnection()] { carry(client); });
        }
    }
}

void CopyingProxy::carry(Poco::Net::StreamSocket client) {
    try {
        Poco::Net::StreamSocket server(loopback(serverPort_));
        client.setNoDelay(true);
        server.setNoDelay(true);
        bool copying = false;
        std::string copy;
        std::string bytes;
        int injected = [this] {
            const std::lock_guard lock(mutex_);
            return injections_;
        }();
        while (!stopping_) {
            {
                const std::lock_guard lock(mutex_);
                if (injected != injections_) {
                    injected = injections_;
                    sendAll(client, injected_);
                }
            }
            Poco::Net::Socket::SocketList readable{client, server}, writable, failed;
            if (Poco::Net::Socket::select(readable, writable, failed, kTick) == 0) {
                continue;
            }
            for (const Poco::Net::Socket& socket : readable) {
                if (!moveBytes(socket == client ? client : server, bytes)) {
                    return;
                }
                if (socket == client) {
                    copying = copies(bytes) || copying;
                    sendAll(server, bytes);
                    continue;
                }
                std::string out = std::exchange(copy, "") + bytes;
                if (copying) {
                    const std::lock_guard lock(mutex_);
                    ++duplicated_;
                    (copy_ == Copy::AtOnce ? out : copy) += bytes;
                    copying = false;
                }
                sendAll(client, out);
            }
        }
    } catch (const Poco::Exception&) {
        // One side is gone: the sockets close with this scope, and the other side sees it.
    }
}

}  // namespace drover::test
