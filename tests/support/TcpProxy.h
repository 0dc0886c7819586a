#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace drover::test {

/// The direction of bytes through a proxy.
enum class Way { ToServer, ToClient };

/// A fault of a broken network or a broken middlebox in a stream of bytes. A value.
struct NetworkFault {
    enum class Kind {
        Drop,       ///< A piece never arrives; what follows it does.
        Delay,      ///< Every piece arrives later by `delay`.
        Cut,        ///< The connection is reset in the middle of a piece.
        Duplicate,  ///< A piece arrives twice.
        Corrupt,  ///< The first byte of a message becomes 0xFF. Payload that was changed unseen is for TLS to find.
        Dribble,   ///< Bytes arrive in portions of `bytes`, one every `delay`.
        BlackHole  ///< Nothing arrives until heal(); then all of it does, late.
    };

    Kind kind = Kind::Delay;
    Way way = Way::ToServer;
    double rate =
        1.0;  ///< Share of the pieces that are dropped, cut, duplicated or corrupted, in (0, 1].
    std::chrono::milliseconds delay{0};
    std::size_t bytes = 1;
};

/// "drop", "black-hole" … and "to-server", "to-client": the names in reports and on command lines.
[[nodiscard]] std::string nameOf(NetworkFault::Kind kind);
[[nodiscard]] std::string nameOf(Way way);
/// Every kind, in the order of the enumeration.
[[nodiscard]] const std::vector<NetworkFault::Kind>& everyNetworkFault();

/// A TCP proxy on loopback that misbehaves at the wish of a test; for any protocol.
///
/// inject() and heal() work on open and on new connections. Each direction of each connection draws from its own
/// generator, which is seeded by the proxy's seed and the number of the connection: a piece is what one read returned.
/// Threads: one of its own; the methods may be called from any.
class TcpProxy {
public:
    /// `port` 0: any free one.
    explicit TcpProxy(int serverPort, int port = 0, std::uint64_t seed = 1);
    ~TcpProxy();
    TcpProxy(const TcpProxy&) = delete;
    TcpProxy& operator=(const TcpProxy&) = delete;

    [[nodiscard]] int port() const { return port_; }

    /// Adds a fault to those that are on.
    void inject(const NetworkFault& fault);
    /// Sends new connections to another server, as an address that moves does; open ones stay where they are.
    void moveTo(int serverPort);
    /// Refuses new connections: accepts and resets them.
    void refuse();
    /// Switches every fault off.
    void heal();
    /// From now on all connections together carry so many bytes per second; 0: as many as there are. Not a fault: heal()
    /// leaves it.
    void throttle(std::size_t bytesPerSecond);
    /// Resets every open connection.
    void cutAll();

    /// Arms the proxy: the next request that contains the text reaches the server; its reply is thrown away once it has
    /// begun to arrive, and both sockets of that connection are closed. That is the effect of a crash between a
    /// server's write and the client's read.
    void loseReply(const std::string& toRequestWith);
    /// How many replies were lost so far.
    [[nodiscard]] int lost() const { return lost_; }
    /// Returns how many pieces the faults have changed, delayed or thrown away so far.
    [[nodiscard]] std::uint64_t touched() const { return touched_; }

private:
    struct Link;
    struct Stream;

    void run();
    void wake() const;
    void acceptClients();
    /// Reads the bytes that have arrived and passes them to the faults. Returns false when the link is over.
    bool forward(Link& link, Stream& stream);
    /// Applies the faults to one piece; false when the link is to be cut. `whole`: the piece is whole messages, as
    /// far as the proxy can see; any other piece is neither dropped nor duplicated nor cut.
    bool pass(Stream& stream, std::string piece, bool whole);
    /// Sends what is due; false when the receiver is gone.
    bool deliver(Stream& stream, std::chrono::steady_clock::time_point now);
    [[nodiscard]] bool held(Way way) const;

    std::atomic<int> serverPort_;
    const std::uint64_t seed_;
    int listener_ = -1;
    int wakeUp_ = -1;
    int port_ = 0;
    std::uint64_t accepted_ = 0;
    std::atomic<std::size_t> rate_{0};
    std::chrono::steady_clock::time_point
        freeAt_{};  ///< When a throttled link has carried what it took.
    std::atomic<bool> stopping_{false};
    std::atomic<bool> refusing_{false};
    std::atomic<bool> cutting_{false};
    std::atomic<int> lost_{0};
    std::atomic<std::uint64_t> touched_{0};
    mutable std::mutex mutex_;
    std::vector<NetworkFault> faults_;
    std::string aim_;
    std::list<Link> links_;
    std::thread thread_;
};

}  // namespace drover::test
