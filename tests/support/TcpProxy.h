#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <thread>

#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/StreamSocket.h>

namespace drover::test {

/// A TCP proxy on loopback that can lose what a server answers, and be slow.
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
    /// From now on all connections together carry so many bytes per second; 0: as many as there are.
    void throttle(std::size_t bytesPerSecond) { rate_ = bytesPerSecond; }
    /// How many replies were lost so far.
    [[nodiscard]] int lost() const { return lost_; }

private:
    void acceptLoop();
    void carry(Poco::Net::StreamSocket client);
    /// Whether the bytes hold the armed text; disarms then.
    bool takesAim(const std::string& bytes);
    /// Moves what is there from one socket to the other; false at the end of the stream.
    bool moveBytes(Poco::Net::StreamSocket& from, std::string& bytes);
    /// Sleeps until so many bytes more have had their time.
    void pace(std::size_t bytes);

    const int serverPort_;
    Poco::Net::ServerSocket listener_;
    const int port_;
    std::atomic<bool> stopping_{false};
    std::atomic<int> lost_{0};
    std::mutex mutex_;
    std::string aim_;
    std::atomic<std::size_t> rate_{0};
    std::chrono::steady_clock::time_point carriedBy_{};  ///< When the link is free again.
    std::list<std::thread> carriers_;
    std::thread acceptor_;
};

}  // namespace drover::test
