#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include <Poco/Net/StreamSocket.h>

#include "redis/Command.h"
#include "redis/RedisOptions.h"
#include "redis/Reply.h"
#include "redis/Transport.h"

namespace drover {

/// One connection to a Redis master: hiredis formats and parses, a Transport carries the bytes over Poco's socket
/// (docs/pitfalls.md#h1).
///
/// Every wait has a deadline, which counts from the last progress of the transfer: a large reply may last while its bytes
/// arrive. Less than kProgress bytes are no progress, so that a wait for a peer that dribbles ends.
/// After any exception the connection is broken() and must be destroyed: a late reply would otherwise answer the next
/// command (docs/pitfalls.md#h4).
///
/// A reply counts only with its seal (docs/pitfalls.md#h9): an ECHO of a text that is used once follows each command, and
/// that text must come right behind the reply. A reply too many, as from a broken proxy, shifts the later ones, and the
/// first seal shows it. Commands that change later replies must not be sent: MULTI, SUBSCRIBE; but see post(). Without the
/// right to ECHO only bytes without a command show the shift, which misses a reply that comes late.
/// Threads: one at a time.
class Connection {
public:
    using Clock = std::chrono::steady_clock;
    /// The code of a RedisAuthException for a database that Redis does not have.
    static constexpr int kNoSuchDatabase = 1;

    /// Bytes that begin the time of a deadline anew.
    static constexpr std::size_t kProgress = 4096;

    /// A server that is only asked about others, as a sentinel, may be a replica, and have neither ECHO nor TIME.
    enum class Peer { Master, Informant };

    /// Connects, shakes hands if TLS is wanted, and introduces itself: AUTH, and to a master SELECT, CLIENT SETNAME, ROLE.
    /// Measures a master's time. `clientName` empty: no name.
    /// Throws RedisIoException (refused, timed out, a replica), RedisAuthException (also for a database that does not
    /// exist, and for a certificate that one side does not trust), RedisBusyException (LOADING). A name that Redis refuses is left out.
    Connection(const RedisOptions& options,
               const std::string& clientName,
               Peer peer = Peer::Master);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Sends a command and waits for its reply, each within options.commandTimeout. Error replies are returned.
    Reply call(const Command& command);
    /// The same within the time that is left until the deadline.
    Reply call(const Command& command, Clock::time_point deadline);

    /// The two halves of call(), for a command that blocks inside Redis.
    void send(const Command& command, Clock::time_point deadline);
    /// Throws RedisTimeoutException at the deadline, RedisIoException when the peer is gone or the replies are out of step.
    Reply receive(Clock::time_point deadline);
    /// A reply if one is complete, without waiting.
    std::optional<Reply> tryReceive();

    /// Sends a command whose replies are messages, as those to SUBSCRIBE: from then on only this and tryMessage() may be
    /// called. Throws as send() does.
    void post(const Command& command, Clock::time_point deadline);
    /// Returns the next message if one is complete, without waiting. Throws RedisIoException when the peer is gone.
    std::optional<Reply> tryMessage();

    /// Returns how many replies are still to come.
    [[nodiscard]] std::size_t owed() const { return seals_.size(); }
    /// Describes bytes that came although no reply is owed, std::nullopt if there are none. A connection with such bytes is
    /// broken. Throws RedisIoException if Redis has closed the connection.
    std::optional<std::string> unasked();

    /// Measures the time of Redis if a measurement is due. Only while no reply is owed. Throws as call() does.
    void measureTime();

    /// For poll(), once tryReceive() has returned nothing: readable when it has something to do.
    [[nodiscard]] int fd() const;
    [[nodiscard]] bool broken() const { return broken_; }
    /// When the last kProgress bytes had arrived; the beginning of time before that.
    [[nodiscard]] Clock::time_point lastProgress() const { return lastProgress_; }
    /// Returns true if a large command has moved on since it was sent, or since the last call: the kernel takes megabytes at
    /// once, which then need their time.
    [[nodiscard]] bool sendProgressed();

private:
    void connect(const RedisOptions& options);
    void encrypt(const RedisOptions& options, Clock::time_point deadline);
    /// Waits until the socket is readable, or writable. Returns false at the deadline.
    bool awaitSocket(Poco::Net::Socket::SelectMode mode, Clock::time_point deadline);
    std::size_t sendSome(const char* bytes, std::size_t count);
    /// Sends all of out_.
    void transmit(Clock::time_point deadline);
    /// Reads what has arrived into the parser. Returns false if nothing has.
    bool readAvailable();
    /// Returns true if the parser has bytes that belong to none of the replies that it returned.
    [[nodiscard]] bool hasUnread() const;
    std::optional<Reply> parse();
    /// Returns the next reply if it and its seal have been read.
    std::optional<Reply> sealedReply();
    /// Throws the error of Redis if one came without a command.
    void requireInStep();
    std::string nextSeal();
    void measureTime(Clock::time_point deadline);
    void authenticate(const RedisOptions& options, Clock::time_point deadline);
    /// Throws for an error reply to `operation`.
    void requireOk(const Reply& reply, const std::string& operation) const;
    void handshake(const RedisOptions& options,
                   const std::string& clientName,
                   Clock::time_point deadline);

    std::chrono::milliseconds commandTimeout_;
    std::string where_;
    std::shared_ptr<ServerTime> time_;
    Poco::Net::StreamSocket socket_;
    std::unique_ptr<Transport> transport_;
    ReplyReader reader_;
    std::string out_;
    std::deque<std::string>
        seals_;  ///< One per reply to come; empty texts without the right to ECHO.
    std::optional<Reply> unsealed_;  ///< A reply whose seal is still to come.
    std::string sealPrefix_;         ///< Random, so that a seal of another connection never counts.
    std::uint64_t sealNumber_ = 0;
    bool sealing_ = false;
    bool broken_ = false;
    std::size_t arrived_ = 0;  ///< Bytes since lastProgress_.
    std::size_t unsent_ = 0;   ///< Bytes of a large command in the kernel's buffer.
    Clock::time_point lastProgress_ = Clock::time_point::min();
};

}  // namespace drover
