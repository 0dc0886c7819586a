#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "redis/Connection.h"
#include "redis/Reconnect.h"
#include "redis/ScriptRegistry.h"

namespace drover {

/// A connection that comes back: opens on first use, is dropped at the first error, and is opened again when the backoff
/// allows. Logs an outage when it begins and when it ends.
///
/// A refusal that time cures (see Refusal) keeps the connection if it is sound. Until a command of the refused kind is done
/// again, which a probe without effect finds out, this client sends nothing.
///
/// Threads: one at a time, but for healthy().
class RedisClient {
public:
    using Clock = Connection::Clock;

    /// `label` names the connection in the log ("claim reservation-queue"). `clientName` is what CLIENT LIST shows.
    RedisClient(RedisOptions options, std::string label, std::string clientName = "");

    /// The connection, opened if needed, and in step: one with bytes that nobody asked for is replaced before it is used.
    /// Throws RedisIoException or a child of it: at once while the backoff runs.
    Connection& connection();

    /// One command. Throws for error replies what their class asks for, see throwError.
    Reply call(const Command& command);
    Reply call(const Command& command, Clock::time_point deadline);

    /// Starts a script call: the first three arguments; the caller adds keys (as many as the script has) and arguments.
    [[nodiscard]] Command script(const std::string& name) const;
    /// Runs a command made by script(): by hash, and by text if Redis does not know it (a restart empties its cache).
    Reply run(Command& command);

    /// A reply that receive() has brought, an error reply too, and the command that it answers.
    struct Answered {
        const Command* call;
        Reply reply;
    };
    /// Sends a command made by script(), which must live until receive() brings its reply. Several may be under way, and
    /// until all are answered nothing else can be called. An exception of either means that none will be answered.
    void send(Command& call);
    /// The next reply, if it is there: without waiting. A call whose script Redis does not know is sent again by its text,
    /// and answered after those that are under way.
    std::optional<Answered> receive();
    /// Throws for an error reply what call() would. `key`: a key of the command, if receive() did not bring the reply.
    void require(const Reply& reply, const std::string& operation, const std::string& key = "");
    /// For poll(): readable when receive() has something to do. -1: there is no connection.
    [[nodiscard]] int fd() const { return connection_ ? connection_->fd() : -1; }

    /// When a part of a reply last arrived; see Connection.
    [[nodiscard]] Clock::time_point lastProgress() const {
        return connection_ ? connection_->lastProgress() : Clock::time_point::min();
    }
    [[nodiscard]] bool sendProgressed() { return connection_ && connection_->sendProgressed(); }

    /// Forgets the connection; the next use opens a new one.
    void drop();
    /// The caller found the connection dead: as after a failed call.
    void fail(const std::string& why) { failed(why, false); }

    /// Redis's time, in milliseconds since the epoch: the one for what is stored. Throws as connection() does.
    std::int64_t nowMs() {
        connection();
        return options_.time->nowMs();
    }

    /// Whether the last contact succeeded, and Redis refuses no client of this process. Any thread.
    [[nodiscard]] bool healthy() const { return healthy_ && !options_.refusal->active(); }
    /// Whether Redis refuses a client of this process for now. Any thread.
    [[nodiscard]] bool refusedAnywhere() const { return options_.refusal->active(); }
    /// When a refused use may be tried again.
    [[nodiscard]] Clock::time_point nextAttempt() const { return reconnect_.nextAttempt(); }
    [[nodiscard]] const RedisOptions& options() const { return options_; }

private:
    /// Runs `work`, and drops the connection for what makes it useless.
    template <typename Work>
    auto guarded(Work work);
    /// Whether the connection may be used: drops one whose replies are out of step.
    bool inStep();
    /// For what needs the connection to itself.
    Connection& idleConnection();
    void sendByText(Connection& link, Command& call, Clock::time_point deadline) const;
    void failed(const std::string& why, bool slow);
    void refused(const std::string& why, const std::string& key, bool keepConnection);
    /// Throws what the error asks for.
    [[noreturn]] void raise(const std::string& operation,
                            std::string_view error,
                            const std::string& key);
    /// A command was done.
    void accepted();
    /// Throws RedisBusyException while Redis refuses what this client sent last.
    void requireAccepted();
    enum class Probe { Accepted, Refused, Unknown };
    /// Sends a command of the kind that was refused, which writes nothing.
    Probe probe(const std::string& key);
    void recovered();
    void open();
    [[nodiscard]] std::string where() const;

    RedisOptions options_;
    std::string label_;
    std::string clientName_;
    Reconnect reconnect_;
    std::unique_ptr<Connection> connection_;
    std::deque<Command*> underWay_;  ///< What send() has sent, in the order of the replies.
    std::string lastError_;
    bool away_ = false;         ///< Logged as away.
    bool refusedHere_ = false;  ///< This client's last command was refused.
    bool cannotProbe_ = false;  ///< No right to: the next command itself finds out.
    std::string refusedKey_;    ///< Of the reply that receive() brought last, if it is an error.
    int strays_ = 0;            ///< How often bytes came that nobody asked for.
    std::optional<Clock::time_point> strayTold_;
    std::atomic<bool> healthy_{false};
};

}  // namespace drover
