#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "redis/Connection.h"
#include "redis/Endpoints.h"
#include "redis/Reconnect.h"
#include "redis/ScriptRegistry.h"

namespace drover {

/// Sends commands on a connection that it opens on first use, drops at the first error, and opens again when the backoff
/// allows. Logs an outage when it begins and when it ends.
///
/// A refusal that time cures (see Refusal) leaves a sound connection open. Until a probe without effect shows that Redis
/// accepts commands of the refused kind again, this client sends nothing.
///
/// Behind sentinels and in a cluster each connection goes to the master that serves options().slot at the time. A connection
/// to a server that is the master no more is left at once. call(), run() and runAll() follow MOVED.
///
/// Threads: one at a time, but for healthy().
class RedisClient {
public:
    using Clock = Connection::Clock;

    /// `label` names the connection in the log ("claim reservation-queue"). `clientName` is what CLIENT LIST shows.
    RedisClient(RedisOptions options, std::string label, std::string clientName = "");

    /// Returns the connection, opened if needed. A connection with bytes that belong to no command is replaced first.
    /// Throws RedisIoException or a child of it: at once while the backoff runs.
    Connection& connection();

    /// Sends one command and returns its reply. Throws for error replies as throwError() does.
    Reply call(const Command& command);
    Reply call(const Command& command, Clock::time_point deadline);

    /// Starts a script call: the first three arguments; the caller adds keys (as many as the script has), calls closeKeys(),
    /// and adds arguments.
    [[nodiscard]] Command script(const std::string& name) const;
    /// Ends the keys of a script call. `key`: one of them. In a cluster adds a key that never exists: Redis refuses such a
    /// call while the slot moves, where the script would find a part of its keys (docs/redis.md#cluster).
    void closeKeys(Command& command, const std::string& key) const;
    /// Runs a command made by script(): by hash, and by text if Redis has no such script (a restart empties its cache).
    Reply run(Command& command);

    /// Sends commands together, made by script() or not, and returns their replies in order, error replies too.
    /// After an exception any of them may have run.
    std::vector<Reply> runAll(std::vector<Command>& commands);

    /// A reply, an error reply too, and the command that it answers.
    struct Answered {
        const Command* call;
        Reply reply;
    };
    /// Sends a command made by script(), which must live until receive() returns its reply. Several may be under way; until
    /// all have their replies nothing else may be called. After an exception of either none will have a reply.
    void send(Command& call);
    /// Returns the next reply if it is there, without waiting. A call whose script Redis does not have is sent again by its
    /// text: its reply then comes after those of all calls under way.
    std::optional<Answered> receive();
    /// Throws for an error reply as call() does. `key`: a key of the command, unless receive() returned the reply.
    void require(const Reply& reply, const std::string& operation, const std::string& key = "");
    /// Returns the socket for poll(), readable when receive() has something to do; -1 without a connection.
    [[nodiscard]] int fd() const { return connection_ ? connection_->fd() : -1; }

    /// Returns when a part of a reply last arrived; see Connection.
    [[nodiscard]] Clock::time_point lastProgress() const {
        return connection_ ? connection_->lastProgress() : Clock::time_point::min();
    }
    [[nodiscard]] bool sendProgressed() { return connection_ && connection_->sendProgressed(); }

    /// Forgets the connection; the next use opens a new one.
    void drop();
    /// Drops a connection that the caller found dead, as after a failed call.
    void fail(const std::string& why) { failed(why, false); }

    /// Returns Redis's time, in milliseconds since the epoch: the time to store. Throws as connection() does.
    std::int64_t nowMs() {
        connection();
        return options_.time->nowMs();
    }

    /// Returns true if the last contact succeeded, and Redis refuses no client of this process. Any thread.
    [[nodiscard]] bool healthy() const { return healthy_ && !options_.refusal->active(); }
    /// Returns true while Redis refuses a client of this process. Any thread.
    [[nodiscard]] bool refusedAnywhere() const { return options_.refusal->active(); }
    /// Returns when a refused use may be tried again.
    [[nodiscard]] Clock::time_point nextAttempt() const { return reconnect_.nextAttempt(); }
    [[nodiscard]] const RedisOptions& options() const { return options_; }

private:
    /// Drops an idle connection to a server that is not the master any more.
    void leaveFormerMaster();
    /// Returns true if a cluster answered that the slot is at another node: the next connection goes there.
    bool followMoved(std::string_view error);
    /// Makes a call until its reply is not MOVED. `call` gets the connection.
    template <typename Call>
    Reply following(Call call);
    /// Runs a command, by text if Redis does not have the script, at the node of the slot.
    Reply runToEnd(Command& command);
    void suspectServer();
    /// Runs `work`, and drops the connection for what makes it useless.
    template <typename Work>
    auto guarded(Work work);
    /// Returns true if the connection may be used. Drops one whose replies are out of step.
    bool inStep();
    /// Returns the connection. Throws if calls are under way.
    Connection& idleConnection();
    void sendByText(Connection& link, Command& call, Clock::time_point deadline) const;
    void failed(const std::string& why, bool slow);
    void refused(const std::string& why, const std::string& key, bool keepConnection);
    /// Throws what the class of the error demands.
    [[noreturn]] void raise(const std::string& operation,
                            std::string_view error,
                            const std::string& key);
    /// Records that Redis accepted a command.
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
    std::unique_ptr<OpenSockets::Entry> socket_;  ///< The one of connection_; goes first.
    Redis::Address at_;  ///< Where the last connection led, or was to lead.
    struct Sent {
        Command* command;
        Clock::time_point at;
    };
    std::deque<Sent> underWay_;  ///< Sent without a reply yet, in the order of the replies.
    bool connectedBefore_ = false;
    std::string lastError_;
    bool away_ = false;         ///< Logged as away.
    bool refusedHere_ = false;  ///< This client's last command was refused.
    bool cannotProbe_ = false;  ///< Without the right to probe; the next command itself does.
    std::string refusedKey_;    ///< From the last reply of receive(), if that is an error.
    int strays_ = 0;            ///< How often bytes came without a command.
    std::optional<Clock::time_point> strayLogged_;
    std::atomic<bool> healthy_{false};
};

}  // namespace drover
