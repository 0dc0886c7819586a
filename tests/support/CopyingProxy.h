#pragma once

#include <atomic>
#include <list>
#include <mutex>
#include <string>
#include <thread>

#include <Poco/Net/ServerSocket.h>
#include <Poco/Net/StreamSocket.h>

namespace drover::test {

/// A TCP proxy on loopback that carries chosen replies twice and adds bytes of its own.
///
/// Threads: one of its own per connection; the methods may be called from any.
class CopyingProxy {
public:
    enum class Copy {
        AtOnce,   ///< Right behind its original.
        WithNext  ///< In front of the next reply.
    };

    explicit CopyingProxy(int serverPort);
    ~CopyingProxy();
    CopyingProxy(const CopyingProxy&) = delete;
    CopyingProxy& operator=(const CopyingProxy&) = delete;

    [[nodiscard]] int port() const { return port_; }
    /// Copies every n-th reply of those to requests that contain the text; `every` 0: none.
    void duplicate(Copy copy, int every, const std::string& toRequestWith = "");
    [[nodiscard]] int duplicated() const { return duplicated_; }
    /// Sends the bytes to every client.
    void inject(const std::string& bytes);
    /// How many connections came so far.
    [[nodiscard]] int connections() const { return connections_; }

private:
    void acceptLoop();
    void carry(Poco::Net::StreamSocket client);
    bool copies(const std::string& request);

    const int serverPort_;
    Poco::Net::ServerSocket listener_;
    const int port_;
    std::atomic<bool> stopping_{false};
    std::atomic<int> duplicated_{0};
    std::atomic<int> connections_{0};
    std::mutex mutex_;
    Copy copy_ = Copy::AtOnce;
    int every_ = 0;
    int requests_ = 0;
    std::string copiedRequest_;
    std::string injected_;
    int injections_ = 0;
    std::list<std::thread> carriers_;
    std::thread acceptor_;
};

}  // namespace drover::test
