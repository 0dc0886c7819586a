#include "support/RedisServer.h"

#include <chrono>

#include <Poco/Exception.h>
#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocket.h>

namespace drover::test {

RedisServer::RedisServer(const std::vector<std::string>& extra)
    : port_(freePort()), folder_(makeTempFolder("drover-redis-")) {
    args_ = {findProgram("redis-server"),
             "--bind",
             "127.0.0.1",
             "--port",
             std::to_string(port_),
             "--dir",
             folder_,
             "--appendonly",
             "yes",
             "--appendfsync",
             "everysec",
             "--save",
             "",
             "--maxmemory-policy",
             "noeviction"};
    args_.insert(args_.end(), extra.begin(), extra.end());
    start();
}

RedisServer::~RedisServer() {
    process_.stop(9);
    removeTree(folder_);
}

void RedisServer::start() {
    process_.start(args_, folder_ + "/log");
    // "+PONG", or "-NOAUTH" when a password is set: both say that it is up; "-LOADING" says that it is not.
    process_.waitUntil(
        [this] {
            try {
                Poco::Net::StreamSocket socket;
                socket.connect(
                    Poco::Net::SocketAddress("127.0.0.1", static_cast<Poco::UInt16>(port_)),
                    Poco::Timespan(1, 0));
                socket.setReceiveTimeout(Poco::Timespan(1, 0));
                socket.sendBytes("GET x\r\n", 7);
                char reply[64] = {};
                const int n = socket.receiveBytes(reply, sizeof(reply) - 1);
                return n > 0 && std::string(reply).rfind("-LOADING", 0) != 0;
            } catch (const Poco::Exception&) {
                return false;
            }
        },
        std::chrono::seconds(20));
}

void RedisServer::stop(int signal) {
    process_.stop(signal);
}

RedisServer& RedisServer::shared() {
    static RedisServer server;
    return server;
}

}  // namespace drover::test
