#pragma once

#include <atomic>
#include <list>
#include <mutex>
#include <string>
#include <thread>

#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/StreamSocket.h>

namespace drover::test {

/// A TCP proxy on loopback that can lose what a server answers.
///
/// loseReply("EVALSHA") arms it: the next request that contains the text reaches the server; its reply is thrown away
/// once it has begun to arrive, and both sockets of that connection are closed. What a crash between a server's write
/// and our read looks like.
/// Threads: one of its own per connection; the methods may be called from any.
class TcpProxy {
public:
    /// `port` 0: any free one.
    explicit TcpProxy(int serverPort, int port = 0);
    ~TcpProxy();
    TcpProxy(const TcpProxy&) = delete;
    TcpProxy& operator=(const TcpProxy&) = delete;

    [[nodiscard]] int port() const { return port_; }
    void loseReply(const std::string& toRequestWith);
    /// How many replies were lost so far.
    [[nodiscard]] int lost() const { return lost_; }

private:
    void acceptLoop();
    void carry(Poco::Net::StreamSocket client);
    /// Whether the bytes hold the armed text; disarms then.
    bool takesAim(const std::string& bytes);

    const int serverPort_;
    Poco::Net::ServerSocket listener_;
    const int port_;
    std::atomic<bool> stopping_{false};
    std::atomic<int> lost_{0};
    std::mutex mutex_;
    std::string aim_;
    std::list<std::thread> carriers_;
    std::thread acceptor_;
};

}  // namespace drover::test
