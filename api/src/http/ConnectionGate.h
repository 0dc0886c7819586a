#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <Poco/Logger.h>
#include <Poco/Net/SocketAddress.h>

#include "http/AccessLog.h"
#include "http/Connection.h"
#include "http/ConnectionCaps.h"
#include "http/Front.h"
#include "http/Listener.h"
#include "http/LoopInbox.h"
#include "http/PoolRequest.h"
#include "http/TlsContext.h"

namespace drover::api {

/// The loop of the server: owns the listening socket and every connection, and alone reads and writes.
///
/// One thread runs poll(). It accepts, applies the caps, and reads without blocking; a request that is whole goes to the
/// Front, which answers through a Responder or hands back a call for the pool, where popReady() finds it. Answers and
/// events of any thread come back through a LoopInbox. A slow client costs memory (bounded by the limits) and never a
/// thread (docs/pitfalls.md#n1, docs/pitfalls.md#n2), whether it sends slowly (requestTimeout for a whole request, 408),
/// is idle (idleTimeout), or reads an answer slowly (sendTimeout for a whole answer, or for any byte of a stream). Beyond a
/// cap a waiting connection gives way, or the new one gets 503 (ConnectionCaps). The gate answers refusals itself, in JSON,
/// and closes with lingering, so that the client reads the answer instead of a reset.
///
/// A body that the front accepts open is received while it is answered, as far as its handler has room. The client must
/// read what there is within sendTimeout, and else send a byte within idleTimeout.
///
/// With a TlsContext the connections are encrypted. A handshake is a part of the wait for the first request and has its
/// deadline; the gate's thread computes it.
///
/// Threads: poll() and popReady() by one thread. useTls(), drain(), waitUntilDrained(), abort() and pooled() by any.
class ConnectionGate {
public:
    using Clock = Connection::Clock;

    struct Settings {
        std::string host = "127.0.0.1";
        std::uint16_t port = 0;  ///< 0: any free one, see port().
        ConnectionCaps::Settings caps;
        std::chrono::milliseconds requestTimeout{10000};
        std::chrono::milliseconds idleTimeout{30000};
        std::chrono::milliseconds sendTimeout{10000};
        std::size_t maxBufferedBytes = 64U << 20U;    ///< Unread bytes of all answers together.
        std::size_t streamBufferBytes = 256U << 10U;  ///< Unread bytes of one stream of events.
        /// A stream without events gets a comment after this.
        std::chrono::milliseconds streamHeartbeat{15000};
        RequestLimits limits;
    };

    /// Binds and listens. Throws Poco::Net::NetException naming host and port. `front` and `logger` outlive it.
    ConnectionGate(Settings settings, Front& front, Poco::Logger& logger);
    ~ConnectionGate();
    ConnectionGate(const ConnectionGate&) = delete;
    ConnectionGate& operator=(const ConnectionGate&) = delete;

    [[nodiscard]] const Poco::Net::SocketAddress& address() const { return listener_.address(); }

    /// Encrypts the connections that are accepted from now on; nullptr: they are plain, as they are at first. Present
    /// connections stay as they are.
    void useTls(std::shared_ptr<const TlsContext> context);

    /// Works for up to `timeout`, less if a request for the pool is ready. Returns true if one is.
    bool poll(std::chrono::milliseconds timeout);
    /// Returns the next request for the pool; nullptr if none is ready.
    std::unique_ptr<PoolRequest> popReady();
    /// Returns a descriptor that stays open as long as the gate lives.
    [[nodiscard]] int fd() const { return epoll_.fd(); }
    /// Returns how many requests wait for a thread of the pool or have one.
    [[nodiscard]] int pooled() const { return pooled_->load(std::memory_order_acquire); }

    /// Accepts no more and closes idle connections; requests that have begun have until `readingDeadline` to be whole.
    void drain(Clock::time_point readingDeadline);
    [[nodiscard]] bool draining() const { return inbox_->draining(); }
    /// Returns true once nothing is being read, answered or written any more; false at `deadline`.
    bool waitUntilDrained(Clock::time_point deadline);
    /// Cuts every connection off.
    void abort();

private:
    using Phase = Connection::Phase;

    void acceptAll();
    [[nodiscard]] std::unique_ptr<Transport> transportFor(int fd);
    void admit(int fd, const Poco::Net::SocketAddress& peer);
    bool closeWaiting(Connection& connection);
    void waitForEvents(std::chrono::milliseconds wait);
    void handle(Connection& connection, std::uint32_t events);
    void read(Connection& connection);
    void examine(Connection& connection);
    void dispatch(Connection& connection);
    void deliverAll();
    void deliver(LoopMessage& message);
    void deliver(Connection& connection, LoopMessage& message);
    template <typename Work>
    void closeIfThrows(Connection& connection, Work work);
    void send(Connection& connection, std::string bytes);
    void beginStream(Connection& connection, LoopMessage& message);
    void receive(Connection& connection);
    void setUploadDeadline(Connection& connection);
    void expireUpload(Connection& connection);
    void sendCounted(Connection& connection, std::string bytes);
    void endStream(Connection& connection);
    void flush(Connection& connection);
    void outputSent(Connection& connection);
    void discard(Connection& connection);
    void refuse(Connection& connection, const Response& response);
    void linger(Connection& connection);
    void enter(Connection& connection, Phase phase, std::chrono::milliseconds atMost);
    void close(Connection& connection);
    void onAnswered(const Connection& connection, int status, std::size_t bytes);
    void closeBroken(Connection& connection);
    void sweep();
    void expire(Connection& connection, bool cut);

    const Settings settings_;
    Front& front_;
    Poco::Logger& logger_;
    AccessLog accessLog_;
    const Epoll epoll_;
    Listener listener_;
    const std::shared_ptr<LoopInbox> inbox_ = std::make_shared<LoopInbox>();

    // Used by the gate's thread alone.
    ConnectionCaps::Connections connections_;
    ConnectionCaps caps_;
    std::vector<std::unique_ptr<Connection>> closed_;  ///< In this turn.
    std::size_t buffered_ = 0;
    std::uint64_t lastSerial_ = 0;
    bool accepted_ = false;  ///< The front has accepted a request since the last end of a turn.
    std::deque<std::unique_ptr<PoolRequest>> ready_;
    Clock::time_point now_ = Clock::now();  ///< The time of this turn.
    Clock::time_point nextSweep_;

    const std::shared_ptr<std::atomic<int>> pooled_ = std::make_shared<std::atomic<int>>(0);
    std::atomic<bool> aborted_{false};
    std::mutex tlsMutex_;
    std::shared_ptr<const TlsContext> tls_;  ///< Guarded by tlsMutex_.
    std::mutex drainMutex_;
    std::condition_variable drainedSignal_;
    Clock::time_point readingDeadline_;  ///< Guarded by drainMutex_.
    bool drained_ = false;               ///< Guarded by drainMutex_.
};

}  // namespace drover::api
