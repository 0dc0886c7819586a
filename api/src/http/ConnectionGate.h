#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include <Poco/Net/SocketAddress.h>

#include "drover/Routes.h"
#include "http/Connection.h"

namespace drover::api {

/// The door of the server: owns the listening socket and every connection, and lets only complete, checked requests in.
///
/// One thread runs poll(). It accepts, applies the caps, and reads without blocking; a request that is whole becomes
/// "ready" and take() hands its connection over. A slow client costs memory (bounded by the limits) and never a thread
/// (docs/pitfalls.md#n1, docs/pitfalls.md#n2), whether it sends slowly (requestTimeout for a whole request, 408), is
/// idle (idleTimeout), or reads an answer slowly (sendTimeout for a whole answer). Beyond a cap the gate closes the
/// connection that has waited longest for its client, so that idle connections do not lock out new ones. If no
/// connection may be closed, the new one gets 503. The gate answers refusals itself, in JSON, and closes with
/// lingering, so that the client reads the answer instead of a reset.
///
/// Threads: poll() and take() by one thread. giveBack(), begun(), mayBuffer(), someoneWaits() and draining() by the threads
/// that serve. drain(), waitUntilDrained() and abort() by any.
class ConnectionGate {
public:
    using Clock = Connection::Clock;

    struct Settings {
        std::string host = "127.0.0.1";
        std::uint16_t port = 0;  ///< 0: any free one, see port().
        std::size_t maxConnections = 4096;
        std::size_t maxConnectionsPerAddress = 2048;  ///< An IPv6 /64 counts as one address.
        std::chrono::milliseconds requestTimeout{10000};
        std::chrono::milliseconds idleTimeout{30000};
        std::chrono::milliseconds sendTimeout{10000};
        /// A connection that has waited so long for its client is closed if another one needs its place.
        std::chrono::milliseconds idleGivesWayAfter{1000};
        /// The same for one whose request has begun and is not whole.
        bool partialGivesWay = false;
        std::size_t maxBufferedBytes = 64U << 20U;  ///< Unread bytes of all answers together.
        RequestLimits limits;
    };

    /// Binds and listens. Throws Poco::Net::NetException naming host and port.
    explicit ConnectionGate(Settings settings);
    ~ConnectionGate();
    ConnectionGate(const ConnectionGate&) = delete;
    ConnectionGate& operator=(const ConnectionGate&) = delete;

    [[nodiscard]] const Poco::Net::SocketAddress& address() const { return address_; }

    /// Works for up to `timeout`, less if a request is ready. Returns true if one is.
    bool poll(std::chrono::milliseconds timeout);
    /// Returns the next connection with a complete request, in phase Serving; nullptr if none is ready.
    Connection* take();

    /// A thread has taken up a connection that take() returned.
    void begun() { queued_.fetch_sub(1, std::memory_order_relaxed); }
    /// Accepts a connection in phase Serving back: the rest of its answer is sent, then the next request is awaited if
    /// `keep`, or it is closed. The caller must not touch it any more.
    void giveBack(Connection& connection, bool keep);
    /// Returns true if ready requests wait for a thread; a thread should not wait for a client then.
    [[nodiscard]] bool someoneWaits() const { return queued_.load(std::memory_order_relaxed) > 0; }
    /// Counts `bytes` of an answer that has to wait for its client. Returns false if the limit is reached: the caller then
    /// closes the connection.
    [[nodiscard]] bool mayBuffer(std::size_t bytes);

    /// Accepts no more and closes idle connections; requests that have begun have until `readingDeadline` to be whole.
    void drain(Clock::time_point readingDeadline);
    [[nodiscard]] bool draining() const { return draining_.load(std::memory_order_acquire); }
    /// Returns true once nothing is being read, served or written any more; false at `deadline`.
    bool waitUntilDrained(Clock::time_point deadline);
    /// Cuts every connection off. Threads that serve one notice with their next send or receive.
    void abort();
    /// Returns how many connections a thread holds or will get.
    [[nodiscard]] int serving() const { return serving_.load(std::memory_order_acquire); }

private:
    using Phase = Connection::Phase;

    /// The connections from one address.
    struct Group {
        std::size_t count = 0;
        /// No connection of the group is idle for long enough before.
        Clock::time_point roomAgain = Clock::time_point::min();
    };

    void listen();
    void acceptAll();
    void admit(int fd, const Poco::Net::SocketAddress& peer);
    void handle(Connection& connection);
    void read(Connection& connection);
    void examine(Connection& connection);
    void flush(Connection& connection);
    void discard(Connection& connection);
    void refuse(Connection& connection, const Response& response);
    void linger(Connection& connection);
    void await(Connection& connection);
    bool makeRoom(const std::string* group, Clock::time_point& notBefore);
    void close(Connection& connection);
    void leaveGroup(const Connection& connection);
    void arm(const Connection& connection, std::uint32_t events);
    void sweep();
    void expire(Connection& connection);
    void wake();
    void stopListening();

    const Settings settings_;
    Poco::Net::SocketAddress address_;
    int listener_ = -1;
    int epoll_ = -1;
    int wakeup_ = -1;  ///< An eventfd.

    // Used by the gate's thread alone.
    std::unordered_map<int, std::unique_ptr<Connection>> connections_;
    std::unordered_map<std::string, Group> perAddress_;
    std::size_t turnedAway_ = 0;
    std::deque<Connection*> ready_;
    Clock::time_point roomAgain_ = Clock::time_point::min();
    Clock::time_point nextSweep_;
    Clock::time_point listenAgain_;  ///< After the process ran out of descriptors; min: listening.

    /// Held while a thread gives a connection back, and while the gate looks at phases without an event: between the two
    /// steps of giving back, phase and epoll, the descriptor must stay open.
    std::mutex handOver_;
    std::atomic<int> serving_{0};
    std::atomic<int> queued_{0};
    std::atomic<std::size_t> buffered_{0};

    std::atomic<bool> draining_{false};
    std::atomic<bool> aborted_{false};
    std::mutex drainMutex_;
    std::condition_variable drainedSignal_;
    Clock::time_point readingDeadline_;  ///< Guarded by drainMutex_.
    bool drained_ = false;               ///< Guarded by drainMutex_.
};

}  // namespace drover::api
